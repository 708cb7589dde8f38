import { describe, expect, test } from 'bun:test';
import { anonymousAccount, configuredAccount, type Account } from '../../src/accounts/account.ts';
import {
  LoginNeeded,
  memoryAccounts,
  openAccounts,
  type Accounts,
  type Renew,
} from '../../src/accounts/accounts.ts';
import { createVault } from '../../src/accounts/vault.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { FailureError } from '../../src/turn/failure.ts';
import { eventually } from '../support/eventually.ts';
import { storeEngines } from '../support/engines.ts';

const vault = createVault(new Uint8Array(32).fill(1));
const { engines } = storeEngines();

const hour = 3_600_000;

/** A token endpoint that takes each refresh token once, as those that rotate do. */
function tokenEndpoint(first = 'refresh-0') {
  let valid = first;
  let count = 0;
  const renew: Renew = async ({ secret }) => {
    await Bun.sleep(30);
    if (secret.refreshToken !== valid)
      throw new LoginNeeded('the refresh token was used before; log in again');
    count++;
    valid = `refresh-${count}`;
    return { secret: { token: `access-${count}`, refreshToken: valid }, expiresMs: Date.now() + hour };
  };
  return {
    renew,
    get count() {
      return count;
    },
  };
}

/** Several processes' views of one store. */
async function open(
  at: string,
  many: number,
): Promise<{ stores: Store[]; views: Accounts[]; close(): Promise<void> }> {
  const stores: Store[] = [];
  const views: Accounts[] = [];
  for (let i = 0; i < many; i++) {
    const store = await openStore(at);
    stores.push(store);
    views.push(await openAccounts({ stored: { store, vault }, nowMs: Date.now }));
  }
  return {
    stores,
    views,
    async close() {
      for (const view of views) view.close();
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

const login = { provider: 'p', name: 'me@example.com', kind: 'oauth' as const };
const expired = { token: 'access-0', refreshToken: 'refresh-0' };

describe.each(engines)('accounts on %s', (_engine, address) => {
  test('a login is sealed in the store and seen by every process', async () => {
    const { stores, views, close } = await open(await address(), 2);
    const [here, there] = views as [Accounts, Accounts];
    await here.put({ ...login, secret: expired, profile: { plan: 'plus' } });
    await eventually(() => there.of('p').length === 1);
    expect(there.of('p')[0]).toMatchObject({
      name: 'me@example.com',
      secret: expired,
      profile: { plan: 'plus' },
    });
    const rows = JSON.stringify(await stores[0]!.all('SELECT * FROM accounts'));
    expect(rows).not.toContain('access-0');
    expect(rows).not.toContain('refresh-0');
    await close();
  });

  test('one renewal for all that ask, in all processes', async () => {
    const { views, close } = await open(await address(), 3);
    await views[0]!.put({ ...login, secret: expired, expiresMs: Date.now() - 1 });
    await eventually(() => views.every((view) => view.of('p').length === 1));
    const endpoint = tokenEndpoint();
    const asked = views.flatMap((view) =>
      Array.from({ length: 20 }, async () => view.fresh(view.of('p')[0]!, endpoint.renew)),
    );
    const tokens = (await Promise.all(asked)).map(({ secret }) => secret.token);
    expect(new Set(tokens)).toEqual(new Set(['access-1']));
    expect(endpoint.count).toBe(1);
    await close();
  });

  test('the rotated token is stored before it is used', async () => {
    const { stores, views, close } = await open(await address(), 1);
    const [view] = views as [Accounts];
    await view.put({ ...login, secret: expired, expiresMs: Date.now() - 1 });
    const fresh = await view.fresh(view.of('p')[0]!, tokenEndpoint().renew);
    expect(fresh.secret.refreshToken).toBe('refresh-1');
    const later = await openAccounts({ stored: { store: stores[0]!, vault }, nowMs: Date.now });
    expect(later.of('p')[0]!.secret).toEqual(fresh.secret);
    await close();
  });

  test('a process that died while renewing holds nobody up for ever', async () => {
    const { stores, views, close } = await open(await address(), 1);
    const [view] = views as [Accounts];
    const account = await view.put({ ...login, secret: expired, expiresMs: Date.now() - 1 });
    await stores[0]!.run('INSERT INTO leases (name, holder, until_ms) VALUES (?, ?, ?)', [
      `renew:${account.id}`,
      'a dead process',
      Date.now() + 300,
    ]);
    const endpoint = tokenEndpoint();
    expect((await view.fresh(view.of('p')[0]!, endpoint.renew)).secret.token).toBe('access-1');
    await close();
  });

  test('a refresh token that is refused for good names the cure, and a new login mends it', async () => {
    const { views, close } = await open(await address(), 2);
    const [here, there] = views as [Accounts, Accounts];
    await here.put({ ...login, secret: { token: 'a', refreshToken: 'stale' }, expiresMs: Date.now() - 1 });
    const renew = tokenEndpoint().renew;
    const failing = Promise.resolve(here.fresh(here.of('p')[0]!, renew));
    const failure = await failing.catch((error: FailureError) => error.failure);
    expect(failure).toMatchObject({ scope: 'account', kind: 'authentication', code: 'login_needed' });
    expect((failure as { message: string }).message).toContain('log in again');
    await eventually(() => there.of('p')[0]?.state === 'needs_login');
    expect(() => there.fresh(there.of('p')[0]!, renew)).toThrow('needs a new login');
    await there.put({ ...login, secret: expired, expiresMs: Date.now() + hour });
    await eventually(() => here.of('p')[0]?.state === 'ready');
    expect(here.list().length).toBe(1);
    await close();
  });

  test('an endpoint that cannot be reached costs nothing while the token is good', async () => {
    const { views, close } = await open(await address(), 1);
    const [view] = views as [Accounts];
    const down: Renew = () => Promise.reject(new Error('connection refused'));
    const soon = await view.put({ ...login, secret: expired, expiresMs: Date.now() + 1000 });
    await view.change(soon.id, { expiresMs: Date.now() + 900 });
    const account = { ...view.of('p')[0]! };
    expect((await view.fresh(account, down)).secret.token).toBe('access-0');
    await view.change(soon.id, { expiresMs: Date.now() - 1 });
    const failure = await Promise.resolve()
      .then(() => view.fresh(view.of('p')[0]!, down))
      .catch((error: FailureError) => error.failure);
    expect(failure).toMatchObject({ code: 'renewal_failed', retryable: true });
    await close();
  });

  test('what is switched off or removed is not offered', async () => {
    const { views, close } = await open(await address(), 2);
    const [here, there] = views as [Accounts, Accounts];
    const account = await here.put({ ...login, secret: expired });
    await here.change(account.id, { enabled: false });
    expect(here.of('p')).toEqual([]);
    await eventually(() => there.list()[0]?.enabled === false);
    expect(await there.remove(account.id)).toBe(true);
    expect(await there.remove(account.id)).toBe(false);
    await eventually(() => here.list().length === 0);
    await close();
  });
});

test('accounts of the configuration stand beside stored ones and need no store', async () => {
  const accounts = memoryAccounts(Date.now);
  accounts.configure([configuredAccount('p', { name: 'main', token: 'sk-1', weight: 3 })]);
  const [account] = accounts.of('p') as [Account];
  expect(account).toMatchObject({
    id: 'config:p/main',
    kind: 'api_key',
    weight: 3,
    secret: { token: 'sk-1' },
  });
  expect(accounts.fresh(account, undefined)).toBe(account);
  await expect(accounts.put({ ...login, secret: expired })).rejects.toThrow('with a store');
});

test('a provider that is asked without an account is so only until somebody has logged in', async () => {
  const store = await openStore('sqlite::memory:');
  const accounts = await openAccounts({ stored: { store, vault }, nowMs: Date.now });
  accounts.configure([anonymousAccount('p'), anonymousAccount('q')]);
  expect(accounts.of('p').map(({ name }) => name)).toEqual(['anonymous']);
  const { id } = await accounts.put({ ...login, secret: expired });
  expect(accounts.of('p').map(({ name }) => name)).toEqual(['me@example.com']);
  expect(accounts.of('q').map(({ name }) => name)).toEqual(['anonymous']);
  await accounts.remove(id);
  expect(accounts.of('p').map(({ name }) => name)).toEqual(['anonymous']);
  await accounts.close();
  await store.close();
});
