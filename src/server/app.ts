import { Hono, type Context } from 'hono';
import type { Caller } from '../access/gatekeeper.ts';
import { spentOf } from '../access/usage-recorder.ts';
import { serveCompact } from '../pipeline/compact.ts';
import { serveCount } from '../pipeline/count.ts';
import { serveEmbeddings } from '../pipeline/embed.ts';
import type { Inbound, PipelineDeps } from '../pipeline/exchange.ts';
import { failureReply } from '../pipeline/failure-reply.ts';
import { finishRecord } from '../pipeline/finish-record.ts';
import { serveTurn } from '../pipeline/turn.ts';
import { serveWarmUp } from '../pipeline/warm-up.ts';
import type { Operation } from '../providers/provider.ts';
import { prometheusContentType } from '../telemetry/prometheus.ts';
import { clientName, startRecord, type TurnRecord } from '../telemetry/record.ts';
import { FailureError, invalidRequest, type Failure } from '../turn/failure.ts';
import { adminRefusal, adminRoutes, isAdminPath } from './admin.ts';
import type { AdminDeps } from './admin-route.ts';
import { readBody } from './body.ts';
import { callRoutes, pathOf, type CallRoute } from './call-routes.ts';
import {
  keepAliveFor,
  leaveOutClientMarks,
  modelMeant,
  sessionIdOf,
  sessionInMetadata,
} from './client-habits.ts';
import { conversationRoutes } from './conversation-routes.ts';
import { refusedOrigin } from './guard.ts';
import { modelRoutes } from './model-routes.ts';
import { requestId } from './request-id.ts';
import { responsesRoutes } from './responses-routes.ts';
import { asksForSocket, createSockets, type SocketDeps, type Sockets, type SocketServer } from './sockets.ts';
import { surfaceOf } from './surface.ts';

export interface ServerDeps extends AdminDeps, SocketDeps {
  readonly version: string;
  /** Names beside loopback under which the gateway is reached. */
  readonly hosts: readonly string[];
  /** The bind is reachable from this machine only. */
  readonly onLoopback: boolean;
  /** The text of `/metrics`. */
  readonly metrics: () => string;
}

/** All routes that ask nothing of a model, as one Hono application. */
function createApp(deps: ServerDeps): Hono {
  const app = new Hono();

  modelRoutes(app, deps);
  responsesRoutes(app, deps);
  conversationRoutes(app, deps);
  adminRoutes(app, deps);
  app.get('/healthz', (c) => c.json({ status: 'ok', version: deps.version }));
  app.get('/readyz', (c) =>
    deps.ready() ? c.json({ status: 'ready' }) : c.json({ status: 'draining' }, 503),
  );
  app.get('/metrics', (c) => {
    // What all callers together ask for and cost is the owner's to know; whoever is on the machine is the owner.
    if (!deps.onLoopback) deps.gatekeeper.admin(c.req.raw.headers);
    return c.body(deps.metrics(), 200, { 'content-type': prometheusContentType });
  });
  app.get('/', (c) => c.json({ name: 'dragoman', version: deps.version }));
  app.notFound((c) => refused(deps, c, noRoute(c)));
  app.onError((error, c) => refused(deps, c, error instanceof FailureError ? error.failure : internal));
  return app;
}

/** The routes that ask nothing of a model, as they are matched; for the documents. Types of the router stay in here. */
export const plainRoutes = (
  deps: ServerDeps,
): readonly { readonly method: string; readonly path: string }[] => createApp(deps).routes;

/** The part of Bun's server that a handler needs. */
export interface Connections extends Partial<SocketServer> {
  timeout?(request: Request, seconds: number): void;
}

/** What a server calls for each request, and for each socket that it has opened. */
export interface Handler {
  /** Nothing is answered to a request that has become a socket. */
  fetch(request: Request, connections?: Connections): Response | undefined | Promise<Response>;
  readonly sockets: Sockets;
}

/**
 * What a server calls: the guard, then the calls to models, then all others. Calls are matched here because a router
 * costs them more than their own handling of the body.
 */
