import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemaVersion } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { hasPostgres, startPostgres, type Postgres } from '../support/postgres.ts';

const dir = mkdtempSync(join(tmpdir(), 'dragoman-store-'));
let postgres: Postgres | undefined;
let files = 0;

beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres();
  else console.log('skipped: PostgreSQL is not installed');
}, 60_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const engines: [name: string, address: () => Promise<string>][] = [
  ['sqlite', async () => `sqlite:${join(dir, `${++files}.db`)}`],
];
if (hasPostgres) engines.push(['postgres', () => postgres!.database()]);

const put = `INSERT INTO settings (name, value) VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
const values = async (store: Store): Promise<unknown[]> =>
  (await store.all(`SELECT value FROM settings WHERE name NOT LIKE 'topic:%' ORDER BY name`)).map(
    (row) => row.value,
  );

describe.each(engines)('a store on %s', (_engine, address) => {
  test('keeps what was written when it is opened again', async () => {
    const at = await address();
    const first = await openStore(at);
    expect(await first.run(put, ['a', 'one'])).toBe(1);
    await first.close();
    const second = await openStore(at);
    expect(await values(second)).toEqual(['one']);
    await second.close();
  });

  test('takes back all of a transaction that fails', async () => {
    const store = await openStore(await address());
    const failing = store.transaction(async (queries) => {
      await queries.run(put, ['a', 'one']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await failing.catch(() => undefined);
    expect(await values(store)).toEqual([]);
    await store.close();
  });

  test('keeps statements of others out of an open transaction', async () => {
    const store = await openStore(await address());
    let fail = (): void => {};
    const stop = new Promise<void>((done) => (fail = done));
    const transaction = store.transaction(async (queries) => {
      await queries.run(put, ['a', 'inside']);
      await stop;
      throw new Error('taken back');
    });
    const outside = store.run(put, ['b', 'outside']);
    await Bun.sleep(20);
    fail();
    await transaction.catch(() => undefined);
    await outside;
    expect(await values(store)).toEqual(['outside']);
    await store.close();
  });

  test('counts every change of many writers at once', async () => {
    const at = await address();
    const stores = await Promise.all([openStore(at), openStore(at)]);
    await stores[0]!.run(put, ['n', '0']);
    const add = (store: Store) =>
      store.run(`UPDATE settings SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'n'`);
    await Promise.all(Array.from({ length: 100 }, (_, i) => add(stores[i % 2]!)));
    expect(await values(stores[1]!)).toEqual(['100']);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('tells every process of an announcement', async () => {
    const at = await address();
    const [here, there] = await Promise.all([openStore(at), openStore(at)]);
    let heard = 0;
    let other = 0;
    there.listen('keys', () => heard++);
    there.listen('accounts', () => other++);
    await Bun.sleep(100);
    await here.announce('keys');
    await eventually(() => heard > 0);
    expect(heard).toBe(1);
    expect(other).toBe(0);
    await here.announce('keys');
    await eventually(() => heard > 1);
    expect(heard).toBe(2);
    await Promise.all([here.close(), there.close()]);
  });

  test('calls a listener again that failed, and one that was away when it was announced', async () => {
    const at = await address();
    const [here, there] = await Promise.all([openStore(at), openStore(at)]);
    await here.announce('keys');
    let heard = 0;
    there.listen('keys', async () => {
      if (++heard === 1) throw new Error('could not be read');
    });
    await here.announce('keys');
    await eventually(() => heard >= 2);
    await Promise.all([here.close(), there.close()]);
  }, 60_000);

  test.each([0, 1, 2, 3])('brings a store of version %i forward, whoever opens it first', async (version) => {
    const at = await address();
    const fresh = await openStore(at);
    const expected = await shapeOf(fresh);
    await fresh.run(`INSERT INTO settings (name, value) VALUES ('mine', 'kept')`);
    for (const [step, names] of Object.entries(madeBy)) {
      if (Number(step) <= version) continue;
      for (const name of names) await fresh.run(`DROP TABLE ${name}`);
    }
    await fresh.run('DELETE FROM migrations WHERE id > ?', [version]);
    expect(await shapeOf(fresh)).not.toEqual(expected);
    await fresh.close();

    const [one, other] = await Promise.all([openStore(at), openStore(at)]);
    expect(await shapeOf(one)).toEqual(expected);
    expect((await other.all('SELECT id FROM migrations ORDER BY id')).map(({ id }) => Number(id))).toEqual(
      Array.from({ length: schemaVersion }, (_, i) => i + 1),
    );
    if (version > 0) {
      expect(await other.all(`SELECT value FROM settings WHERE name = 'mine'`)).toEqual([{ value: 'kept' }]);
    }
    await Promise.all([one.close(), other.close()]);
  });

  test('refuses a store that a newer program has written', async () => {
    const at = await address();
    const store = await openStore(at);
    await store.run('INSERT INTO migrations (id, applied_ms) VALUES (?, ?)', [9999, 0]);
    await store.close();
    await expect(openStore(at)).rejects.toThrow('update the program');
  });
});

/** The tables that each step of the schema has made. */
const madeBy: Readonly<Record<number, readonly string[]>> = {
  1: ['accounts', 'account_health', 'gateway_keys', 'usage_hours', 'leases', 'settings'],
  2: ['usage_writers'],
  3: ['session_items', 'session_branches', 'session_snapshots'],
  4: ['account_quotas'],
};

/** The columns and indexes of a store. */
async function shapeOf(store: Store): Promise<unknown> {
  if (store.engine === 'sqlite') return store.all('SELECT type, name, sql FROM sqlite_master ORDER BY name');
  return [
    await store.all(
      `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
       WHERE table_schema = current_schema() ORDER BY table_name, column_name`,
    ),
    await store.all(
      'SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname',
    ),
  ];
}

test('a database file is for its owner only', async () => {
  const path = join(dir, 'mine', 'own.db');
  const store = await openStore(`sqlite:${path}`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, 'mine')).mode & 0o777).toBe(0o700);
  await store.close();
});

test('another address is refused', () => {
  expect(() => openStore('mysql://x')).toThrow('sqlite:PATH');
});
