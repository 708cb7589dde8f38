import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { openAccounts } from '../../src/accounts/accounts.ts';
import { createVault } from '../../src/accounts/vault.ts';
import { createUsageLedger } from '../../src/access/usage-ledger.ts';
import { openKeyRing } from '../../src/access/keys.ts';
import { exportStore, importStore } from '../../src/store/backup.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { hasPostgres, startPostgres, type Postgres } from '../support/postgres.ts';

const vault = createVault(new Uint8Array(32).fill(3));
let postgres: Postgres | undefined;
beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres();
  else console.log('skipped: PostgreSQL is not installed');
}, 60_000);
afterAll(() => postgres?.stop());

const sqlite = async () => 'sqlite::memory:';
const elsewhere = () => (hasPostgres ? postgres!.database() : sqlite());

async function text(store: Store): Promise<string> {
  let all = '';
  for await (const line of exportStore(store)) all += line;
  return all;
}

async function filled(address: string): Promise<{ store: Store; secret: string }> {
  const store = await openStore(address);
  const accounts = await openAccounts({ stored: { store, vault }, nowMs: Date.now });
  await accounts.put({
    provider: 'p',
    name: 'me',
    kind: 'oauth',
    secret: { token: 'canary-token' },
    expiresMs: 9e12,
  });
  const keys = await openKeyRing(store, vault.fingerprint, Date.now);
  const { secret } = await keys.create({ name: 'laptop', rules: { per_day: { usd: 3 } } });
  const usage = createUsageLedger(store, Date.now);
  const tokens = { fresh: 3_000_000_000, cacheRead: 0, cacheWrite: 0, output: 1, reasoning: 0 };
  usage.add({
    keyId: 'k',
    provider: 'p',
    account: 'a',
    model: 'm',
    request: 'ok',
    used: { tokens, costUsd: 12.5 },
  });
  await usage.close();
  return { store, secret };
}

describe.each([
  ['sqlite to the other', sqlite, elsewhere],
  ['the other to sqlite', elsewhere, sqlite],
])('a backup from %s', (_name, from, to) => {
  test('brings accounts, keys and usage over, and no secret in the clear', async () => {
    const { store, secret } = await filled(await from());
    const backup = await text(store);
    expect(backup).not.toContain('canary-token');
    expect(backup).not.toContain(secret);

    const other = await openStore(await to());
    expect(await importStore(other, backup)).toMatchObject({ accounts: 1, gateway_keys: 1, usage_hours: 1 });
    const accounts = await openAccounts({ stored: { store: other, vault }, nowMs: Date.now });
    expect(accounts.of('p')[0]).toMatchObject({
      name: 'me',
      secret: { token: 'canary-token' },
      expiresMs: 9e12,
    });
    const keys = await openKeyRing(other, vault.fingerprint, Date.now);
    expect(keys.check(secret)).toMatchObject({ ok: true, key: { rules: { per_day: { usd: 3 } } } });
    expect(await createUsageLedger(other, Date.now).sums({ fromMs: 0, by: 'model' })).toMatchObject([
      { by: 'm', tokensFresh: 3_000_000_000, nanoUsd: 12_500_000_000 },
    ]);
    await expect(importStore(other, backup)).rejects.toThrow('into a new one');
    await store.close();
    await other.close();
  });
});

test('a file that is no backup, or is broken, changes nothing', async () => {
  const { store } = await filled('sqlite::memory:');
  const backup = await text(store);
  const other = await openStore('sqlite::memory:');
  const bad: [text: string, why: string][] = [
    ['', 'not JSON'],
    ['{}\n', 'no backup'],
    [backup.replace('"version":', '"version":9'), 'update the program'],
    [`${backup}{"table":"accounts","row":{"1=1; --":"x"}}\n`, 'not understood'],
    [`${backup}{"table":"sqlite_master","row":{}}\n`, 'not understood'],
    [`${backup}{"table`, 'not JSON'],
  ];
  for (const [broken, why] of bad) {
    const refused = await importStore(other, broken).catch((error: Error) => error.message);
    expect(refused).toContain(why);
  }
  expect(await other.all('SELECT * FROM accounts')).toEqual([]);
  await store.close();
  await other.close();
});