export function createHandler(deps: ServerDeps): Handler {
  const app = createApp(deps);
  const match = callRoutes(deps.protocols);
  const sockets = createSockets(
    deps,
    (route, headers) => startCall(route, headers, 'websocket'),
    (route, record, turn, isWarmUp) =>
      ask(deps, route, record, turn, isWarmUp ? serveWarmUp : serve[route.operation]),
  );
  const fetch: Handler['fetch'] = (request, connections = {}) => {
    const why = refusedOrigin(request.headers, deps.onLoopback, deps.hosts);
    const route = match(request.url);
    if (why !== undefined) {
      const pathname = pathOf(request.url);
      if (isAdminPath(pathname)) return adminRefusal(forbidden(why), requestId(null));
      const surface = route?.surface ?? surfaceOf(deps.protocols, pathname, request.headers);
      return failureReply(surface, forbidden(why), requestId(null));
    }
    if (route === undefined) return app.fetch(request);
    if (request.method === 'POST') return call(deps, route, request, connections);
    if (asksForSocket(request)) return sockets.upgrade(request, route, connections);
    return failureReply(route.surface, notAllowed, requestId(request.headers.get('x-request-id')));
  };
  return { fetch, sockets };
}

const serve: Record<Operation, Work> = {
  turn: serveTurn,
  count: serveCount,
  compact: serveCompact,
  embed: serveEmbeddings,
  embed_batch: serveEmbeddings,
};

type Work = (deps: PipelineDeps, inbound: Inbound) => Promise<Response>;

/** The record of a call that has just come. */
function startCall(
  { surface, operation, template }: CallRoute,
  headers: Headers,
  transport?: TurnRecord['transport'],
): TurnRecord {
  return startRecord({
    requestId: requestId(headers.get('x-request-id')),
    surface: recordedAs[operation] ?? surface.id,
    method: transport === undefined ? 'POST' : 'GET',
    transport,
    route: template,
    startedMs: performance.now(),
    client: clientName(headers.get('user-agent')),
  });
}

function call(
  deps: ServerDeps,
  route: CallRoute,
  request: Request,
  connections: Connections,
): Promise<Response> {
  const { headers, signal: client } = request;
  const asked = {
    headers,
    client,
    async body() {
      const bytes = await readBody(request, deps.bodyBytesMax);
      // From here on silence is the upstream's affair, watched by the pipeline.
      connections.timeout?.(request, 0);
      return bytes;
    },
  };
  return ask(deps, route, startCall(route, headers), asked, serve[route.operation]);
}

/** Lets a call in and has it carried, whichever way it came. */
async function ask(
  deps: ServerDeps,
  route: CallRoute,
  record: TurnRecord,
  asked: Pick<Inbound, 'headers' | 'client' | 'body' | 'memory' | 'take' | 'tell'>,
  work: Work,
): Promise<Response> {
  const { surface, operation } = route;
  const { headers, client, body, memory, take, tell } = asked;
  let caller: Caller;
  try {
    caller = admitted(deps, headers, record);
  } catch (error) {
    const { failure } = error as FailureError;
    finishRecord(deps, record, failure);
    return failureReply(surface, failure, record.requestId, {}, route.asked?.asArray);
  }
  return work(deps, {
    requestId: record.requestId,
    surface,
    operation,
    asked: route.asked,
    headers,
    search: route.search,
    body,
    client,
    caller,
    sessionId: route.session ?? sessionIdOf(headers),
    sessionIn: sessionInMetadata,
    only: route.only,
    leaveOut: leaveOutClientMarks,
    meant: surface.id === 'anthropic-messages' ? modelMeant : undefined,
    keepAlive: keepAliveFor(surface.id, headers),
    record,
    memory,
    take,
    tell,
  });
}

/** Who asks, with a place taken at the gate until the record is closed; throws a failure that says why not. */
function admitted({ gatekeeper }: ServerDeps, headers: Headers, record: TurnRecord): Caller {
  const caller = gatekeeper.identify(headers);
  if (caller.key === undefined) return caller;
  record.keyId = caller.id;
  const admission = gatekeeper.admit(caller);
  record.rates = { requests: admission.requests, tokens: admission.tokens };
  record.ended = () => admission.end(spentOf(record));
  return caller;
}

/** What a call that is no turn is called in the log. */
const recordedAs: Partial<Record<Operation, string>> = {
  count: 'count',
  embed: 'embeddings',
  embed_batch: 'embeddings',
};

function refused(deps: ServerDeps, c: Context, failure: Failure): Response {
  const { path, raw } = c.req;
  const surface = surfaceOf(deps.protocols, path, raw.headers);
  return failureReply(surface, failure, requestId(raw.headers.get('x-request-id')));
}

const noRoute = (c: Context): Failure =>
  invalidRequest(`there is no route ${c.req.method} ${c.req.path.slice(0, 200)}`, undefined, {
    status: 404,
    kind: 'not_found',
    code: 'not_found',
  });

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
