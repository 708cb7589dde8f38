import type { Queries, Row, Store } from '../store/store.ts';
import { trim, usesOf } from './branches.ts';
import { releaseItems } from './item-store.ts';

export interface CollectorLimits {
  /** What one caller's conversations may take; beyond it the oldest go. */
  readonly callerBytesMax: number;
  /** The same of all callers together. */
  readonly totalBytesMax: number;
  /** How often expired branches are looked for. */
  readonly sweepEveryMs: number;
}

/** Branches in one sweep, and snapshots in one transaction: nobody waits long behind one. */
const branchesMax = 50;
const snapshotsMax = 100;

/** Sweeps now and then. Returns what ends it. */
export function startCollector(
  collect: () => Promise<number>,
  complain: (error: unknown) => void,
  { sweepEveryMs }: CollectorLimits,
): () => void {
  let isSweeping = false;
  const timer = setInterval(() => {
    if (isSweeping) return;
    isSweeping = true;
    collect()
      .catch(complain)
      .finally(() => (isSweeping = false));
  }, sweepEveryMs);
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}

/** Deletes some branches that have expired and that no fork needs. Returns how many. */
export async function sweep(
  store: Store,
  nowMs: number,
  { callerBytesMax, totalBytesMax }: Pick<CollectorLimits, 'callerBytesMax' | 'totalBytesMax'>,
): Promise<number> {
  await expireSurplus(store, nowMs, callerBytesMax);
  await expireTotal(store, nowMs, totalBytesMax);
  const rows = await store.all(
    `SELECT id, caller FROM session_branches AS old WHERE expires_ms <= ?
       AND NOT EXISTS (SELECT 1 FROM session_branches AS forks WHERE forks.parent = old.id)
     ORDER BY expires_ms LIMIT ${branchesMax}`,
    [nowMs],
  );
  let count = 0;
  for (const { id, caller } of rows) {
    while (await store.transaction((queries) => shorten(queries, String(caller), String(id), nowMs)));
    count++;
  }
  return count;
}

/** Deletes some snapshots at the end of an expired branch, at last the branch. True while there is more to do. */
async function shorten(queries: Queries, caller: string, branch: string, nowMs: number): Promise<boolean> {
  // Held, so that nobody continues or forks it in between.
  const held = await queries.run(
    'UPDATE session_branches SET length = length WHERE id = ? AND expires_ms <= ?',
    [branch, nowMs],
  );
  const forks = await queries.all('SELECT 1 AS one FROM session_branches WHERE parent = ? LIMIT 1', [branch]);
  if (held === 0 || forks.length > 0) return false;
  const rows = await queries.all(
    `SELECT seq, entries, members FROM session_snapshots WHERE branch = ? ORDER BY seq DESC LIMIT ${snapshotsMax}`,
    [branch],
  );
  const first = rows.at(-1)?.seq;
  if (first === undefined) {
    await trim(queries, caller, branch);
    return false;
  }
  await queries.run('DELETE FROM session_snapshots WHERE branch = ? AND seq >= ?', [branch, first]);
  await queries.run('UPDATE session_branches SET length = ? WHERE id = ?', [Number(first), branch]);
  await releaseItems(queries, caller, usesOf(rows));
  return true;
}

/** Has the oldest conversations of callers who store too much expire. */
async function expireSurplus(store: Store, nowMs: number, callerBytesMax: number): Promise<void> {
  const callers = await store.all(
    `SELECT caller, SUM(bytes) AS total FROM session_branches WHERE expires_ms > ?
     GROUP BY caller HAVING SUM(bytes) > ?`,
    [nowMs, callerBytesMax],
  );
  for (const { caller, total } of callers) {
    const oldest = await store.all(
      `SELECT id, bytes FROM session_branches WHERE caller = ? AND expires_ms > ? ORDER BY expires_ms LIMIT 500`,
      [caller!, nowMs],
    );
    await expire(store, oldest, Number(total) - callerBytesMax);
  }
}

/** The same where all callers together store too much. */
async function expireTotal(store: Store, nowMs: number, totalBytesMax: number): Promise<void> {
  const [row] = await store.all('SELECT SUM(bytes) AS total FROM session_branches WHERE expires_ms > ?', [
    nowMs,
  ]);
  const surplus = Number(row?.total ?? 0) - totalBytesMax;
  if (surplus <= 0) return;
  const oldest = await store.all(
    'SELECT id, bytes FROM session_branches WHERE expires_ms > ? ORDER BY expires_ms LIMIT 500',
    [nowMs],
  );
  await expire(store, oldest, surplus);
}

async function expire(store: Store, oldest: readonly Row[], surplus: number): Promise<void> {
  for (const { id, bytes } of oldest) {
    if (surplus <= 0) break;
    surplus -= Number(bytes);
    await store.run('UPDATE session_branches SET expires_ms = 0 WHERE id = ?', [id!]);
  }
}
