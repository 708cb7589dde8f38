import type { Store } from '../store/store.ts';
import type { Spent } from './limits.ts';
import { windows, windowStart, type Window } from './rules.ts';
import {
  forgetWriter,
  readSpent,
  readSums,
  readWriters,
  tokensOf,
  writeBatch,
  type Place,
  type UsageBatch,
  type UsageQuery,
  type UsageRow,
  type UsageSum,
} from './usage-store.ts';

export type { UsageQuery, UsageRow, UsageSum } from './usage-store.ts';

/** A request that has ended at an account, or what one of its tries used there, or both. */
export interface UsageEntry {
  /** Of the caller; empty without one. */
  readonly keyId: string;
  readonly provider: string;
  readonly account: string;
  /** The model's name at the provider. */
  readonly model: string;
  readonly request?: 'ok' | 'failed';
  readonly used?: {
    readonly tokens: {
      readonly fresh: number;
      readonly cacheRead: number;
      readonly cacheWrite: number;
      readonly output: number;
      readonly reasoning: number;
    };
    /** Absent when it is not known. */
    readonly costUsd?: number;
  };
}

/**
 * Keeps who used what, by the hour. Entries are summed in memory and written behind: no turn waits for the store.
 * While the store is away they are kept, and once it is back they are written, each once.
 */
export interface UsageLedger {
  add(entry: UsageEntry): void;
  /** What a key has spent in each window, with what is not yet written. */
  spent(keyId: string): Promise<Readonly<Record<Window, Spent>>>;
  /**
   * Tells what each key has spent, all at one moment: nothing is added between the first and the last. Tells nothing
   * when no other process has written since it was last asked.
   */
  eachSpent(tell: (keyId: string, spent: Readonly<Record<Window, Spent>>) => void): Promise<void>;
  sums(query: UsageQuery): Promise<UsageRow[]>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const hourMs = 60 * 60_000;
const writeMs = 500;
/** The pause after the store refused. */
const retryMs = 2_000;
/** So many sums wait for the store; what else is used meanwhile is counted without its model's name. */
const pendingMax = 10_000;
const otherModel = '(other)';
const nano = 1_000_000_000;

export function createUsageLedger(
  store: Store,
  nowMs: () => number,
  complain: (error: unknown) => void = () => {},
): UsageLedger {
  const writer = crypto.randomUUID();
  let written = 0;
  let othersSeen: string | undefined;
  let pending = new Map<string, Pending>();
  /** What is being written, or may have been: it stays as it is until the store has said so. */
  let batch: UsageBatch | undefined;
  let working: Promise<unknown> = Promise.resolve();
  let flushing: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Writing and reading take turns, so that what is read is neither in flight nor counted twice. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = working.then(work, work);
    working = turn.catch(() => undefined);
    return turn;
  }

  /** One waits at most: it writes all there is by then. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    flushing ??= inTurn(() => {
      flushing = undefined;
      return write();
    });
    return flushing;
  }

  async function write(): Promise<void> {
    try {
      while (batch !== undefined || pending.size > 0) {
        batch ??= takeBatch();
        await writeBatch(store, batch, nowMs());
        written = batch.number;
        batch = undefined;
      }
    } catch (error) {
      later(retryMs);
      throw error;
    }
  }

  function takeBatch(): UsageBatch {
    const sums = [...pending.values()].map(({ place, sum }) => [place, sum] as const);
    pending = new Map();
    return { writer, number: written + 1, sums };
  }

  const later = (ms: number): void => {
    timer ??= setTimeout(() => void flush().catch(complain), ms);
  };

  /** What is not in the store. In a turn of reading, a batch is there only if the store has refused it. */
  function* unwritten(): Generator<readonly [Place, UsageSum]> {
    if (batch !== undefined) yield* batch.sums;
    for (const { place, sum } of pending.values()) yield [place, sum];
  }

  /** Reads what each key has spent and calls `tell` at once, before anything else can be added. */
  async function tellSpent(tell: (spent: ReadonlyMap<string, Record<Window, Spent>>) => void): Promise<void> {
    const now = nowMs();
    const spent = await readSpent(store, now);
    for (const [place, sum] of unwritten()) addSpent(spent, place, sum, now);
    tell(spent);
  }

  return {
    add(entry) {
      const hour = Math.floor(nowMs() / hourMs) * hourMs;
      const { keyId, provider, account, model } = entry;
      const head = `${hour}\n${keyId}\n${provider}\n${account}\n`;
      let key = head + model;
      let known = pending.get(key);
      if (known === undefined) {
        const isFull = pending.size >= pendingMax;
        if (isFull) known = pending.get((key = head + otherModel));
        if (known === undefined) {
          known = { place: [hour, keyId, provider, account, isFull ? otherModel : model], sum: emptySum() };
          pending.set(key, known);
        }
      }
      addTo(known.sum, entry);
      later(writeMs);
    },
    spent: (keyId) =>
      inTurn(async () => {
        await write().catch(complain);
        let own = nothing;
        await tellSpent((spent) => (own = spent.get(keyId) ?? nothing));
        return own;
      }),
    eachSpent: (tell) =>
      inTurn(async () => {
        await write().catch(complain);
        const others = await readWriters(store, writer);
        if (others === othersSeen) return;
        await tellSpent((spent) => {
          for (const [keyId, own] of spent) tell(keyId, own);
        });
        othersSeen = others;
      }),
    async sums(query) {
      await flush();
      return readSums(store, query);
    },
    flush,
    async close() {
      try {
        await flush();
        if (written > 0) await forgetWriter(store, writer);
      } catch (error) {
        complain(error);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

type Sum = { -readonly [M in keyof UsageSum]: number };

interface Pending {
  readonly place: Place;
  readonly sum: Sum;
}

const emptySum = (): Sum => ({
  requests: 0,
  failed: 0,
  tokensFresh: 0,
  tokensCacheRead: 0,
  tokensCacheWrite: 0,
  tokensOutput: 0,
  tokensReasoning: 0,
  nanoUsd: 0,
  unpriced: 0,
});

function addTo(sum: Sum, { request, used }: UsageEntry): void {
  if (request !== undefined) sum.requests++;
  if (request === 'failed') sum.failed++;
  if (used === undefined) return;
  const { tokens, costUsd } = used;
  sum.tokensFresh += tokens.fresh;
  sum.tokensCacheRead += tokens.cacheRead;
  sum.tokensCacheWrite += tokens.cacheWrite;
  sum.tokensOutput += tokens.output;
  sum.tokensReasoning += tokens.reasoning;
  if (costUsd === undefined) sum.unpriced++;
  else sum.nanoUsd += Math.round(costUsd * nano);
}

const none: Spent = { nanoUsd: 0, tokens: 0 };
const nothing: Readonly<Record<Window, Spent>> = { day: none, week: none, month: none };

function addSpent(
  spent: Map<string, Record<Window, Spent>>,
  [hour, keyId]: Place,
  sum: UsageSum,
  now: number,
): void {
  const own = { ...(spent.get(keyId) ?? nothing) };
  for (const window of windows) {
    if (hour < windowStart(window, now)) continue;
    const { nanoUsd, tokens } = own[window];
    own[window] = { nanoUsd: nanoUsd + sum.nanoUsd, tokens: tokens + tokensOf(sum) };
  }
  spent.set(keyId, own);
}
