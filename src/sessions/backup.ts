import { insertRow, type BackupPart, type BackupTable } from '../store/backup.ts';
import type { Queries, Row } from '../store/store.ts';
import { usesOf } from './branches.ts';

const branches: BackupTable = {
  key: ['id'],
  texts: ['id', 'caller', 'parent'],
  columns: ['id', 'caller', 'parent', 'parent_seq', 'depth', 'length', 'bytes', 'expires_ms'],
};
const snapshots: BackupTable = {
  key: ['branch', 'seq'],
  texts: ['branch', 'caller', 'id', 'conversation', 'about', 'entries', 'body', 'members', 'state'],
  columns: [
    'branch',
    'seq',
    'caller',
    'id',
    'conversation',
    'about',
    'entries',
    'inputs',
    'body',
    'members',
    'state',
    'created_ms',
  ],
};
/** How often each is used is counted anew from the snapshots. */
const items: BackupTable = {
  key: ['caller', 'hash'],
  texts: ['caller', 'hash', 'item_id', 'body'],
  columns: ['caller', 'hash', 'item_id', 'body'],
};

/** Conversations in a backup, sealed as they lie in the store. What is there already stays as it is. */
export const conversationBackup: BackupPart = {
  tables: { session_branches: branches, session_snapshots: snapshots, session_items: items },
  reader(queries) {
    /** Branches that are there already, in which another turn may have followed. */
    const known = new Set<string>();
    return {
      async write(table, row) {
        switch (table) {
          case 'session_branches': {
            const written = await insertRow(queries, table, branches, row);
            if (written === 0) known.add(String(row.id));
            return written;
          }
          case 'session_snapshots':
            return known.has(String(row.branch)) ? 0 : writeSnapshot(queries, row);
          default:
            return queries.run(
              `UPDATE session_items SET body = ?, item_id = ? WHERE caller = ? AND hash = ? AND body = ''`,
              [row.body!, row.item_id ?? null, row.caller!, row.hash!],
            );
        }
      },
      async end() {
        // What is wanted and did not come is not there: whoever goes on from it is told so.
        await queries.run(`DELETE FROM session_items WHERE body = ''`);
      },
    };
  },
};

/** A name that is taken here stays where it is. The places of its items are held until their texts come. */
async function writeSnapshot(queries: Queries, row: Row): Promise<number> {
  const taken = async (name: 'id' | 'conversation'): Promise<boolean> => {
    if (row[name] == null) return false;
    const found = await queries.all(
      `SELECT 1 AS one FROM session_snapshots WHERE caller = ? AND ${name} = ?`,
      [row.caller!, row[name]!],
    );
    return found.length > 0;
  };
  const named = { ...row };
  if (await taken('id')) named.id = null;
  if (await taken('conversation')) Object.assign(named, { conversation: null, about: null });
  const written = await insertRow(queries, 'session_snapshots', snapshots, named);
  if (written === 0) return 0;
  const uses = [...usesOf([row])];
  for (let at = 0; at < uses.length; at += usesMax) {
    const some = uses.slice(at, at + usesMax);
    await queries.run(
      `INSERT INTO session_items (caller, hash, item_id, body, uses)
       VALUES ${some.map(() => `(?, ?, NULL, '', ?)`).join(', ')}
       ON CONFLICT (caller, hash) DO UPDATE SET uses = session_items.uses + excluded.uses`,
      some.flatMap(([hash, count]) => [row.caller!, hash, count]),
    );
  }
  return written;
}

/** Items in one statement. */
const usesMax = 500;
