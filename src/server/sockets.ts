import type { Server, ServerWebSocket, WebSocketHandler } from 'bun';
import type { Caller } from '../access/gatekeeper.ts';
import type { Inbound, PipelineDeps } from '../pipeline/exchange.ts';
import { failureReply } from '../pipeline/failure-reply.ts';
import { finishRecord } from '../pipeline/finish-record.ts';
import { connectionMemories, defaultMemoryLimits, type MemoryLimits } from '../sessions/connection-memory.ts';
import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, type Failure } from '../turn/failure.ts';
import type { CallRoute } from './call-routes.ts';
import { createConnection, type Connection, type ConnectionLimits } from './socket-connection.ts';

/** Limits of WebSocket connections. */
export interface SocketLimits extends Omit<ConnectionLimits, 'queuedBytesMax'>, MemoryLimits {
  /** Open connections, and those of one caller. */
  readonly connectionsMax: number;
  readonly callerConnectionsMax: number;
  /** How long a connection may be silent, pongs included, before it counts as gone. */
  readonly silentSeconds: number;
}

export const defaultSocketLimits: SocketLimits = {
  ...defaultMemoryLimits,
  connectionsMax: 2_000,
  callerConnectionsMax: 500,
  queuedMax: 16,
  lanesMax: 8,
  // As the service does that clients know.
  lifetimeMs: 60 * 60_000,
  slowMs: 60_000,
  unreadBytesMax: 1024 * 1024,
  silentSeconds: 60,
};

/** What belongs to an open socket; its member names are the gateway's own affair. */
export interface SocketData {
  readonly connection: Connection;
}

export type SocketServer = Pick<Server<SocketData>, 'upgrade'>;

export interface SocketDeps extends PipelineDeps {
  readonly bodyBytesMax: number;
  readonly socketLimits: SocketLimits;
  /** Whether the configuration lets connections be opened. */
  readonly takesSockets: boolean;
  readonly ready: () => boolean;
}

/** How a turn is carried that came over a socket. */
export type AskOver = (
  route: CallRoute,
  record: TurnRecord,
  turn: Pick<Inbound, 'headers' | 'body' | 'client' | 'take' | 'tell' | 'memory'>,
  isWarmUp: boolean,
) => Promise<Response>;

export interface Sockets {
  /** Opens a connection, or says in the client's protocol why not. */
  upgrade(request: Request, route: CallRoute, server: Partial<SocketServer>): Response | undefined;
  readonly websocket: WebSocketHandler<SocketData>;
  /** Lets the turns that run end, then closes every connection. */
  leave(reason: string): void;
  /** Connections that are open now. */
  open(): number;
}

/** Whether a request asks for a WebSocket. */
export const asksForSocket = ({ method, headers }: Request): boolean =>
  method === 'GET' && headers.get('upgrade')?.toLowerCase() === 'websocket';

/**
 * WebSocket connections on which the turns of the Responses protocol run. `ask` carries each as a `POST` would be, with
 * the headers of the upgrade; `recordOf` begins the record of one.
 */
