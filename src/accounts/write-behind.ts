import type { Queries, Store } from '../store/store.ts';

/** Writes what has changed in memory to the store after a while, all of it together, and hears of what others wrote. */
export interface WriteBehind {
  /** What is known under the key is to be written. */
  mark(key: string): void;
  /** Writes what is not yet written. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface WriteBehindOptions {
  readonly store: Store;
  /** Under which other processes are told, and heard. */
  readonly topic: string;
  /** Changes are written together, at most this often; ten times as long after the store has refused. */
  readonly writeMs: number;
  /** Writes what is known under these keys. */
  write(queries: Queries, keys: readonly string[]): Promise<void>;
  /** Reads what the store has: another process has written. */
  read(): Promise<void>;
  complain(error: unknown): void;
}

export function writeBehind({
  store,
  topic,
  writeMs,
  write,
  read,
  complain,
}: WriteBehindOptions): WriteBehind {
  const dirty = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();

  function later(ms: number): void {
    timer ??= setTimeout(() => void flush().catch(complain), ms);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.catch(() => undefined).then(writeDirty);
    return writing;
  }

  async function writeDirty(): Promise<void> {
    if (dirty.size === 0) return;
    const keys = [...dirty];
    dirty.clear();
    try {
      await store.transaction((queries) => write(queries, keys));
    } catch (error) {
      for (const key of keys) dirty.add(key);
      later(writeMs * 10);
      throw error;
    }
    await store.announce(topic);
  }

  const deaf = store.listen(topic, () =>
    read().catch((error: unknown) => {
      complain(error);
      throw error;
    }),
  );

  return {
    mark(key) {
      dirty.add(key);
      later(writeMs);
    },
    flush,
    async close() {
      deaf();
      await flush().catch(complain);
      clearTimeout(timer);
    },
  };
}
