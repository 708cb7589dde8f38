import { Database } from 'bun:sqlite';
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { migrate } from './migrations.ts';
import { StoreError, type Queries, type Row, type SqlValue, type Store } from './store.ts';
import { countAnnouncement, readTopics, topicWatch } from './topics.ts';

/** How often another process's writes are looked for. */
const pollMs = 500;
/** How long a statement waits for another process to finish writing; never by blocking this one. */
const busyMs = 10_000;
const busyPauseMs = 10;

/**
 * Opens a database file, made if absent and readable by its owner only. Several processes on one machine may share
 * it.
 */
export async function openSqlite(path: string): Promise<Store> {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let database: Database;
  try {
    database = new Database(path, { create: true, strict: true });
    // The driver's own waiting would stop every stream of this process.
    database.run('PRAGMA busy_timeout = 0');
    if (path !== ':memory:') chmodSync(path, 0o600);
    // Fails while another process does the same.
    await patiently(() => database.run('PRAGMA journal_mode = WAL'));
    database.run('PRAGMA synchronous = NORMAL');
  } catch (error) {
    throw new StoreError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  const store = sqliteStore(database, path);
  try {
    await store.transaction((queries) => migrate(queries, Date.now()));
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

function sqliteStore(database: Database, path: string): Store {
  const queries: Queries = {
    all: (sql, values = []) => patiently(() => database.query(sql).all(...(values as SqlValue[])) as Row[]),
    run: (sql, values = []) => patiently(() => database.query(sql).run(...(values as SqlValue[])).changes),
  };
  // One connection: a statement from elsewhere would fall into an open transaction, so each waits for its turn.
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  }
  const topics = topicWatch(() => inTurn(() => readTopics(queries)), pollMs);

  return {
    engine: 'sqlite',
    all: (sql, values) => inTurn(() => queries.all(sql, values)),
    run: (sql, values) => inTurn(() => queries.run(sql, values)),
    transaction: (work) =>
      inTurn(async () => {
        await queries.run('BEGIN IMMEDIATE');
        try {
          const result = await work(queries);
          await queries.run('COMMIT');
          return result;
        } catch (error) {
          if (database.inTransaction) database.run('ROLLBACK');
          throw error;
        }
      }),
    async view() {
      // There is no second connection to what lies in memory, and nobody else writes there.
      if (path === ':memory:')
        return { all: (sql, values) => inTurn(() => queries.all(sql, values)), async close() {} };
      const frozen = new Database(path, { readonly: true, strict: true });
      frozen.run('BEGIN');
      // The moment is that of the first look.
      frozen.query('SELECT COUNT(*) FROM migrations').get();
      return {
        all: (sql, values = []) => patiently(() => frozen.query(sql).all(...(values as SqlValue[])) as Row[]),
        async close() {
          frozen.close();
        },
      };
    },
    async announce(topic) {
      await inTurn(() => countAnnouncement(queries, topic));
      topics.look();
    },
    listen: topics.listen,
    async close() {
      topics.stop();
      await last;
      database.close();
    },
  };
}

/** Tries again while another process writes, without standing still in between. */
async function patiently<T>(work: () => T): Promise<T> {
  const deadline = performance.now() + busyMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'SQLITE_BUSY' && code !== 'SQLITE_BUSY_SNAPSHOT' && code !== 'SQLITE_BUSY_RECOVERY')
        throw error;
      if (performance.now() > deadline)
        throw new StoreError('the database file stayed locked', { cause: error });
      await new Promise((done) => setTimeout(done, busyPauseMs));
    }
  }
}
