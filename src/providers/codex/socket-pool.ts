import type { Connection } from './socket.ts';

/** Connections at rest, by the conversation that they are for, and how many there may be. */
export interface SocketPool {
  /** One of the conversation that has no turn, a `better` one first; it is the caller's until `give`. */
  take(key: string, token: string, better: (connection: Connection) => boolean): Connection | undefined;
  /** Makes room for one more connection of the conversation; `false` where there is none. */
  reserve(key: string): boolean;
  /** Gives the room back: the connection was not opened, or is closed. */
  free(key: string): void;
  /** Takes a connection back for the next turn, or closes it. */
  give(connection: Connection, isGood: boolean): void;
  /** Closes what is at rest; what has a turn is closed when it ends. */
  close(): void;
}

export interface PoolLimits {
  readonly connectionsMax: number;
  /** Turns of one conversation at the same time, beyond which they go another way. */
  readonly perConversationMax: number;
  /** How long one is kept without a turn. */
  readonly restMsMax: number;
  /** The backend ends one after an hour. */
  readonly ageMsMax: number;
}

export const poolLimits: PoolLimits = {
  connectionsMax: 256,
  perConversationMax: 4,
  restMsMax: 5 * 60_000,
  ageMsMax: 55 * 60_000,
};

export function createPool(limits: PoolLimits, nowMs: () => number): SocketPool {
  /** In the order in which they have come to rest. */
  const resting = new Map<Connection, ReturnType<typeof setTimeout>>();
  const counts = new Map<string, number>();
  let count = 0;
  let isClosed = false;

  function free(key: string): void {
    count--;
    const left = (counts.get(key) ?? 1) - 1;
    if (left > 0) counts.set(key, left);
    else counts.delete(key);
  }

  function wake(connection: Connection): void {
    clearTimeout(resting.get(connection));
    resting.delete(connection);
  }

  function discard(connection: Connection): void {
    wake(connection);
    connection.close();
    free(connection.key);
  }

  return {
    take(key, token, better) {
      let found: Connection | undefined;
      for (const connection of resting.keys()) {
        if (connection.key !== key) continue;
        const isOld = nowMs() - connection.openedMs > limits.ageMsMax;
        if (!connection.isOpen || isOld || connection.token !== token) discard(connection);
        else if (found === undefined || (!better(found) && better(connection))) found = connection;
      }
      if (found !== undefined) wake(found);
      return found;
    },
    reserve(key) {
      if (isClosed || (counts.get(key) ?? 0) >= limits.perConversationMax) return false;
      if (count >= limits.connectionsMax) {
        const [longest] = resting.keys();
        if (longest === undefined) return false;
        discard(longest);
      }
      count++;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return true;
    },
    free,
    give(connection, isGood) {
      if (isClosed || !isGood || !connection.isOpen) {
        discard(connection);
        return;
      }
      connection.release();
      const timer = setTimeout(() => discard(connection), limits.restMsMax);
      timer.unref();
      resting.set(connection, timer);
    },
    close() {
      isClosed = true;
      for (const connection of resting.keys()) discard(connection);
    },
  };
}
