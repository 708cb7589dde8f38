import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openAccounts, type Accounts, type Renew } from '../../src/accounts/accounts.ts';
import { createLeases } from '../../src/accounts/lease.ts';
import { storedAccounts, type StoredAccounts } from '../../src/accounts/stored-accounts.ts';
import { createVault } from '../../src/accounts/vault.ts';
import { openStore } from '../../src/store/open.ts';
import { StoreError, type Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';

const vault = createVault(new Uint8Array(32).fill(2));
const minute = 60_000;
let store: Store;
let isAway: boolean;
let accounts: Accounts;
/** The account as another process on the store changes it. */
let elsewhere: StoredAccounts;
let secrets: string[];

beforeEach(async () => {
  const real = await openStore('sqlite::memory:');
  isAway = false;
  const gone = () => Promise.reject(new StoreError('gone'));
  store = {
    ...real,
    run: (...args) => (isAway ? gone() : real.run(...args)),
    all: (...args) => (isAway ? gone() : real.all(...args)),
    transaction: (work) => (isAway ? gone() : real.transaction(work)),
  };
  secrets = [];
  const keepSecret = (_id: string, texts: readonly string[]) => void secrets.push(...texts);
  accounts = await openAccounts({ stored: { store, vault }, nowMs: Date.now, keepSecret });
  elsewhere = storedAccounts(real, vault, Date.now);
});
afterEach(async () => {
  await accounts.close();
  await store.close();
});

const login = (expiresMs: number) =>
  accounts.put({
    provider: 'p',
    name: 'me',
    kind: 'oauth',
    secret: { token: 'access-0', refreshToken: 'refresh-0' },
    expiresMs: Date.now() + expiresMs,
  });
const next = { token: 'access-1', refreshToken: 'refresh-1' };

/** Renews after `meanwhile` has happened. */
const renewing =
  (meanwhile: () => Promise<unknown>): Renew =>
  async () => {
    await meanwhile();
    return { secret: next, expiresMs: Date.now() + 60 * minute };
  };
const stored = async () => (await elsewhere.all())[0]!;

describe('while a login is renewed', () => {
  test('what somebody changes of the account stays, and so does the renewal', async () => {
    const { id, version } = await login(-1);
    const renew = renewing(() => elsewhere.change(id, version, { priority: 7 }));
    expect(await accounts.fresh(accounts.of('p')[0]!, renew)).toMatchObject({ secret: next, priority: 7 });
    expect(await stored()).toMatchObject({ secret: next, priority: 7 });
  });

  test('nobody who takes it for lost can lose it', async () => {
    const { id, version } = await login(-1);
    const renew = renewing(() =>
      elsewhere.change(id, version, { state: 'needs_login', stateWhy: 'used before' }),
    );
    expect(await accounts.fresh(accounts.of('p')[0]!, renew)).toMatchObject({ secret: next, state: 'ready' });
    expect(await stored()).toMatchObject({ secret: next, state: 'ready', stateWhy: '' });
  });

  test('a new login goes before it', async () => {
    await login(-1);
    const secret = { token: 'another', refreshToken: 'another-refresh' };
    const renew = renewing(() =>
      elsewhere.put({ provider: 'p', name: 'me', kind: 'oauth', secret, expiresMs: Date.now() + minute }),
    );
    expect(await accounts.fresh(accounts.of('p')[0]!, renew)).toMatchObject({ secret });
    expect(await stored()).toMatchObject({ secret });
  });

  test('a store that goes away costs nobody the login: it serves from memory and is stored later', async () => {
    await login(-1);
    const renew = renewing(async () => (isAway = true));
    const startMs = performance.now();
    expect(await accounts.fresh(accounts.of('p')[0]!, renew)).toMatchObject({ secret: next });
    expect(performance.now() - startMs).toBeWithin(2_000, 20_000);
    expect(accounts.of('p')[0]).toMatchObject({ secret: next });
    expect((await stored()).secret.token).toBe('access-0');
    isAway = false;
    await eventually(async () => (await stored()).secret.token !== 'access-0');
    expect(await stored()).toMatchObject({ secret: next, version: accounts.of('p')[0]!.version });
  }, 60_000);

  test('the end waits until it is stored', async () => {
    await login(-1);
    const asked = Promise.resolve(
      accounts.fresh(
        accounts.of('p')[0]!,
        renewing(() => Bun.sleep(200)),
      ),
    );
    await accounts.close();
    expect(await stored()).toMatchObject({ secret: next });
    await asked;
  });
});

test('a token that is good for a while is renewed behind: nobody waits for it', async () => {
  let now = Date.now();
  const own = await openAccounts({ stored: { store, vault }, nowMs: () => now });
  await own.put({
    provider: 'p',
    name: 'me',
    kind: 'oauth',
    secret: { token: 'access-0', refreshToken: 'refresh-0' },
    expiresMs: now + 60 * minute,
  });
  let asked = 0;
  const renew = renewing(async () => {
    asked++;
    await Bun.sleep(100);
  });
  const fresh = () => own.fresh(own.of('p')[0]!, renew);
  now += 54 * minute;
  expect(fresh()).toMatchObject({ secret: { token: 'access-0' } });
  expect(asked).toBe(0);
  now += 2 * minute;
  for (let i = 0; i < 20; i++) expect(fresh()).toMatchObject({ secret: { token: 'access-0' } });
  await own.close();
  expect(asked).toBe(1);
  expect(fresh()).toMatchObject({ secret: next });
});

test('a renewal that fails behind a good token rests, and names itself to nobody', async () => {
  let now = Date.now();
  const own = await openAccounts({ stored: { store, vault }, nowMs: () => now });
  await own.put({
    provider: 'p',
    name: 'me',
    kind: 'oauth',
    secret: { token: 'access-0', refreshToken: 'refresh-0' },
    expiresMs: now + 60 * minute,
  });
  now += 57 * minute;
  let asked = 0;
  const down: Renew = () => {
    asked++;
    return Promise.reject(new Error('connection refused'));
  };
  for (let i = 0; i < 5; i++) {
    expect(await own.fresh(own.of('p')[0]!, down)).toMatchObject({ secret: { token: 'access-0' } });
    await Bun.sleep(20);
  }
  expect(asked).toBe(1);
  now += 11_000;
  await own.fresh(own.of('p')[0]!, down);
  await Bun.sleep(20);
  expect(asked).toBe(2);
  // Once it works, the next request has the new one.
  now += 11_000;
  await own.fresh(
    own.of('p')[0]!,
    renewing(async () => {}),
  );
  await own.close();
  expect(await own.fresh(own.of('p')[0]!, down)).toMatchObject({ secret: next });
});

test('secrets are told to whoever masks them, before they are used', async () => {
  await login(-1);
  expect(secrets).toEqual(['access-0', 'refresh-0']);
  await accounts.fresh(
    accounts.of('p')[0]!,
    renewing(async () => {}),
  );
  expect(secrets).toEqual(['access-0', 'refresh-0', 'access-1', 'refresh-1']);
});

test('a lease is had by one, as long as that one prolongs it', async () => {
  let now = 0;
  const [one, other] = [createLeases(store, () => now), createLeases(store, () => now)];
  expect(await one.take('work', 6_000)).toBe(true);
  expect(await other.take('work', 6_000)).toBe(false);
  now = 5_000;
  expect(await one.prolong('work', 6_000)).toBe(true);
  now = 10_000;
  expect(await other.take('work', 6_000)).toBe(false);
  now = 11_000;
  expect(await other.take('work', 6_000)).toBe(true);
  expect(await one.prolong('work', 6_000)).toBe(false);
  await one.release('work');
  expect(await one.take('work', 6_000)).toBe(false);
  await other.release('work');
  expect(await one.take('work', 6_000)).toBe(true);
});
