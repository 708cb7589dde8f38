import type { Queries, Store } from '../store/store.ts';
import type { Failure } from '../turn/failure.ts';
import { afterFailure, well, type Health } from './health.ts';
import { writeBehind } from './write-behind.ts';

/** What a provider's failure is written under: it concerns every account there. */
const allModels = '';

/** How long one probe is waited for before another may try. */
const probeMs = 30_000;
/** Changes are written together, at most this often. */
const writeMs = 500;
/** Lines at most: the names of models come from clients. */
const entriesMax = 5_000;
const modelCharsMax = 200;
/** How long the store keeps what has long passed. */
const keptMs = 24 * 60 * 60_000;
const topic = 'health';

/** A line of the board, for people. */
export interface HealthEntry extends Health {
  readonly account: string;
  /** Empty when it concerns all models. */
  readonly model: string;
}

/** A point in the board's own order of events. */
export type Mark = number;

/**
 * The health of every account, in memory, so that choosing one costs no query. What changes is written behind to the
 * store, and what other processes write is read when they say so.
 */
export interface HealthBoard {
  /** Whether the account may be tried now. */
  usable(account: string, model: string): boolean;
  /**
   * It is being tried. Where it has just cooled this is a probe: until it is answered, others are told no. What is
   * returned tells later what was known of it then.
   */
  tries(account: string, model: string): Mark;
  /** The worse of the account's own health and that of its model. */
  of(account: string, model: string): Health;
  /** A try that was sent before an earlier failure was known is no further one in a row. */
  failed(account: string, model: string, failure: Failure, since?: Mark): void;
  /** Clears what was known when the try was sent: a reply from before a limit does not lift it. */
  succeeded(account: string, model: string, since?: Mark): void;
  /** A try has told nothing of the account: another one may probe it. */
  released(account: string, model: string): void;
  /** Forgets what is known of an account: it was logged in anew, or somebody says that it is mended. */
  clear(account: string): void;
  list(): HealthEntry[];
  /** Writes what is not yet written. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the board, with what the store remembers. */
export async function openHealthBoard(
  store: Store,
  nowMs: () => number,
  complain?: (error: unknown) => void,
): Promise<HealthBoard> {
  const { board, read } = createHealthBoard(store, nowMs, complain);
  await read();
  return board;
}

/** A board that is forgotten with the process. */
export const memoryHealthBoard = (nowMs: () => number): HealthBoard =>
  createHealthBoard(undefined, nowMs).board;

function createHealthBoard(
  store: Store | undefined,
  nowMs: () => number,
  complain: (error: unknown) => void = () => {},
): { board: HealthBoard; read(): Promise<void> } {
  const entries = new Map<string, Kept>();
  /** Accounts that have, or had, an entry: of all others nothing is known, and most are never written of. */
  const known = new Set<string>();
  let prunedMs = -Infinity;
  let latest: Mark = 0;

  function keep(entry: Omit<Kept, 'probeUntilMs' | 'since'>): void {
    const key = keyOf(entry.account, entry.model);
    // Written anew, it stands last: the first is the one that has been so for longest.
    known.add(entry.account);
    entries.delete(key);
    entries.set(key, { ...entry, probeUntilMs: 0, since: ++latest });
    for (const [oldest] of entries) {
      if (entries.size <= entriesMax) break;
      entries.delete(oldest);
    }
  }

  async function read(): Promise<void> {
    if (!store) return;
    for (const row of await store.all('SELECT * FROM account_health')) {
      const updatedMs = Number(row.updated_ms);
      const mine = entries.get(keyOf(String(row.account), String(row.model)));
      if (mine && mine.updatedMs >= updatedMs) continue;
      keep({
        account: String(row.account),
        model: String(row.model),
        state: String(row.state) as Health['state'],
        untilMs: Number(row.until_ms),
        why: String(row.why),
        strikes: Number(row.strikes),
        updatedMs,
      });
    }
  }

  function set(account: string, model: string, health: Health): void {
    const key = keyOf(account, model);
    const before = entries.get(key);
    // Two changes of one millisecond must still be told apart by other processes.
    const updatedMs = Math.max(nowMs(), (before?.updatedMs ?? 0) + 1);
    keep({ account, model, ...health, updatedMs });
    behind?.mark(key);
  }

  async function write(queries: Queries, keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const entry = entries.get(key);
      if (entry === undefined) continue;
      const { account, model, state, untilMs, why, strikes, updatedMs } = entry;
      await queries.run(upsert, [account, model, state, untilMs, why, strikes, updatedMs]);
    }
    const oldMs = nowMs() - keptMs;
    if (prunedMs > oldMs) return;
    await queries.run(prune, [oldMs, oldMs]);
    prunedMs = nowMs();
  }

