import { Hono, type Context } from 'hono';
import { failureReply } from '../pipeline/answer.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import { serveTurn } from '../pipeline/turn.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { prometheusContentType } from '../telemetry/prometheus.ts';
import { clientName, startRecord } from '../telemetry/record.ts';
import { FailureError, invalidRequest, type Failure } from '../turn/failure.ts';
import { readBody } from './body.ts';
import { leaveOutClientMarks } from './client-habits.ts';
import { refusedOrigin } from './guard.ts';
import { anthropicModel, anthropicModels, openAiModel, openAiModels } from './models.ts';
import { requestId } from './request-id.ts';
import { turnRoutes, type TurnRoute } from './turn-routes.ts';

export interface ServerDeps extends PipelineDeps {
  readonly version: string;
  readonly bodyBytesMax: number;
  /** The bind is reachable from this machine only. */
  readonly onLoopback: boolean;
  /** The text of `/metrics`. */
  readonly metrics: () => string;
  /** False while the gateway drains. */
  readonly ready: () => boolean;
}

/** All routes that are no turns, as one Hono application. */
function createApp(deps: ServerDeps): Hono {
  const app = new Hono();

  for (const prefix of ['', '/:provider']) {
    app.get(`${prefix}/v1/models`, (c) => models(deps, c));
    app.get(`${prefix}/v1/models/:id{.+}`, (c) => model(deps, c));
  }
  app.get('/healthz', (c) => c.json({ status: 'ok', version: deps.version }));
  app.get('/readyz', (c) =>
    deps.ready() ? c.json({ status: 'ready' }) : c.json({ status: 'draining' }, 503),
  );
  app.get('/metrics', (c) => c.body(deps.metrics(), 200, { 'content-type': prometheusContentType }));
  app.get('/', (c) => c.json({ name: 'dragoman', version: deps.version }));
  app.notFound((c) => refused(surfaceOf(deps, c), c, noRoute(c)));
  app.onError((error, c) => {
    const failure = error instanceof FailureError ? error.failure : internal;
    return refused(surfaceOf(deps, c), c, failure);
  });
  return app;
}

/** The part of Bun's server that a handler needs. */
interface Connections {
  timeout?(request: Request, seconds: number): void;
}

/**
 * What a server calls for each request: the guard, then the turn routes, then all others. Turns are matched here
 * because a router costs them more than their own handling of the body.
 */
export function createHandler(
  deps: ServerDeps,
): (request: Request, connections?: Connections) => Response | Promise<Response> {
  const app = createApp(deps);
  const match = turnRoutes(deps.protocols);
  const chat = deps.protocols.get('openai-chat')!;
  return (request, connections = {}) => {
    const why = refusedOrigin(request.headers, deps.onLoopback);
    if (why !== undefined) return failureReply(chat, forbidden(why), requestId(null));
    const route = match(request.url);
    if (route === undefined) return app.fetch(request);
    if (request.method === 'POST') return turn(deps, route, request, connections);
    return failureReply(route.surface, notAllowed, requestId(request.headers.get('x-request-id')));
  };
}

function turn(
  deps: ServerDeps,
  route: TurnRoute,
  request: Request,
  connections: Connections,
): Promise<Response> {
  const { headers } = request;
  const id = requestId(headers.get('x-request-id'));
  return serveTurn(deps, {
    requestId: id,
    surface: route.surface,
    headers,
    search: route.search,
    async body() {
      const bytes = await readBody(request, deps.bodyBytesMax);
      // From here on silence is the upstream's affair, watched by the pipeline.
      connections.timeout?.(request, 0);
      return bytes;
    },
    client: request.signal,
    only: route.only,
    leaveOut: leaveOutClientMarks,
    record: startRecord({
      requestId: id,
      surface: route.surface.id,
      method: 'POST',
      route: route.template,
      startedMs: performance.now(),
      client: clientName(headers.get('user-agent')),
    }),
  });
}

async function models(deps: ServerDeps, c: Context): Promise<Response> {
  const only = knownProvider(deps, c);
  const { models: entries, failed } = await deps.catalog.list(only);
  const shape = isAnthropic(c) ? anthropicModels : openAiModels;
  // A provider that could not be asked is named, so that a short list does not look like the whole one.
  const headers: Record<string, string> =
    failed.length > 0 ? { 'dragoman-notes': `unreachable: ${failed.join(', ')}` } : {};
  return c.json(shape(entries, only !== undefined), 200, headers);
}

async function model(deps: ServerDeps, c: Context): Promise<Response> {
  const only = knownProvider(deps, c);
  const wanted = c.req.param('id');
  const { models: entries } = await deps.catalog.list(only);
  const entry = entries.find((each) => wanted === each.id || wanted === `${each.provider}/${each.id}`);
  if (!entry)
    throw new FailureError(
      notFound(`the model ${JSON.stringify(wanted)} does not exist here`, 'model_not_found'),
    );
  const shape = isAnthropic(c) ? anthropicModel : openAiModel;
  return c.json(shape(entry, only !== undefined));
}

function knownProvider(deps: ServerDeps, c: Context): string | undefined {
  const only = c.req.param('provider');
  if (only !== undefined && !deps.catalog.provider(only)) {
    throw new FailureError(notFound(`there is no provider ${JSON.stringify(only)} here`, 'not_found'));
  }
  return only;
}

/** Anthropic's clients name the API version on every request; nobody else does. */
const isAnthropic = (c: Context): boolean => c.req.header('anthropic-version') !== undefined;

/** The protocol in which an error is written where no turn route matched. */
function surfaceOf(deps: ServerDeps, c: Context): Protocol {
  const messages = /\/v1\/messages(?:\/|$)/.test(c.req.path) || isAnthropic(c);
  return deps.protocols.get(messages ? 'anthropic-messages' : 'openai-chat')!;
}

function refused(surface: Protocol, c: Context, failure: Failure): Response {
  return failureReply(surface, failure, requestId(c.req.header('x-request-id') ?? null));
}

const notFound = (message: string, code: string): Failure =>
  invalidRequest(message, undefined, { status: 404, kind: 'not_found', code });

const noRoute = (c: Context): Failure =>
  notFound(`there is no route ${c.req.method} ${c.req.path.slice(0, 200)}`, 'not_found');

const notAllowed: Failure = invalidRequest('this route takes POST only', undefined, { status: 405 });

const forbidden = (why: string): Failure => ({
  kind: 'permission',
  scope: 'request',
  status: 403,
  message: `${why}; this gateway answers pages and names of its own machine only`,
  retryable: false,
});

const internal: Failure = {
  kind: 'internal',
  scope: 'gateway',
  status: 500,
  message: 'the gateway failed to answer this request',
  retryable: false,
};
