import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createGrants, readGrant } from '../../../src/providers/gitlab/grant.ts';
import { FailureError } from '../../../src/turn/failure.ts';
import { patAccount, providerFor, send, turn } from './setup.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';

let now = Date.now();
const nowMs = () => now;
let simulated: Simulated;
beforeEach(() => {
  now = Date.now();
  simulated = startInstance(nowMs);
});
afterEach(() => simulated.stop());

const many = <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, work));
const statusOf = async (work: Promise<Response>): Promise<number> => {
  const response = await work;
  await response.text();
  return response.status;
};
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => (error as FailureError).failure,
  );

describe('a grant', () => {
  test('is asked for once in each of its lives, however many ask at once', async () => {
    simulated.mintMs = 20;
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    for (let life = 1; life <= 3; life++) {
      const statuses = await many(200, () => statusOf(send(provider, account)));
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(simulated.mints).toHaveLength(life);
      // Somewhere in the middle of its life it is used on.
      now += 1_800_000;
      await many(200, () => statusOf(send(provider, account)));
      expect(simulated.mints).toHaveLength(life);
      now += 1_800_001;
    }
    expect(simulated.proxy.refused).toEqual([]);
  });

  test('is renewed behind the requests when less than five minutes of it are left, and only when it is used', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    await statusOf(send(provider, account));
    now += 54 * 60_000;
    await statusOf(send(provider, account));
    expect(simulated.mints).toHaveLength(1);
    now += 2 * 60_000;
    simulated.mintMs = 50;
    await many(50, () => statusOf(send(provider, account)));
    await Bun.sleep(100);
    expect(simulated.mints).toHaveLength(2);
    now += 10 * 60_000;
    await many(50, () => statusOf(send(provider, account)));
    expect(simulated.mints).toHaveLength(2);
    expect(simulated.proxy.refused).toEqual([]);
  });

  test('of a short life is renewed when a fifth of it is left', () => {
    const headers = new Headers({ date: new Date(1_000_000_000_000).toUTCString() });
    const answer = { status: 201, headers, body: { token: 't', expires_at: 1_000_000_300, headers: {} } };
    expect(readGrant(answer, 5_000)).toMatchObject({ endsMs: 305_000, renewMs: 245_000 });
  });

  test('is measured by the clock of the instance', () => {
    // This machine is two hours ahead.
    const headers = new Headers({ date: new Date(1_000_000_000_000).toUTCString() });
    const body = { token: 't', expires_at: 1_000_003_600, headers: {} };
    const grant = readGrant({ status: 201, headers, body }, 1_000_007_200_000)!;
    expect(grant.endsMs - 1_000_007_200_000).toBe(3_600_000);
  });

  test('without a stated end lives for 25 minutes', () => {
    const grant = readGrant({ status: 201, headers: new Headers(), body: { token: 't', headers: {} } }, 0);
    expect(grant).toMatchObject({ endsMs: 1_500_000, renewMs: 1_200_000 });
  });

  test('that has ended while the machine slept is replaced without a failure', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    await statusOf(send(provider, account));
    now += 9 * 3_600_000;
    expect(await statusOf(send(provider, account))).toBe(200);
    expect(simulated.mints).toHaveLength(2);
    expect(simulated.proxy.refused).toEqual([]);
  });

  test('that is refused before its time is replaced once for all, and what was asked is asked again', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    await statusOf(send(provider, account));
    for (const grant of simulated.proxy.issued.values()) grant.revoked = true;
    const statuses = await many(200, () => statusOf(send(provider, account)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(simulated.mints).toHaveLength(2);
  });

  test('whose replacement fails is told so to all, also to those who hear of the refusal later', async () => {
    const grants = createGrants({ url: simulated.url, userAgent: 't', fetch }, 'third_party_agents', nowMs);
    const { signal } = new AbortController();
    const login = (token: string) => ({ ...patAccount(token), secret: { token, more: { login: 'l-1' } } });
    const account = login(simulated.office.pat());
    const refused = await grants.of(account, signal);
    for (const token of simulated.office.tokens.values()) token.revoked = true;
    // The second hears of the refusal only when the first has failed to get another.
    for (let i = 0; i < 2; i++)
      expect(await failureOf(grants.replace(account, refused, signal))).toMatchObject({
        code: 'token_refused',
      });
    expect(simulated.mints).toHaveLength(2);
    const renewed = login(simulated.office.pat());
    const given = await grants.of(renewed, signal);
    for (const late of [account, renewed])
      expect((await grants.replace(late, refused, signal))?.token).toBe(given.token);
    expect(await grants.replace(renewed, given, signal)).not.toBeUndefined();
    expect(simulated.mints).toHaveLength(4);
  });

  test('is not replaced without end when the gateway takes none', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    simulated.grantMore = { headers: { 'x-gitlab-authentication-type': 'oidc', 'x-gitlab-realm': 'other' } };
    for (let i = 0; i < 5; i++) {
      expect(await failureOf(send(provider, account))).toMatchObject({
        code: 'gateway_token_refused',
        scope: 'account',
      });
    }
    expect(simulated.mints).toHaveLength(2);
  });

  test('that is refused is not asked for again for a moment, but at once with another token', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    simulated.mintRefusals.push('gateway-token/third-party-direct-access.not-entitled.403');
    const failures = await many(20, () => failureOf(send(provider, account)));
    expect(new Set(failures.map((failure) => failure?.code))).toEqual(new Set(['no_entitlement']));
    expect(await failureOf(send(provider, account))).toMatchObject({ code: 'no_entitlement' });
    expect(simulated.mints).toHaveLength(1);
    const other = { ...account, secret: { token: simulated.office.pat() } };
    expect(await statusOf(send(provider, other))).toBe(200);
    now += 5_001;
    expect(await statusOf(send(provider, account))).toBe(200);
  });

  test('that cannot be renewed serves on until it ends', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const account = patAccount(simulated.office.pat());
    await statusOf(send(provider, account));
    now += 59.9 * 60_000;
    simulated.mintRefusals.push('gateway-token/third-party-direct-access.http-error.503');
    expect(await statusOf(send(provider, account))).toBe(200);
    expect(simulated.mints).toHaveLength(2);
  });

  test('of one account is never used for another', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const one = patAccount(simulated.office.pat(undefined, 'one'), 'one');
    const two = patAccount(simulated.office.pat(undefined, 'two'), 'two');
    await many(20, () => statusOf(send(provider, one)));
    await many(20, () => statusOf(send(provider, two)));
    expect(simulated.mints.map(({ user }) => user)).toEqual(['one', 'two']);
  });

  test('survives the renewal of the login it was asked for with', async () => {
    const provider = providerFor(simulated, {}, nowMs);
    const login = (token: string) => ({ ...patAccount(token), secret: { token, more: { login: 'l-1' } } });
    await statusOf(send(provider, login(simulated.office.pat())));
    await statusOf(send(provider, login(simulated.office.pat())));
    expect(simulated.mints).toHaveLength(1);
  });

  test('is waited for no longer than the client is there', async () => {
    simulated.mintMs = 5_000;
    const provider = providerFor(simulated, {}, nowMs);
    const leave = AbortSignal.timeout(20);
    const request = provider.prepare(turn(), patAccount(simulated.office.pat()));
    const began = performance.now();
    await expect(provider.send(request, leave)).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});