export function createSockets(
  deps: SocketDeps,
  recordOf: (route: CallRoute, headers: Headers) => TurnRecord,
  ask: AskOver,
): Sockets {
  const limits = deps.socketLimits;
  const connections = new Set<Connection>();
  const byCaller = new Map<string, number>();
  const memoryFor = connectionMemories(limits, deps.nowMs);

  function count(caller: Caller, change: 1 | -1): void {
    const open = (byCaller.get(caller.id) ?? 0) + change;
    if (open === 0) byCaller.delete(caller.id);
    else byCaller.set(caller.id, open);
    deps.recorder.socketsOpen?.(change);
  }

  function connect(route: CallRoute, headers: Headers, caller: Caller): Connection {
    const memory = memoryFor(deps.sessions);
    const turnHeaders = headersOfTurns(headers);
    const connection = createConnection({
      limits: {
        ...limits,
        get queuedBytesMax() {
          return deps.bodyBytesMax;
        },
      },
      async ask({ body, isWarmUp, client, take, tell }) {
        const record = recordOf(route, turnHeaders);
        const turn = { headers: turnHeaders, body: async () => bounded(body), client, take, tell, memory };
        return { response: await ask(route, record, turn, isWarmUp), record };
      },
      encode: (failure) => route.surface.encodeFailure(failure, ''),
      wantsHead: headers.get('openai-beta')?.includes(betaOfSockets) === true,
      closed() {
        connections.delete(connection);
        count(caller, -1);
        memory.close();
      },
    });
    return connection;
  }

  function bounded(body: Uint8Array): Uint8Array {
    if (body.length > deps.bodyBytesMax) throw new FailureError(tooLarge(deps.bodyBytesMax));
    return body;
  }

  return {
    upgrade(request, route, server) {
      const record = recordOf(route, request.headers);
      const refuse = (failure: Failure, headers: Record<string, string> = {}): Response => {
        finishRecord(deps, record, failure);
        return failureReply(route.surface, failure, record.requestId, headers);
      };
      if (!deps.takesSockets || server.upgrade === undefined || !servesSockets(route))
        return refuse(notServed);
      if (!deps.ready()) return refuse(stopping);
      let caller: Caller;
      try {
        caller = deps.gatekeeper.identify(request.headers);
      } catch (error) {
        return refuse((error as FailureError).failure);
      }
      const own = byCaller.get(caller.id) ?? 0;
      if (connections.size >= limits.connectionsMax || own >= limits.callerConnectionsMax) {
        return refuse(tooMany);
      }
      const connection = connect(route, request.headers, caller);
      connections.add(connection);
      count(caller, 1);
      const headers = { 'x-request-id': record.requestId };
      if (server.upgrade(request, { data: { connection }, headers })) return undefined;
      connection.closed();
      return refuse(notServed);
    },
    websocket: {
      open: (socket) => socket.data.connection.opened(socket),
      message: (socket, message) => socket.data.connection.received(message),
      drain: (socket) => socket.data.connection.drained(),
      close: (socket: ServerWebSocket<SocketData>) => socket.data.connection.closed(),
      // A frame that is somewhat too long is told so; one far beyond is not read to its end.
      maxPayloadLength: deps.bodyBytesMax + 1024 * 1024,
      // Only one reply's frames are ever unread, because the next is not pulled before.
      backpressureLimit: replyBytesMax,
      idleTimeout: limits.silentSeconds,
      sendPings: true,
      perMessageDeflate: false,
    },
    leave(reason) {
      for (const connection of connections) connection.leave(reason);
    },
    open: () => connections.size,
  };
}

/** The longest reply that an upstream may give as a whole. */
const replyBytesMax = 256 * 1024 * 1024;

/** How clients say that they know the events which only a socket has. */
const betaOfSockets = 'responses_websockets=';

const servesSockets = ({ operation, surface }: CallRoute): boolean =>
  operation === 'turn' && surface.id === 'openai-responses';

/** The headers of the upgrade as those of every turn: without what spoke of the connection, and of one request only. */
function headersOfTurns(headers: Headers): Headers {
  const own = new Headers(
    [...headers].filter(([name]) => !name.startsWith('sec-websocket-') && !ofTheUpgrade.has(name)),
  );
  const betas =
    own
      .get('openai-beta')
      ?.split(',')
      .filter((beta) => !beta.includes(betaOfSockets)) ?? [];
  if (betas.length > 0) own.set('openai-beta', betas.join(',').trim());
  else own.delete('openai-beta');
  return own;
}

const ofTheUpgrade: ReadonlySet<string> = new Set(['connection', 'upgrade', 'x-request-id']);

/** Clients that read it ask over HTTP from then on, without a word to their users. */
const notServed: Failure = {
  kind: 'unsupported',
  scope: 'request',
  status: 426,
  message: 'no WebSocket is served here; ask by POST',
  code: 'websocket_not_served',
  retryable: false,
};

const tooMany: Failure = {
  ...notServed,
  message: 'as many WebSocket connections as this gateway takes are open; ask by POST',
  code: 'websocket_connection_limit_reached',
};

const stopping: Failure = {
  kind: 'overloaded',
  scope: 'gateway',
  status: 503,
  message: 'the gateway is stopping',
  retryable: true,
};

const tooLarge = (bytesMax: number): Failure => ({
  kind: 'too_large',
  scope: 'request',
  status: 413,
  message: `the frame is larger than ${bytesMax} bytes`,
  code: 'request_too_large',
  retryable: false,
});
