import type { Store } from '../store/store.ts';
import type { Quota } from './quota.ts';

/** Readings are written together, at most this often: every turn brings one. */
const writeMs = 2_000;
/** How long the store keeps what nobody has renewed. */
const keptMs = 35 * 24 * 60 * 60_000;
const topic = 'quotas';

/**
 * What upstreams last said of the quota of each account, in memory; written behind to the store, so that it is known
 * after a new start and to other processes.
 */
export interface QuotaBoard {
  /** An older reading does not replace a newer one. */
  saw(account: string, quota: Quota): void;
  of(account: string): Quota | undefined;
  /** Writes what is not yet written. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the board, with what the store remembers. */
export async function openQuotaBoard(
  store: Store,
  nowMs: () => number,
  complain: (error: unknown) => void,
): Promise<QuotaBoard> {
  const { board, read } = createQuotaBoard(store, nowMs, complain);
  await read();
  return board;
}

/** A board that is forgotten with the process. */
export const memoryQuotaBoard = (nowMs: () => number): QuotaBoard =>
  createQuotaBoard(undefined, nowMs, () => {}).board;

function createQuotaBoard(
  store: Store | undefined,
  nowMs: () => number,
  complain: (error: unknown) => void,
): { board: QuotaBoard; read(): Promise<void> } {
  const quotas = new Map<string, Quota>();
  const dirty = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();

  function keep(account: string, quota: Quota): boolean {
    if ((quotas.get(account)?.seenMs ?? -Infinity) > quota.seenMs) return false;
    quotas.set(account, quota);
    return true;
  }

  async function read(): Promise<void> {
    if (!store) return;
    for (const row of await store.all('SELECT account, quota FROM account_quotas'))
      keep(String(row.account), JSON.parse(String(row.quota)) as Quota);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.catch(() => undefined).then(write);
    return writing;
  }

  async function write(): Promise<void> {
    if (!store || dirty.size === 0) return;
    const accounts = [...dirty];
    dirty.clear();
    try {
      await store.transaction(async (queries) => {
        for (const account of accounts) {
          const quota = quotas.get(account)!;
          await queries.run(upsert, [account, JSON.stringify(quota), quota.seenMs]);
        }
        await queries.run('DELETE FROM account_quotas WHERE seen_ms < ?', [nowMs() - keptMs]);
      });
    } catch (error) {
      for (const account of accounts) dirty.add(account);
      timer ??= setTimeout(() => void flush().catch(complain), writeMs * 10);
      throw error;
    }
    await store.announce(topic);
  }

  const reread = () =>
    read().catch((error: unknown) => {
      complain(error);
      throw error;
    });
  const deaf = store?.listen(topic, reread);

  const board: QuotaBoard = {
    saw(account, quota) {
      if (!keep(account, quota) || !store) return;
      dirty.add(account);
      timer ??= setTimeout(() => void flush().catch(complain), writeMs);
    },
    of: (account) => quotas.get(account),
    flush,
    async close() {
      deaf?.();
      await flush().catch(complain);
      clearTimeout(timer);
    },
  };
  return { board, read };
}

const upsert = `INSERT INTO account_quotas (account, quota, seen_ms) VALUES (?, ?, ?)
  ON CONFLICT (account) DO UPDATE SET quota = excluded.quota, seen_ms = excluded.seen_ms
  WHERE account_quotas.seen_ms < excluded.seen_ms`;