describe('the headers of a grant', () => {
  const headersOf = (headers: unknown) =>
    readGrant({ status: 201, headers: new Headers(), body: { token: 't', headers } as never }, 0)?.headers;

  test('all go along, whatever their case, and empty ones too', () => {
    expect(headersOf({ 'X-Gitlab-Realm': 'saas', 'x-gitlab-user-id': 7, 'x-gitlab-flags': '' })).toEqual({
      'x-gitlab-realm': 'saas',
      'x-gitlab-user-id': '7',
      'x-gitlab-flags': '',
    });
  });

  test.each(['authorization', 'Authorization', 'x-api-key', 'X-API-KEY', 'Host', 'content-length', 'cookie'])(
    '%s does not',
    (name) =>
      expect(headersOf({ [name]: 'v', 'x-gitlab-realm': 'saas' })).toEqual({ 'x-gitlab-realm': 'saas' }),
  );

  test('what cannot be a header is left out', () => {
    expect(headersOf({ 'x-a': 'one\r\nx-b: two', 'x c': '1', 'x-d': { e: 1 }, 'x-f': null })).toEqual({});
  });
});

test('an address of the gateway is only taken where a token may be sent', () => {
  const baseOf = (base_url: string) =>
    readGrant({ status: 201, headers: new Headers(), body: { token: 't', base_url } }, 0)?.baseUrl;
  expect(baseOf('https://cloud.gitlab.example/ai/')).toBe('https://cloud.gitlab.example/ai');
  expect(baseOf('http://cloud.gitlab.example/ai')).toBeUndefined();
  expect(baseOf('http://127.0.0.1.example/ai')).toBeUndefined();
});

test('the other endpoint is asked where the configuration says so', async () => {
  const instance = { url: simulated.url, userAgent: 't', fetch };
  const grants = createGrants(instance, 'code_suggestions', nowMs);
  const grant = await grants.of(patAccount(simulated.office.pat()), new AbortController().signal);
  expect(grant.baseUrl).toBe(simulated.gatewayUrl);
  expect(simulated.mints.map(({ door }) => door)).toEqual(['code_suggestions']);
});

describe('a grant of the other endpoint', () => {
  const through = () =>
    // Its address is the grant's own.
    providerFor(simulated, { grant: 'code_suggestions', gateway_url: 'http://127.0.0.1:9' }, nowMs);

  test('serves where the gateway takes it, once in its life', async () => {
    simulated.proxy.anyPurpose = true;
    const provider = through();
    const account = patAccount(simulated.office.pat());
    for (const protocol of ['anthropic-messages', 'openai-chat', 'openai-responses'] as const) {
      const model = protocol === 'anthropic-messages' ? 'claude-sonnet-5' : 'gpt-5.4-2026-03-05';
      expect(await statusOf(send(provider, account, turn(protocol, model)))).toBe(200);
    }
    expect(simulated.mints).toHaveLength(1);
    expect(simulated.proxy.passed[0]!.headers.get('x-gitlab-unit-primitive')).toBe('complete_code');
  });

  test('is refused by a gateway of today, which is told with the setting that cures it', async () => {
    const failure = await failureOf(send(through(), patAccount(simulated.office.pat())));
    expect(simulated.proxy.refused).toEqual(['gateway-errors/wrong-purpose.400']);
    expect(failure).toMatchObject({ code: 'grant_not_for_proxy', scope: 'account' });
    expect(failure!.cure).toContain('grant: third_party_agents');
  });
});
