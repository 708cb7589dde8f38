/** Several gateways with the logins of one store: real processes, one of which is killed now and then. */
import { describe, expect, test } from 'bun:test';
import type { Account } from '../../src/accounts/account.ts';
import { storeEngines } from '../support/engines.ts';
import { many, openShared, startShared, status, type Running } from './setup.ts';
import { startVendor, type Vendor } from './vendor.ts';

const { engines } = storeEngines({ sqlite: 'one SQLite file', postgres: 'one PostgreSQL' });

/** Two gateways on a store with one login, whose access token has ended. */
interface Pair extends AsyncDisposable {
  readonly address: string;
  readonly vendor: Vendor;
  readonly both: readonly Running[];
  readonly one: Running;
  readonly other: Running;
}

async function pairOn(address: string): Promise<Pair> {
  const vendor = startVendor();
  await put(address, vendor.first);
  const providers = [{ name: 'p', type: 'rotating', base_url: vendor.url }];
  const both = await Promise.all([startShared(address, providers), startShared(address, providers)]);
  const [one, other] = both;
  return {
    address,
    vendor,
    both,
    one,
    other,
    async [Symbol.asyncDispose]() {
      await Promise.all(both.map((gateway) => gateway.remove()));
      await vendor.stop();
    },
  };
}

async function put(address: string, secret: Account['secret']): Promise<void> {
  const { store, accounts } = await openShared(address);
  await accounts.put({ provider: 'p', name: 'me', kind: 'oauth', secret, expiresMs: Date.now() - 1 });
  await store.announce('accounts');
  await store.close();
}

async function stored({ address }: Pair): Promise<Account> {
  const { store, accounts } = await openShared(address);
  const [account] = await accounts.all();
  await store.close();
  return account!;
}

/** Asks the first gateway and kills it when the vendor sees it get so far. */
async function killAt({ vendor, one }: Pair, when: keyof Vendor['on']): Promise<void> {
  const { promise: killed, resolve } = Promise.withResolvers<void>();
  vendor.on[when] = async (pid) => {
    if (pid !== one.pid) return;
    process.kill(pid, 'SIGKILL');
    await one.ended;
    resolve();
    // Whoever asked is gone: what was not done by now is not done.
    await new Promise(() => {});
  };
  const answer = status(one, 'p/m').catch(() => 'none');
  await killed;
  expect(await answer).toBe('none');
  vendor.on = {};
}

const timed = async <T>(work: Promise<T>): Promise<[result: T, ms: number]> => {
  const startMs = performance.now();
  return [await work, performance.now() - startMs];
};

describe.concurrent.each(engines)('two gateways on %s', (_engine, address) => {
  test('a token that has ended, or is refused before its time, is renewed once, whoever asks', async () => {
    await using pair = await pairOn(await address());
    const { vendor, both } = pair;
    const ask = (count: number) =>
      Promise.all(both.flatMap((gateway) => many(count, () => status(gateway, 'p/m'))));
    expect(new Set(await ask(40))).toEqual(new Set([200]));
    expect([vendor.rotations, vendor.reused, vendor.refused]).toEqual([1, 0, 0]);
    expect([...vendor.served.values()]).toEqual([40, 40]);
    for (let round = 1; round <= 3; round++) {
      // One that is only just new is not replaced for being refused.
      await Bun.sleep(1_100);
      vendor.revoke();
      expect(new Set(await ask(25))).toEqual(new Set([200]));
      expect([vendor.rotations, vendor.reused]).toEqual([1 + round, 0]);
    }
  }, 60_000);

  test('tokens of a short life are each renewed once under steady load, and no client feels it', async () => {
    await using pair = await pairOn(await address());
    const { vendor, both } = pair;
    vendor.lifeMs = 800;
    const startMs = Date.now();
    // A busy machine gets to few requests in that time.
    const goesOn = (ms: number) => ms < 3_000 || (vendor.rotations < 2 && ms < 20_000);
    const statuses = await Promise.all(
      both.flatMap((gateway) =>
        many(5, async () => {
          const seen = new Set<number>();
          for (; goesOn(Date.now() - startMs); await Bun.sleep(5)) seen.add(await status(gateway, 'p/m'));
          return [...seen];
        }),
      ),
    );
    expect(new Set(statuses.flat())).toEqual(new Set([200]));
    expect(vendor.reused).toBe(0);
    // Every 640 ms at most, when a fifth of its life is left.
    expect(vendor.rotations).toBeWithin(2, Math.ceil((Date.now() - startMs) / 640) + 2);
  }, 60_000);

  test('a gateway killed with the new login stored and not yet used loses nothing', async () => {
    await using pair = await pairOn(await address());
    const { vendor, other } = pair;
    await killAt(pair, 'called');
    expect(await stored(pair)).toMatchObject({ secret: { refreshToken: 'refresh-1' } });
    const [answer, ms] = await timed(status(other, 'p/m'));
    expect(answer).toBe(200);
    // Nobody has waited for the lease of 6 s.
    expect(ms).toBeLessThan(5_500);
    expect([vendor.rotations, vendor.reused]).toEqual([1, 0]);
  }, 60_000);

  test('a gateway killed before the vendor has exchanged anything holds the others up for its lease only', async () => {
    await using pair = await pairOn(await address());
    const { vendor, other } = pair;
    await killAt(pair, 'asked');
    const [answer, ms] = await timed(status(other, 'p/m'));
    expect(answer).toBe(200);
    expect(ms).toBeWithin(1_000, 30_000);
    expect([vendor.rotations, vendor.reused]).toEqual([1, 0]);
    expect(await stored(pair)).toMatchObject({ secret: { refreshToken: 'refresh-1' }, state: 'ready' });
  }, 60_000);

  test('one killed between the exchange and its answer has lost the login; everybody is told the cure', async () => {
    await using pair = await pairOn(await address());
    const { vendor, other } = pair;
    await killAt(pair, 'rotated');
    const response = await fetch(`${other.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'p/m', messages: [{ role: 'user', content: 'hi' }] }),
    });
    const text = await response.text();
    expect(response.status).toBe(401);
    expect(text).toContain('needs a new login');
    const account = await stored(pair);
    expect(account.state).toBe('needs_login');
    expect(account.stateWhy).toContain('was used before');
    // The vendor has repeated the token in its refusal.
    expect([text, other.stdout(), account.stateWhy].join()).not.toContain('refresh-0');
    expect([vendor.rotations, vendor.reused]).toEqual([1, 1]);

    await put(pair.address, vendor.login());
    let now = 0;
    for (let i = 0; i < 50 && now !== 200; i++) {
      await Bun.sleep(100);
      now = await status(other, 'p/m');
    }
    expect(now).toBe(200);
  }, 60_000);
});
