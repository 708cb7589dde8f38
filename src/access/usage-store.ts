import type { Queries, Row, Store } from '../store/store.ts';
import type { Spent } from './limits.ts';
import { windows, windowStart, type Window } from './rules.ts';

/** Sums over a stretch of time. */
export interface UsageSum {
  readonly requests: number;
  readonly failed: number;
  readonly tokensFresh: number;
  readonly tokensCacheRead: number;
  readonly tokensCacheWrite: number;
  readonly tokensOutput: number;
  readonly tokensReasoning: number;
  /** Billionths of a dollar, so that sums stay exact. */
  readonly nanoUsd: number;
  /** Answers whose price or count is not known: the cost does not hold them. */
  readonly unpriced: number;
}

export interface UsageRow extends UsageSum {
  readonly by: string;
}

export interface UsageQuery {
  readonly fromMs: number;
  readonly toMs?: number;
  readonly by: 'key' | 'provider' | 'account' | 'model' | 'day';
}

/** What a sum is of: one hour of one key at one account with one model. */
export type Place = readonly [
  hourMs: number,
  keyId: string,
  provider: string,
  account: string,
  model: string,
];

/** Sums that are written together, once. */
export interface UsageBatch {
  /** Who writes: one process. */
  readonly writer: string;
  /** Grows with each of the writer's batches. */
  readonly number: number;
  readonly sums: readonly (readonly [Place, UsageSum])[];
}

const members = [
  'requests',
  'failed',
  'tokensFresh',
  'tokensCacheRead',
  'tokensCacheWrite',
  'tokensOutput',
  'tokensReasoning',
  'nanoUsd',
  'unpriced',
] as const satisfies readonly (keyof UsageSum)[];

const columns: Readonly<Record<(typeof members)[number], string>> = {
  requests: 'requests',
  failed: 'failed',
  tokensFresh: 'tokens_fresh',
  tokensCacheRead: 'tokens_cache_read',
  tokensCacheWrite: 'tokens_cache_write',
  tokensOutput: 'tokens_output',
  tokensReasoning: 'tokens_reasoning',
  nanoUsd: 'nano_usd',
  unpriced: 'unpriced',
};

/** How many rows a statement writes: each is a round trip to a database on the network. */
const rowsMax = 50;
/** How long the mark of a process is kept that ended without taking it away. */
const markMs = 7 * 24 * 60 * 60_000;

/**
 * Adds a batch to what is there. Does nothing when it was added before: whoever lost the connection while it was
 * written cannot know, and asks again.
 */
export function writeBatch(store: Store, { writer, number, sums }: UsageBatch, nowMs: number): Promise<void> {
  // Two that write the same rows in different orders would wait for each other.
  const sorted = sums.toSorted(([a], [b]) => (a.join('\n') < b.join('\n') ? -1 : 1));
  return store.transaction(async (queries) => {
    const isNew = await queries.run(
      `INSERT INTO usage_writers (id, batch, written_ms) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, written_ms = excluded.written_ms
       WHERE usage_writers.batch < excluded.batch`,
      [writer, number, nowMs],
    );
    if (isNew === 0) return;
    if (number === 1) await queries.run('DELETE FROM usage_writers WHERE written_ms < ?', [nowMs - markMs]);
    for (let i = 0; i < sorted.length; i += rowsMax) {
      const rows = sorted.slice(i, i + rowsMax);
      const values = rows.flatMap(([place, sum]) => [...place, ...members.map((member) => sum[member])]);
      await queries.run(upsert(rows.length), values);
    }
  });
}

/** Takes a process's mark away, as it writes nothing any more. */
export const forgetWriter = (queries: Queries, writer: string): Promise<number> =>
  queries.run('DELETE FROM usage_writers WHERE id = ?', [writer]);

/** How far every other process has come: the same text as long as none of them has written. */
export async function readWriters(queries: Queries, but: string): Promise<string> {
  const rows = await queries.all('SELECT id, batch FROM usage_writers WHERE id <> ? ORDER BY id', [but]);
  return rows.map(({ id, batch }) => `${id} ${batch}`).join('\n');
}

function upsert(rowCount: number): string {
  const row = `(?, ?, ?, ?, ?, ${members.map(() => '?').join(', ')})`;
  const names = members.map((member) => columns[member]);
  return `INSERT INTO usage_hours (hour_ms, key_id, provider, account, model, ${names.join(', ')})
    VALUES ${Array.from({ length: rowCount }, () => row).join(', ')}
    ON CONFLICT (hour_ms, key_id, provider, account, model) DO UPDATE SET
    ${names.map((name) => `${name} = usage_hours.${name} + excluded.${name}`).join(', ')}`;
}

const tokensColumn =
  'tokens_fresh + tokens_cache_read + tokens_cache_write + tokens_output + tokens_reasoning';

export const tokensOf = (sum: UsageSum): number =>
  sum.tokensFresh + sum.tokensCacheRead + sum.tokensCacheWrite + sum.tokensOutput + sum.tokensReasoning;

/** What every key has spent since each window began. */
export async function readSpent(
  queries: Queries,
  nowMs: number,
): Promise<Map<string, Record<Window, Spent>>> {
  const starts = windows.map((window) => windowStart(window, nowMs));
  const sums = windows.flatMap((window) => [
    `SUM(CASE WHEN hour_ms >= ? THEN nano_usd ELSE 0 END) AS usd_${window}`,
    `SUM(CASE WHEN hour_ms >= ? THEN ${tokensColumn} ELSE 0 END) AS tokens_${window}`,
  ]);
  const rows = await queries.all(
    `SELECT key_id, ${sums.join(', ')} FROM usage_hours WHERE hour_ms >= ? GROUP BY key_id`,
    [...starts.flatMap((start) => [start, start]), Math.min(...starts)],
  );
  return new Map(
    rows.map((row) => {
      const spentIn = (window: Window): Spent => ({
        nanoUsd: Number(row[`usd_${window}`] ?? 0),
        tokens: Number(row[`tokens_${window}`] ?? 0),
      });
      return [
        String(row.key_id),
        { day: spentIn('day'), week: spentIn('week'), month: spentIn('month') },
      ] as const;
    }),
  );
}

const groups: Readonly<Record<UsageQuery['by'], string>> = {
  key: 'key_id',
  provider: 'provider',
  account: 'account',
  model: 'model',
  day: 'hour_ms - hour_ms % 86400000',
};

export async function readSums(queries: Queries, { fromMs, toMs, by }: UsageQuery): Promise<UsageRow[]> {
  const sums = members.map((member) => `SUM(${columns[member]}) AS ${columns[member]}`).join(', ');
  const rows = await queries.all(
    `SELECT ${groups[by]} AS grouped, ${sums} FROM usage_hours WHERE hour_ms >= ? AND hour_ms < ?
     GROUP BY grouped ORDER BY grouped`,
    [fromMs, toMs ?? Number.MAX_SAFE_INTEGER],
  );
  return rows.map((row) => toUsageRow(row, by));
}

function toUsageRow(row: Row, by: UsageQuery['by']): UsageRow {
  const sums = Object.fromEntries(members.map((member) => [member, Number(row[columns[member]] ?? 0)]));
  const grouped =
    by === 'day' ? new Date(Number(row.grouped)).toISOString().slice(0, 10) : String(row.grouped);
  return { by: grouped, ...(sums as unknown as UsageSum) };
}
