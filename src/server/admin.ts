import type { Context, Hono } from 'hono';
import { finishRecord } from '../pipeline/finish-record.ts';
import { errorHeaders } from '../pipeline/reply-headers.ts';
import { clientName, startRecord } from '../telemetry/record.ts';
import { FailureError, internalFailure, invalidRequest, refuse, type Failure } from '../turn/failure.ts';
import { accountRoutes } from './admin-accounts.ts';
import { configRoutes } from './admin-config.ts';
import { keyRoutes } from './admin-keys.ts';
import type { AdminAnswer, AdminDeps, AdminRoute } from './admin-route.ts';
import { stateRoutes } from './admin-state.ts';
import { readBody } from './body.ts';
import { requestId } from './request-id.ts';

/** Everything under `/admin`, for the documents and their test. */
export const allAdminRoutes: readonly AdminRoute[] = [
  ...accountRoutes,
  ...keyRoutes,
  ...stateRoutes,
  ...configRoutes,
];

/** Whether a path is one of administration, which has errors of its own shape. */
export const isAdminPath = (path: string): boolean => path === '/admin' || path.startsWith('/admin/');

/**
 * Serves `/admin`: JSON for whoever shows an admin key, and nobody else, on loopback too. Every request has its line
 * in the log.
 */
export function adminRoutes(app: Hono, deps: AdminDeps): void {
  for (const route of allAdminRoutes) {
    const path = `/admin${route.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    app.on(route.method, path, (c) => serve(deps, route, c));
  }
  app.all('/admin/*', (c) =>
    adminRefusal(
      invalidRequest(`there is no route ${c.req.method} ${c.req.path.slice(0, 200)}`, undefined, {
        status: 404,
        code: 'not_found',
      }),
      requestId(c.req.header('x-request-id') ?? null),
    ),
  );
}

/** A failure as `/admin` tells it: `{error: {code, message}}`. */
export function adminRefusal(failure: Failure, id: string): Response {
  const { status, kind, code = kind, message, param } = failure;
  const headers: Record<string, string> = { ...errorHeaders(failure), ...ownHeaders(id) };
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  return Response.json(
    { error: { code, message, ...(param !== undefined && { param }) } },
    { status, headers },
  );
}

async function serve(deps: AdminDeps, route: AdminRoute, c: Context): Promise<Response> {
  const { headers } = c.req.raw;
  const id = requestId(headers.get('x-request-id'));
  const record = startRecord({
    requestId: id,
    surface: 'admin',
    method: route.method,
    route: `/admin${route.path}`,
    startedMs: performance.now(),
    client: clientName(headers.get('user-agent')),
  });
  try {
    const key = deps.gatekeeper.admin(headers);
    record.keyId = key.id;
    const input = await inputOf(deps, route, c);
    const param = (name: string): string => c.req.param(name) ?? '';
    const response = toResponse(await route.answer(deps, { input, param, key }), id);
    record.status = response.status;
    record.headersMs = performance.now();
    finishRecord(deps, record, undefined);
    return response;
  } catch (error) {
    const failure = error instanceof FailureError ? error.failure : { ...broken, cause: error };
    finishRecord(deps, record, failure);
    return adminRefusal(failure, id);
  }
}

/** A small body is enough for everything but a backup. */
const jsonBytesMax = 256 * 1024;

const contentTypes = {
  json: ['application/json'],
  lines: ['application/x-ndjson', 'application/jsonl'],
} as const;

/** The query of a route without a body, else the body. */
async function inputOf({ bodyBytesMax }: AdminDeps, { takes }: AdminRoute, c: Context): Promise<unknown> {
  if (takes === undefined) return c.req.query();
  // A form on some web page can send no such type, whatever else it gets a browser to send along.
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!(contentTypes[takes] as readonly string[]).includes(type)) {
    refuse(`send ${contentTypes[takes][0]} with that content type`, undefined, {
      status: 415,
      kind: 'unsupported',
      code: 'unsupported_media_type',
    });
  }
  const text = new TextDecoder().decode(
    await readBody(c.req.raw, takes === 'json' ? Math.min(jsonBytesMax, bodyBytesMax) : bodyBytesMax),
  );
  if (takes === 'lines') return text;
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return refuse('the body is not valid JSON');
  }
}

function toResponse(answer: AdminAnswer, id: string): Response {
  if ('data' in answer) {
    return Response.json(answer.data, { status: answer.status ?? 200, headers: ownHeaders(id) });
  }
  const lines = answer.lines[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await lines.return?.();
    },
  });
  return new Response(body, {
    headers: {
      ...ownHeaders(id),
      'content-type': 'application/x-ndjson',
      'content-disposition': `attachment; filename="${answer.fileName}"`,
    },
  });
}

/** A new key is in an answer once: no cache may have it. */
const ownHeaders = (id: string): Record<string, string> => ({
  'x-request-id': id,
  'cache-control': 'no-store',
});

const broken = internalFailure('the gateway failed to do this; its log has the cause');
