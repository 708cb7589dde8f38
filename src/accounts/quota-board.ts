import type { Queries, Store } from '../store/store.ts';
import type { Quota } from './quota.ts';
import { writeBehind } from './write-behind.ts';

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

  async function write(queries: Queries, accounts: readonly string[]): Promise<void> {
    for (const account of accounts) {
      const quota = quotas.get(account)!;
      await queries.run(upsert, [account, JSON.stringify(quota), quota.seenMs]);
    }
    await queries.run('DELETE FROM account_quotas WHERE seen_ms < ?', [nowMs() - keptMs]);
  }

  const behind = store && writeBehind({ store, topic, writeMs, write, read, complain });

  const board: QuotaBoard = {
    saw(account, quota) {
      if (keep(account, quota)) behind?.mark(account);
    },
    of: (account) => quotas.get(account),
    async flush() {
      await behind?.flush();
    },
    async close() {
      await behind?.close();
    },
  };
  return { board, read };
}

const upsert = `INSERT INTO account_quotas (account, quota, seen_ms) VALUES (?, ?, ?)
  ON CONFLICT (account) DO UPDATE SET quota = excluded.quota, seen_ms = excluded.seen_ms
  WHERE account_quotas.seen_ms < excluded.seen_ms`;
