import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createUsageLedger, type UsageEntry } from '../../src/access/usage-ledger.ts';
import { openStore } from '../../src/store/open.ts';
import { hasPostgres, startPostgres, type Postgres } from '../support/postgres.ts';

let postgres: Postgres | undefined;
beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres?.stop());

const engines: [name: string, address: () => Promise<string>][] = [['sqlite', async () => 'sqlite::memory:']];
if (hasPostgres) engines.push(['postgres', () => postgres!.database()]);
else console.log('skipped: PostgreSQL is not installed');

/** Wednesday, 2026-11-18, 12:00 UTC. */
const noon = Date.UTC(2026, 10, 18, 12);
const day = 24 * 60 * 60_000;

const tokens = { fresh: 10, cacheRead: 5, cacheWrite: 1, output: 3, reasoning: 1 };
const entry = (more: Partial<UsageEntry> = {}): UsageEntry => ({
  keyId: 'k',
  provider: 'p',
  account: 'a',
  model: 'm',
  request: 'ok',
  used: { tokens, costUsd: 0.25 },
  ...more,
});

describe.each(engines)('usage on %s', (_engine, address) => {
  test('sums are exact, whoever wrote them', async () => {
    const at = await address();
    const store = await openStore(at);
    const [here, there] = [createUsageLedger(store, () => noon), createUsageLedger(store, () => noon)];
    for (let i = 0; i < 500; i++) {
      here.add(entry({ used: { tokens, costUsd: 0.1 } }));
      there.add(
        entry({
          used: { tokens, costUsd: 0.2 },
          model: 'n',
          request: i % 10 === 0 ? 'failed' : 'ok',
        }),
      );
      if (i % 100 === 0) await Promise.all([here.flush(), there.flush()]);
    }
    await there.flush();
    const rows = await here.sums({ fromMs: noon - day, by: 'model' });
    expect(rows).toMatchObject([
      {
        by: 'm',
        requests: 500,
        failed: 0,
        tokensFresh: 5000,
        tokensReasoning: 500,
        nanoUsd: 50e9,
        unpriced: 0,
      },
      { by: 'n', requests: 500, failed: 50, nanoUsd: 100e9 },
    ]);
    await Promise.all([here.close(), there.close()]);
    await store.close();
  });

  test('an unknown price is counted as unknown, not as free', async () => {
    const store = await openStore(await address());
    const ledger = createUsageLedger(store, () => noon);
    ledger.add(entry({ used: { tokens } }));
    ledger.add(entry({ request: 'failed', used: undefined }));
    expect(await ledger.sums({ fromMs: 0, by: 'provider' })).toMatchObject([
      { by: 'p', requests: 2, failed: 1, nanoUsd: 0, unpriced: 1 },
    ]);
    await ledger.close();
    await store.close();
  });

  test('what a key has spent is told for each window', async () => {
    const store = await openStore(await address());
    let now = noon - 10 * day;
    const ledger = createUsageLedger(store, () => now);
    ledger.add(entry());
    now = noon - day;
    ledger.add(entry());
    now = noon;
    ledger.add(entry());
    ledger.add(entry({ keyId: 'another' }));
    expect(await ledger.spent('k')).toEqual({
      day: { nanoUsd: 25e7, tokens: 20 },
      week: { nanoUsd: 50e7, tokens: 40 },
      month: { nanoUsd: 75e7, tokens: 60 },
    });
    expect(await ledger.sums({ fromMs: 0, by: 'day' })).toMatchObject([
      { by: '2026-11-08', requests: 1 },
      { by: '2026-11-17', requests: 1 },
      { by: '2026-11-18', requests: 2 },
    ]);
    await ledger.close();
    await store.close();
  });
});

test('what others spend of a key is told once they have written, and nothing when nobody has', async () => {
  const store = await openStore('sqlite::memory:');
  const [here, there] = [createUsageLedger(store, () => noon), createUsageLedger(store, () => noon)];
  const told: [string, number][] = [];
  const ask = () => here.eachSpent((key, { day }) => void told.push([key, day.tokens]));
  await ask();
  here.add(entry());
  await ask();
  expect(told).toEqual([]);
  there.add(entry());
  await there.flush();
  here.add(entry());
  await ask();
  await ask();
  expect(told).toEqual([['k', 60]]);
  await Promise.all([here.close(), there.close()]);
  await store.close();
});

test('while the store is away nothing is lost, and nothing is counted twice when it is back', async () => {
  const store = await openStore('sqlite::memory:');
  let away = true;
  const flaky = {
    ...store,
    transaction: ((work) =>
      away ? Promise.reject(new Error('gone')) : store.transaction(work)) as typeof store.transaction,
  };
  const complaints: unknown[] = [];
  const ledger = createUsageLedger(
    flaky,
    () => noon,
    (error) => complaints.push(error),
  );
  ledger.add(entry());
  await expect(ledger.flush()).rejects.toThrow('gone');
  ledger.add(entry());
  expect((await ledger.spent('k')).day.tokens).toBe(40);
  expect(complaints.length).toBe(1);
  away = false;
  await ledger.flush();
  await ledger.flush();
  expect(await ledger.sums({ fromMs: 0, by: 'key' })).toMatchObject([
    { by: 'k', requests: 2, nanoUsd: 50e7 },
  ]);
  await ledger.close();
  await store.close();
});

test('a write whose confirmation was lost is not repeated', async () => {
  const store = await openStore('sqlite::memory:');
  let lost = 0;
  const flaky = {
    ...store,
    transaction: (async (work) => {
      const result = await store.transaction(work);
      if (lost++ < 2) throw new Error('the connection was closed');
      return result;
    }) as typeof store.transaction,
  };
  const ledger = createUsageLedger(flaky, () => noon);
  ledger.add(entry());
  await ledger.flush().catch(() => undefined);
  ledger.add(entry());
  await ledger.flush().catch(() => undefined);
  await ledger.flush();
  expect(lost).toBeGreaterThan(2);
  expect(await ledger.sums({ fromMs: 0, by: 'key' })).toMatchObject([
    { by: 'k', requests: 2, tokensFresh: 20 },
  ]);
  await ledger.close();
  expect(await store.all('SELECT * FROM usage_writers')).toEqual([]);
  await store.close();
});

test('what waits for a store that is away is bounded, and counted all the same', async () => {
  const store = await openStore('sqlite::memory:');
  let away = true;
  const flaky = {
    ...store,
    transaction: ((work) =>
      away ? Promise.reject(new Error('gone')) : store.transaction(work)) as typeof store.transaction,
  };
  const ledger = createUsageLedger(flaky, () => noon);
  for (let i = 0; i < 12_000; i++) ledger.add(entry({ model: `model-${i}` }));
  await ledger.flush().catch(() => undefined);
  away = false;
  const rows = await ledger.sums({ fromMs: 0, by: 'model' });
  expect(rows.length).toBe(10_001);
  expect(rows.find(({ by }) => by === '(other)')).toMatchObject({ requests: 2_000, tokensFresh: 20_000 });
  expect((await ledger.spent('k')).day.tokens).toBe(12_000 * 20);
  await ledger.close();
  await store.close();
});
