import type { Queries } from '../store/store.ts';
import type { Stored } from './items.ts';

/** What a caller's texts go through on their way into the store and out of it. */
export interface Cover {
  seal(text: string): string;
  open(sealed: string): string;
}

/** Values in one statement: far below what the engines take, and enough for few round trips. */
const batchMax = 500;

/**
 * Counts one more use of each, storing those that are new. In the order of their hashes, so that two transactions
 * never wait for each other.
 */
export async function keepItems(
  queries: Queries,
  caller: string,
  items: ReadonlyMap<string, Stored>,
  uses: ReadonlyMap<string, number>,
  cover: Cover,
): Promise<void> {
  const hashes = [...uses.keys()].filter((hash) => items.has(hash)).sort();
  for (const batch of batches(hashes, batchMax)) {
    await queries.run(
      `INSERT INTO session_items (caller, hash, item_id, body, uses)
       VALUES ${batch.map(() => '(?, ?, ?, ?, ?)').join(', ')}
       ON CONFLICT (caller, hash) DO UPDATE SET uses = session_items.uses + excluded.uses`,
      batch.flatMap((hash) => {
        const { text, itemId } = items.get(hash)!;
        return [caller, hash, itemId ?? null, cover.seal(text), uses.get(hash)!];
      }),
    );
  }
}

/** Counts a further use of what is stored already. */
export const useItems = (
  queries: Queries,
  caller: string,
  uses: ReadonlyMap<string, number>,
): Promise<void> => addUses(queries, caller, uses, 1);

/** Takes uses back, and deletes what nothing uses any more. */
export async function releaseItems(
  queries: Queries,
  caller: string,
  uses: ReadonlyMap<string, number>,
): Promise<void> {
  await addUses(queries, caller, uses, -1);
  for (const batch of batches([...uses.keys()].sort(), batchMax)) {
    await queries.run(
      `DELETE FROM session_items WHERE caller = ? AND hash IN (${marks(batch)}) AND uses <= 0`,
      [caller, ...batch],
    );
  }
}

async function addUses(
  queries: Queries,
  caller: string,
  uses: ReadonlyMap<string, number>,
  sign: 1 | -1,
): Promise<void> {
  const byCount = Map.groupBy([...uses.keys()].sort(), (hash) => uses.get(hash)!);
  for (const [count, hashes] of byCount) {
    for (const batch of batches(hashes, batchMax)) {
      await queries.run(
        `UPDATE session_items SET uses = uses + ? WHERE caller = ? AND hash IN (${marks(batch)})`,
        [sign * count, caller, ...batch],
      );
    }
  }
}

/** The texts of these hashes; one that is missing is not in the map. */
export async function readItems(
  queries: Queries,
  caller: string,
  hashes: Iterable<string>,
  cover: Cover,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const batch of batches([...new Set(hashes)], batchMax)) {
    const rows = await queries.all(
      `SELECT hash, body FROM session_items WHERE caller = ? AND hash IN (${marks(batch)})`,
      [caller, ...batch],
    );
    for (const { hash, body } of rows) texts.set(String(hash), cover.open(String(body)));
  }
  return texts;
}

/** The texts of items by the ids that they came with. Of several with one id it is one of them. */
export async function readItemsById(
  queries: Queries,
  caller: string,
  ids: readonly string[],
  cover: Cover,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const batch of batches(ids, batchMax)) {
    const rows = await queries.all(
      `SELECT item_id, body FROM session_items WHERE caller = ? AND item_id IN (${marks(batch)})`,
      [caller, ...batch],
    );
    for (const { item_id, body } of rows) texts.set(String(item_id), cover.open(String(body)));
  }
  return texts;
}

/** How often each hash occurs. */
export function countUses(hashes: Iterable<string>): Map<string, number> {
  const uses = new Map<string, number>();
  for (const hash of hashes) uses.set(hash, (uses.get(hash) ?? 0) + 1);
  return uses;
}

const marks = (batch: readonly unknown[]): string => batch.map(() => '?').join(', ');

function* batches<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}
