import { randomBytes } from 'node:crypto';
import type { Queries } from '../store/store.ts';
import { countUses, releaseItems, useItems } from './item-store.ts';
import { parseEntries, type Entry } from './items.ts';

/**
 * A run of snapshots, each of which follows the one before: what a conversation is as long as nobody forks it. A
 * fork is another branch that begins behind a snapshot of its parent, so nothing is copied.
 */
export interface Place {
  readonly branch: string;
  readonly seq: number;
}

/** Forks of forks beyond this begin a branch without a parent, which repeats the references, not the items. */
export const branchDepthMax = 32;

/** What a snapshot adds, in the order of the conversation. */
export interface Addition {
  readonly seq: number;
  readonly entries: readonly Entry[];
  /** How many of the entries its request brought; the others are its reply. */
  readonly inputs: number;
}

/** All that leads to a place, it included, the oldest first; `undefined` when a part of it is gone. */
export async function additionsTo(
  queries: Pick<Queries, 'all'>,
  { branch, seq }: Place,
): Promise<Addition[] | undefined> {
  const runs: Addition[][] = [];
  let at: { id: string; seq: number } | undefined = { id: branch, seq };
  while (at !== undefined) {
    const rows = await queries.all(
      'SELECT seq, entries, inputs FROM session_snapshots WHERE branch = ? AND seq <= ? ORDER BY seq',
      [at.id, at.seq],
    );
    if (rows.length !== at.seq + 1) return undefined;
    runs.push(
      rows.map((row) => ({
        seq: Number(row.seq),
        entries: parseEntries(String(row.entries)),
        inputs: Number(row.inputs),
      })),
    );
    const [parent] = await queries.all('SELECT parent, parent_seq FROM session_branches WHERE id = ?', [
      at.id,
    ]);
    if (parent === undefined) return undefined;
    at = parent.parent ? { id: String(parent.parent), seq: Number(parent.parent_seq) } : undefined;
  }
  return runs.reverse().flat();
}

/** Where the next snapshot goes, and what it has to repeat of its past. */
export interface NextPlace extends Place {
  readonly repeated: readonly Entry[];
}

/**
 * Takes the place behind a snapshot: in its branch as long as it is the last there, else in a branch of its own.
 * Throws when the snapshot has been collected meanwhile.
 */
export async function placeAfter(
  queries: Queries,
  caller: string,
  { branch, seq }: Place,
  expiresMs: number,
): Promise<NextPlace> {
  const extended = await queries.run(
    'UPDATE session_branches SET length = length + 1, expires_ms = ? WHERE id = ? AND length = ?',
    [expiresMs, branch, seq + 1],
  );
  if (extended > 0) return { branch, seq: seq + 1, repeated: [] };
  // Held from here to the end of the transaction, and too young to be collected after it.
  const held = await queries.run('UPDATE session_branches SET expires_ms = ? WHERE id = ?', [
    expiresMs,
    branch,
  ]);
  const [row] = await queries.all(
    `SELECT depth FROM session_branches
     WHERE id = ? AND EXISTS (SELECT 1 FROM session_snapshots WHERE branch = ? AND seq = ?)`,
    [branch, branch, seq],
  );
  if (held === 0 || row === undefined) throw new Error('the response that is continued is no longer stored');
  const depth = Number(row.depth) + 1;
  if (depth <= branchDepthMax) {
    return newBranch(queries, caller, expiresMs, { branch, seq, depth });
  }
  const additions = await additionsTo(queries, { branch, seq });
  if (additions === undefined) throw new Error('the response that is continued is no longer stored');
  const repeated = additions.flatMap(({ entries }) => entries);
  await useItems(queries, caller, countUses(repeated.map(({ hash }) => hash)));
  return { ...(await newBranch(queries, caller, expiresMs)), repeated };
}

/** The first place of a new branch. */
export async function newBranch(
  queries: Queries,
  caller: string,
  expiresMs: number,
  parent?: Place & { readonly depth: number },
): Promise<NextPlace> {
  const id = randomBytes(12).toString('base64url');
  await queries.run(
    `INSERT INTO session_branches (id, caller, parent, parent_seq, depth, length, bytes, expires_ms)
     VALUES (?, ?, ?, ?, ?, 1, 0, ?)`,
    [id, caller, parent?.branch ?? null, parent?.seq ?? null, parent?.depth ?? 0, expiresMs],
  );
  return { branch: id, seq: 0, repeated: [] };
}

/**
 * Deletes the snapshots at the end of a branch that have no name any more and that no fork begins behind; then the
 * branch when it is empty, and the same of its parent.
 */
export async function trim(queries: Queries, caller: string, branch: string): Promise<void> {
  for (let id: string | undefined = branch; id !== undefined;) {
    // Held, so that nobody forks it in between.
    await queries.run('UPDATE session_branches SET length = length WHERE id = ?', [id]);
    const [row] = await queries.all(
      `SELECT parent, length,
         (SELECT MAX(parent_seq) FROM session_branches AS forks WHERE forks.parent = held.id) AS forked
       FROM session_branches AS held WHERE id = ?`,
      [id],
    );
    if (row === undefined) return;
    const floor = row.forked === null ? -1 : Number(row.forked);
    let length = Number(row.length);
    while (length - 1 > floor && (await deleteNameless(queries, caller, id, length - 1))) length--;
    if (length > 0) {
      await queries.run('UPDATE session_branches SET length = ? WHERE id = ?', [length, id]);
      return;
    }
    await queries.run('DELETE FROM session_branches WHERE id = ?', [id]);
    id = row.parent === null ? undefined : String(row.parent);
  }
}

async function deleteNameless(
  queries: Queries,
  caller: string,
  branch: string,
  seq: number,
): Promise<boolean> {
  const [row] = await queries.all(
    'SELECT entries, members FROM session_snapshots WHERE branch = ? AND seq = ? AND id IS NULL AND conversation IS NULL',
    [branch, seq],
  );
  if (row === undefined) return false;
  await queries.run('DELETE FROM session_snapshots WHERE branch = ? AND seq = ?', [branch, seq]);
  await releaseItems(queries, caller, usesOf([row]));
  return true;
}

/** What snapshots refer to: their entries and the long members of their responses. */
export const usesOf = (rows: readonly Readonly<Record<string, unknown>>[]): Map<string, number> =>
  countUses(
    rows.flatMap(({ entries, members }) => [
      ...parseEntries(String(entries)).map(({ hash }) => hash),
      ...Object.values(JSON.parse(String(members)) as Record<string, string>),
    ]),
  );