  function lets(key: string): boolean {
    const entry = entries.get(key);
    if (entry === undefined || entry.state === 'ok') return true;
    const now = nowMs();
    return now >= entry.untilMs && now >= entry.probeUntilMs;
  }

  function probe(key: string): void {
    const entry = entries.get(key);
    if (entry !== undefined && entry.state !== 'ok') entry.probeUntilMs = nowMs() + probeMs;
  }

  function mend(account: string, model: string, since: Mark): void {
    const entry = entries.get(keyOf(account, model));
    if (entry !== undefined && entry.state !== 'ok' && entry.since <= since) set(account, entry.model, well);
  }

  function release(key: string): void {
    const entry = entries.get(key);
    if (entry !== undefined) entry.probeUntilMs = 0;
  }

  const behind = store && writeBehind({ store, topic, writeMs, write, read, complain });

  const board: HealthBoard = {
    usable: (account, model) =>
      !known.has(account) || (lets(keyOf(account, allModels)) && lets(keyOf(account, model))),
    tries(account, model) {
      if (!known.has(account)) return latest;
      probe(keyOf(account, allModels));
      probe(keyOf(account, model));
      return latest;
    },
    of(account, model) {
      const whole = entries.get(keyOf(account, allModels));
      return whole !== undefined && whole.state !== 'ok'
        ? whole
        : (entries.get(keyOf(account, model)) ?? well);
    },
    failed(account, model, failure, since = latest) {
      const at = failure.scope === 'model' ? nameOf(model) : allModels;
      const before = entries.get(keyOf(account, at));
      const isStraggler = before !== undefined && before.state !== 'ok' && before.since > since;
      const strikes = (before?.strikes ?? 0) - (isStraggler ? 1 : 0);
      const after = afterFailure({ ...(before ?? well), strikes }, failure, nowMs());
      if (after === undefined) return;
      if (isStraggler && after.untilMs <= before.untilMs) return;
      set(account, at, after);
    },
    succeeded(account, model, since = latest) {
      if (!known.has(account)) return;
      mend(account, allModels, since);
      mend(account, model, since);
    },
    released(account, model) {
      if (!known.has(account)) return;
      release(keyOf(account, allModels));
      release(keyOf(account, model));
    },
    clear(account) {
      for (const entry of entries.values()) if (entry.account === account) mend(account, entry.model, latest);
    },
    list: () => [...entries.values()].filter(({ state }) => state !== 'ok').map(toEntry),
    async flush() {
      await behind?.flush();
    },
    async close() {
      await behind?.close();
    },
  };
  return { board, read };
}

interface Kept extends HealthEntry {
  readonly updatedMs: number;
  /** A probe is under way until then. */
  probeUntilMs: number;
  /** When this process came to know it. */
  readonly since: Mark;
}

const upsert = `INSERT INTO account_health (account, model, state, until_ms, why, strikes, updated_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (account, model) DO UPDATE SET state = excluded.state, until_ms = excluded.until_ms,
    why = excluded.why, strikes = excluded.strikes, updated_ms = excluded.updated_ms
  WHERE account_health.updated_ms < excluded.updated_ms`;

const prune = 'DELETE FROM account_health WHERE until_ms < ? AND updated_ms < ?';

const nameOf = (model: string): string => model.slice(0, modelCharsMax);
const keyOf = (account: string, model: string): string => `${account}\n${nameOf(model)}`;

const toEntry = ({ account, model, state, untilMs, why, strikes }: Kept): HealthEntry => ({
  account,
  model,
  state,
  untilMs,
  why,
  strikes,
});
