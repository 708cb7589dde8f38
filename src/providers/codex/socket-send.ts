import { sendHttp } from '../http.ts';
import type { ProviderDeps, WireRequest } from '../provider.ts';
import {
  compared,
  continues,
  remember,
  writeFrame,
  type ComparedTurn,
  type SocketTurn,
} from './socket-frame.ts';
import { compressed } from './compressed.ts';
import type { SocketPool } from './socket-pool.ts';
import { carryTurn, SocketLost } from './socket-reply.ts';
import { connect, UpgradeRefused, type Connection } from './socket.ts';

/** A request that can go over HTTP, and over a socket where it says how. */
export interface EitherRequest extends WireRequest {
  readonly socket?: SocketTurn;
  /** Over HTTP its body goes up compressed. */
  readonly compresses: boolean;
  /** Hears what the headers of the reply say, over HTTP once. */
  readonly told: (headers: Headers) => void;
}

/** How long an account goes by HTTP after its upgrade was declined, which is the official client's rest of a session. */
const declinedMs = 60 * 60_000;
/** The same after an upgrade that has failed in any other way. */
const troubledMs = 5 * 60_000;

export interface SenderDeps extends Pick<ProviderDeps, 'fetch' | 'openSocket'> {
  readonly pool: SocketPool;
  readonly nowMs: () => number;
}

/**
 * Sends requests over sockets as long as that works, and over HTTP when it does not. Nothing is sent again once a reply
 * says something.
 */
export function eitherSender({ fetch, openSocket, pool, nowMs }: SenderDeps) {
  /** By account: until when its requests go over HTTP. */
  const overHttp = new Map<string, number>();

  async function overHttpNow(request: EitherRequest, signal: AbortSignal): Promise<Response> {
    const wire = request.compresses ? await compressed(request) : request;
    const response = await sendHttp(fetch, wire, signal);
    request.told(response.headers);
    return response;
  }

  /** A new connection; absent where there is no room for one or the backend does not want one. */
  async function opened(turn: ComparedTurn, signal: AbortSignal): Promise<Connection | undefined> {
    if (openSocket === undefined || !pool.reserve(turn.key)) return undefined;
    try {
      return await connect(openSocket, turn, turn, signal);
    } catch (error) {
      pool.free(turn.key);
      if (signal.aborted) throw error;
      const status = error instanceof UpgradeRefused ? error.status : undefined;
      if (status === 426) overHttp.set(turn.account, nowMs() + declinedMs);
      // A token or a quota is not the transport's trouble, and HTTP says more of it.
      else if (status !== 401 && status !== 429) overHttp.set(turn.account, nowMs() + troubledMs);
      return undefined;
    }
  }

  async function over(
    connection: Connection,
    turn: ComparedTurn,
    request: EitherRequest,
    signal: AbortSignal,
  ): Promise<Response | SocketLost> {
    const frame = writeFrame(turn, connection.memory, nowMs());
    connection.memory = undefined;
    try {
      return await carryTurn(connection, frame, signal, {
        told: request.told,
        ended(completed) {
          if (completed) connection.memory = remember(turn, completed.responseId, completed.output);
          pool.give(connection, completed !== undefined);
        },
      });
    } catch (error) {
      if (error instanceof SocketLost) return error;
      throw error;
    }
  }

  return async function send(request: EitherRequest, signal: AbortSignal): Promise<Response> {
    const { socket } = request;
    if (socket === undefined || openSocket === undefined || (overHttp.get(socket.account) ?? 0) > nowMs())
      return overHttpNow(request, signal);
    const turn = compared(socket);
    const known = pool.take(turn.key, turn.token, ({ memory }) => continues(turn, memory));
    if (known !== undefined) {
      const served = await over(known, turn, request, signal);
      if (!(served instanceof SocketLost)) return served;
      // A turn that the backend had taken up is sent once more only, on the way that breaks least.
      if (served.hasBegun) return overHttpNow(request, signal);
    }
    // What was lost on a connection at rest is worth a new one; what a new one loses is not.
    const fresh = await opened(turn, signal);
    const served = fresh && (await over(fresh, turn, request, signal));
    return served === undefined || served instanceof SocketLost ? overHttpNow(request, signal) : served;
  };
}
