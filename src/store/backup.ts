import { z } from 'zod';
import { schemaVersion } from './migrations.ts';
import type { Queries, Row, SqlValue, Store } from './store.ts';

/** What a backup holds: everything that could not be made again. Health heals by itself; leases are of the moment. */
const tables: Readonly<Record<string, readonly string[]>> = {
  settings: ['name', 'value'],
  accounts: [
    'id',
    'provider',
    'name',
    'kind',
    'secret',
    'profile',
    'priority',
    'weight',
    'enabled',
    'state',
    'state_why',
    'version',
    'expires_ms',
    'created_ms',
    'updated_ms',
  ],
  gateway_keys: ['id', 'prefix', 'hash', 'name', 'role', 'rules', 'created_ms', 'expires_ms', 'revoked_ms'],
  usage_hours: [
    'hour_ms',
    'key_id',
    'provider',
    'account',
    'model',
    'requests',
    'failed',
    'tokens_fresh',
    'tokens_cache_read',
    'tokens_cache_write',
    'tokens_output',
    'tokens_reasoning',
    'nano_usd',
    'unpriced',
  ],
};

/** Members that are text; all others are numbers, which PostgreSQL gives as text where they are long. */
const texts: ReadonlySet<string> = new Set(
  'name value id provider kind secret profile state state_why prefix hash role rules key_id account model'.split(
    ' ',
  ),
);

const headSchema = z.object({ dragoman: z.literal('backup'), version: z.int() });
const lineSchema = z.object({
  table: z.string(),
  row: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/**
 * The store as lines of JSON, which either engine reads back. Secrets stay sealed, so that a backup is worth
 * nothing without the vault's key, and that key is not in it.
 */
export async function* exportStore(store: Store): AsyncGenerator<string> {
  yield `${JSON.stringify({ dragoman: 'backup', version: schemaVersion })}\n`;
  for (const [table, columns] of Object.entries(tables)) {
    const kept = table === 'settings' ? ` WHERE name NOT LIKE 'topic:%'` : '';
    const rows = await store.all(`SELECT ${columns.join(', ')} FROM ${table}${kept}`);
    for (const row of rows) yield `${JSON.stringify({ table, row: portable(row, columns) })}\n`;
  }
}

/**
 * Reads a backup into a store, all or nothing. `alone`: the store must have no accounts, keys or usage yet, and is
 * sealed as the backup is from then on. `beside`: what is there stays as it is, and both must be sealed with one key.
 * Returns how many rows of each table were new.
 */
export async function importStore(
  store: Store,
  text: string,
  into: 'alone' | 'beside' = 'alone',
): Promise<Record<string, number>> {
  const [head, ...lines] = text.split('\n').filter((line) => line !== '');
  const { success, data } = headSchema.safeParse(parse(head ?? '', 1));
  if (!success) throw new BackupError('this is no backup of dragoman');
  if (data.version > schemaVersion) {
    throw new BackupError(
      `the backup is of version ${data.version}, this program knows ${schemaVersion}: update the program`,
    );
  }
  const rows = lines.map((line, index) => readLine(line, index + 2));
  const counts: Record<string, number> = {};
  await store.transaction(async (queries) => {
    await (into === 'alone' ? checkEmpty(queries) : checkVault(queries, rows));
    for (const { table, row } of rows) {
      // What is set here holds here.
      if (into === 'beside' && table === 'settings') continue;
      const columns = tables[table]!;
      const written = await queries.run(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
         ON CONFLICT DO NOTHING`,
        columns.map((column) => row[column] ?? null),
      );
      counts[table] = (counts[table] ?? 0) + written;
    }
  });
  await store.announce('accounts');
  await store.announce('keys');
  return counts;
}

interface BackupRow {
  readonly table: string;
  readonly row: Readonly<Record<string, SqlValue>>;
}

async function checkEmpty(queries: Queries): Promise<void> {
  for (const table of ['accounts', 'gateway_keys', 'usage_hours']) {
    const [row] = await queries.all(`SELECT COUNT(*) AS n FROM ${table}`);
    if (Number(row?.n) > 0)
      throw new BackupError('the store already holds accounts, keys or usage; import into a new one');
  }
  await queries.run(`DELETE FROM settings WHERE name = 'vault'`);
}

/** What was sealed with another key could never be opened here. */
async function checkVault(queries: Queries, rows: readonly BackupRow[]): Promise<void> {
  const [own] = await queries.all(`SELECT value FROM settings WHERE name = 'vault'`);
  const theirs = rows.find(({ table, row }) => table === 'settings' && row.name === 'vault')?.row.value;
  if (own?.value !== theirs) throw new BackupError('the backup was sealed with another key than this store');
}

function readLine(line: string, number: number): BackupRow {
  const { success, data } = lineSchema.safeParse(parse(line, number));
  const columns = success ? tables[data.table] : undefined;
  if (
    !success ||
    columns === undefined ||
    Object.keys(data.row).some((column) => !columns.includes(column))
  ) {
    throw new BackupError(`line ${number} of the backup is not understood`);
  }
  return data;
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new BackupError(`line ${number} of the backup is not JSON`);
  }
}

const portable = (row: Row, columns: readonly string[]): Record<string, SqlValue> =>
  Object.fromEntries(
    columns.map((column) => {
      const value = row[column] ?? null;
      return [column, value === null || texts.has(column) ? value : Number(value)];
    }),
  );
