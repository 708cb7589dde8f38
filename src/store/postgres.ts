import { SQL, type TransactionSQL } from 'bun';
import { migrate } from './migrations.ts';
import { numbered, StoreError, type Queries, type Row, type SqlValue, type Store } from './store.ts';
import { countAnnouncement, readTopics, topicWatch } from './topics.ts';

/** Any number that no other program is likely to lock with. */
const migrationLock = 0x6472_6167;
const channel = 'dragoman';
const connectSeconds = 5;
/** Shorter than what firewalls on the way allow. */
const idleSeconds = 60;
const connectionsMax = 8;
/** How often announcements are looked for beside the database's own notices, which a dead connection does not bring. */
const pollMs = 5_000;
/** How long a statement may take. Beyond it its connection counts as dead: a firewall drops one without a word. */
const answerMs = 15_000;

/** Opens a PostgreSQL database that several gateways may share. */
export async function openPostgres(url: string): Promise<Store> {
  const pool = connectionPool(url);
  const store = postgresStore(pool);
  try {
    await store.transaction(async (queries) => {
      await queries.all('SELECT pg_advisory_xact_lock(?)', [migrationLock]);
      await migrate(queries, Date.now());
    });
  } catch (error) {
    await store.close();
    throw new StoreError(`PostgreSQL at ${hostOf(url)}: ${(error as Error).message}`, { cause: error });
  }
  return store;
}

/** Connections that are thrown away together when one of them has died in silence. */
function connectionPool(url: string) {
  const connect = () =>
    new SQL({
      url,
      max: connectionsMax,
      connectionTimeout: connectSeconds,
      idleTimeout: idleSeconds,
      onnotice: () => {},
    } as never);
  let sql = connect();
  const renewed = new Set<() => void>();

  function renew(dead: SQL): void {
    if (dead !== sql) return;
    sql = connect();
    void dead.close({ timeout: 0 }).catch(() => undefined);
    for (const tell of renewed) tell();
  }

  return {
    get sql() {
      return sql;
    },
    renewed,
    /** Waits for work that calls `moved` with each answer, as long as it moves. */
    async patiently<T>(work: (sql: SQL, moved: () => void) => Promise<T>): Promise<T> {
      const mine = sql;
      const { promise: silent, reject } = Promise.withResolvers<never>();
      const giveUp = (): void => {
        reject(new StoreError(`the database did not answer within ${answerMs / 1000} s`));
        renew(mine);
      };
      let timer = setTimeout(giveUp, answerMs);
      const moved = (): void => {
        clearTimeout(timer);
        timer = setTimeout(giveUp, answerMs);
      };
      const working = work(mine, moved);
      try {
        return await Promise.race([working, silent]);
      } finally {
        clearTimeout(timer);
        working.catch(() => undefined);
      }
    },
  };
}

type Pool = ReturnType<typeof connectionPool>;

function postgresStore(pool: Pool): Store {
  const queries = queriesOn((text, values) => pool.patiently((sql) => asked(sql, text, values)));
  let listening = false;
  const topics = topicWatch(() => {
    listenOnce();
    return readTopics(queries);
  }, pollMs);

  /** The database's notices only say when to look. Without them it is done now and then. */
  function listenOnce(): void {
    if (listening) return;
    listening = true;
    const { sql } = pool;
    sql.listen(channel, topics.look, topics.look).catch(() => {
      if (pool.sql === sql) listening = false;
    });
  }
  pool.renewed.add(() => (listening = false));

  return {
    ...queries,
    engine: 'postgres',
    transaction: (work) =>
      pool.patiently((sql, moved) =>
        sql.begin((tx) =>
          work(
            queriesOn(async (text, values) => {
              const rows = await asked(tx, text, values);
              moved();
              return rows;
            }),
          ),
        ),
      ),
    async view() {
      const { sql } = pool;
      const own = await sql.reserve();
      try {
        await own.unsafe('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        // The moment is that of the first look.
        await own.unsafe('SELECT COUNT(*) FROM migrations');
      } catch (error) {
        own.release();
        throw new StoreError((error as Error).message, { cause: error });
      }
      return {
        all: async (text, values = []) => (await asked(own, text, values)) as Row[],
        async close() {
          await own.unsafe('ROLLBACK').catch(() => undefined);
          own.release();
        },
      };
    },
    async announce(topic) {
      await countAnnouncement(queries, topic);
      await queries.all('SELECT pg_notify(?, ?)', [channel, topic]);
    },
    listen: topics.listen,
    async close() {
      topics.stop();
      pool.renewed.clear();
      await pool.sql.close({ timeout: 1 }).catch(() => undefined);
    },
  };
}

const queriesOn = (ask: (text: string, values: readonly SqlValue[]) => Promise<unknown>): Queries => ({
  async all(text, values = []) {
    return (await ask(text, values)) as Row[];
  },
  async run(text, values = []) {
    return ((await ask(text, values)) as { count?: number }).count ?? 0;
  },
});

async function asked(sql: SQL | TransactionSQL, text: string, values: readonly SqlValue[]): Promise<unknown> {
  try {
    return await sql.unsafe(numbered(text), values as SqlValue[]);
  } catch (error) {
    // The driver's message repeats no values; its own fields might.
    throw new StoreError((error as Error).message, { cause: error });
  }
}

/** The host of an address, without who logs in there. */
function hostOf(url: string): string {
  return URL.parse(url)?.host || 'its socket';
}
