import { z } from 'zod';
import { schemaVersion } from './migrations.ts';
import type { Queries, Row, SqlValue, Store } from './store.ts';

/** A table of a backup: its columns, and those that order it. */
export interface BackupTable {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** Columns that are text; all others are numbers, which PostgreSQL gives as text where they are long. */
  readonly texts: readonly string[];
}

/** Tables whose rows are not read back as they stand. */
export interface BackupPart {
  readonly tables: Readonly<Record<string, BackupTable>>;
  /** Writes the rows of one import, which come in the order of `tables`. */
  reader(queries: Queries): {
    /** Returns how many were new. */
    write(table: string, row: Row): Promise<number>;
    /** After the last row. */
    end(): Promise<void>;
  };
}

const table = (key: string, texts: string, numbers = ''): BackupTable => {
  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  return { key: words(key), texts: words(texts), columns: [...words(texts), ...words(numbers)] };
};

/** What a backup holds: everything that could not be made again. Health heals by itself, quotas are told anew. */
const ownTables: Readonly<Record<string, BackupTable>> = {
  settings: table('name', 'name value'),
  accounts: table(
    'id',
    'id provider name kind secret profile state state_why',
    'priority weight enabled version expires_ms created_ms updated_ms',
  ),
  gateway_keys: table('id', 'id prefix hash name role rules', 'created_ms expires_ms revoked_ms'),
  usage_hours: table(
    'hour_ms key_id provider account model',
    'key_id provider account model',
    'hour_ms requests failed tokens_fresh tokens_cache_read tokens_cache_write tokens_output tokens_reasoning nano_usd unpriced',
  ),
};

const headSchema = z.object({ dragoman: z.literal('backup'), version: z.int() });
const lineSchema = z.object({
  table: z.string(),
  row: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** Rows that are read at a time: a backup is as large as it is, what is held of it is not. */
const pageRows = 500;

/**
 * The store at one moment as lines of JSON, which either engine reads back. Secrets and what was said stay sealed, so
 * that a backup is worth nothing without the vault's key, and that key is not in it.
 */
export async function* exportStore(store: Store, part?: BackupPart): AsyncGenerator<string> {
  const view = await store.view();
  try {
    yield `${JSON.stringify({ dragoman: 'backup', version: schemaVersion })}\n`;
    for (const [name, described] of Object.entries({ ...ownTables, ...part?.tables })) {
      const kept = name === 'settings' ? `name NOT LIKE 'topic:%'` : '1 = 1';
      for await (const row of rowsOf(view, name, described, kept)) {
        yield `${JSON.stringify({ table: name, row: portable(row, described) })}\n`;
      }
    }
  } finally {
    await view.close();
  }
}

/** Page by page, each of which begins behind the last row of the one before. */
async function* rowsOf(
  view: Pick<Queries, 'all'>,
  name: string,
  { columns, key }: BackupTable,
  kept: string,
): AsyncGenerator<Row> {
  const order = key.join(', ');
  let last: Row | undefined;
  for (;;) {
    const behind = last === undefined ? '' : ` AND (${order}) > (${key.map(() => '?').join(', ')})`;
    const rows: Row[] = await view.all(
      `SELECT ${columns.join(', ')} FROM ${name} WHERE ${kept}${behind} ORDER BY ${order} LIMIT ${pageRows}`,
      last === undefined ? [] : key.map((column) => last![column]!),
    );
    yield* rows;
    last = rows.at(-1);
    if (rows.length < pageRows) return;
  }
}

/**
 * Reads a backup into a store, all or nothing; `lines` may come in pieces. `alone`: the store must have no accounts,
 * keys or usage yet, and is sealed as the backup is from then on. `beside`: what is there stays as it is, and both must
 * be sealed with one key. Returns how many rows of each table were new.
 */
export async function importStore(
  store: Store,
  lines: string | AsyncIterable<string>,
  into: 'alone' | 'beside' = 'alone',
  part?: BackupPart,
): Promise<Record<string, number>> {
  const tables = { ...ownTables, ...part?.tables };
  const counts: Record<string, number> = {};
  await store.transaction(async (queries) => {
    if (into === 'alone') await checkEmpty(queries);
    const reader = part?.reader(queries);
    let number = 0;
    let isSameVault = into === 'alone';
    for await (const line of linesOf(lines)) {
      if (line === '') continue;
      if (++number === 1) {
        checkHead(line);
        continue;
      }
      const { table: name, row } = readLine(line, number, tables);
      if (into === 'beside' && name === 'settings') {
        if (row.name === 'vault') isSameVault = await checkVault(queries, row.value);
        continue;
      }
      if (!isSameVault) await checkVault(queries, undefined);
      const written =
        part?.tables[name] === undefined
          ? await insertRow(queries, name, tables[name]!, row)
          : await reader!.write(name, row);
      counts[name] = (counts[name] ?? 0) + written;
    }
    if (number === 0) checkHead('');
    if (!isSameVault) await checkVault(queries, undefined);
    await reader?.end();
  });
  await store.announce('accounts');
  await store.announce('keys');
  return counts;
}

/** Inserts a row as it stands; 0 where one with its key is there. */
export const insertRow = (
  queries: Queries,
  name: string,
  { columns }: BackupTable,
  row: Row,
): Promise<number> =>
  queries.run(
    `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
     ON CONFLICT DO NOTHING`,
    columns.map((column) => row[column] ?? null),
  );

/** No line is longer; what one turn may be is far less. */
const lineCharsMax = 256 * 1024 * 1024;

async function* linesOf(text: string | AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of typeof text === 'string' ? [text] : text) {
    const pieces = (rest + piece).split('\n');
    rest = pieces.pop()!;
    if (rest.length > lineCharsMax) throw new BackupError('this is no backup of dragoman');
    yield* pieces;
  }
  if (rest !== '') yield rest;
}

function checkHead(line: string): void {
  const { success, data } = headSchema.safeParse(parse(line, 1));
  if (!success) throw new BackupError('this is no backup of dragoman');
  if (data.version > schemaVersion) {
    throw new BackupError(
      `the backup is of version ${data.version}, this program knows ${schemaVersion}: update the program`,
    );
  }
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
async function checkVault(queries: Queries, theirs: SqlValue | undefined): Promise<true> {
  const [own] = await queries.all(`SELECT value FROM settings WHERE name = 'vault'`);
  if (own?.value !== theirs) throw new BackupError('the backup was sealed with another key than this store');
  return true;
}

function readLine(line: string, number: number, tables: Readonly<Record<string, BackupTable>>): BackupRow {
  const { success, data } = lineSchema.safeParse(parse(line, number));
  const columns = success && Object.hasOwn(tables, data.table) ? tables[data.table]!.columns : undefined;
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

const portable = (row: Row, { columns, texts }: BackupTable): Record<string, SqlValue> =>
  Object.fromEntries(
    columns.map((column) => {
      const value = row[column] ?? null;
      return [column, value === null || texts.includes(column) ? value : Number(value)];
    }),
  );
