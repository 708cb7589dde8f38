/** Logging in, and keeping a login, against an authorization server that holds clients to what the official one does. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../../../src/accounts/account.ts';
import type { LoggedIn } from '../../../src/accounts/login.ts';
import { LoginNeeded } from '../../../src/accounts/renewal.ts';
import { codex } from '../../../src/providers/codex/index.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { corpusRoot } from '../../support/corpus.ts';
import { startBackend, type Backend } from './backend/backend.ts';
import { accessToken, accountId, idToken } from './backend/tokens.ts';
import { v4 } from './identity-sources.ts';

let backend: Backend;
let provider: Provider;
/** Every request to the authorization server. */
let sent: { url: URL; init: RequestInit }[];

beforeEach(() => {
  backend = startBackend();
  sent = [];
  const spy = ((url: string, init: RequestInit = {}) => {
    sent.push({ url: new URL(url), init });
    return fetch(url, init);
  }) as typeof fetch;
  const config = codex.configSchema.parse({
    name: 'codex',
    type: 'codex',
    base_url: `${backend.url}/backend-api/codex`,
    auth_url: `${backend.url}/`,
  });
  provider = codex.create(config, { fetch: spy, userAgent: 'dragoman/test' });
});
afterEach(() => backend.stop());

const account = (gave: LoggedIn): Account => ({
  id: 'acc_1',
  provider: 'codex',
  name: gave.name ?? 'me',
  kind: gave.kind,
  secret: gave.secret,
  profile: gave.profile ?? {},
  priority: 0,
  weight: 1,
  enabled: true,
  state: 'ready',
  stateWhy: '',
  expiresMs: gave.expiresMs,
  version: 1,
});

const isComplete = (gave: LoggedIn) => {
  expect(gave).toMatchObject({
    name: 'me@example.com',
    kind: 'oauth',
    secret: { refreshToken: expect.stringMatching(/^rt-/), more: { accountId } },
    profile: { email: 'me@example.com', plan: 'plus', accountId },
  });
  expect(gave.secret.more?.installationId).toMatch(v4);
  expect(gave.expiresMs! - Date.now()).toBeWithin(3_500_000, 3_700_000);
  expect(backend.tokens.get(gave.secret.token)).toBe(accountId);
};

const capture = (name: string): Record<string, unknown> | undefined => {
  const path = join(corpusRoot, `captures/codex-cli/${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>) : undefined;
};

describe('a login', () => {
  test('through the browser asks as the official client asks', async () => {
    const { redirect, begin } = provider.login!.oauth!;
    expect(redirect).toEqual({ host: '127.0.0.1', port: 1455, path: '/auth/callback' });
    const begun = await begin('http://127.0.0.1:1455/auth/callback');
    const query = Object.fromEntries(new URL(begun.url).searchParams);
    const official = capture('auth-00-login-authorize-url');
    if (official) {
      const { code_challenge: _, state: __, ...params } = official.params as Record<string, string>;
      expect(query).toMatchObject(params);
      expect(Object.keys(query).sort()).toEqual(Object.keys(official.params as object).sort());
    }
    const back = await fetch(begun.url, { redirect: 'manual' });
    isComplete(await begun.finish(back.headers.get('location')!));
    const form = Object.fromEntries(new URLSearchParams(String(sent.at(-1)!.init.body)));
    expect(Object.keys(form)).toEqual(['grant_type', 'client_id', 'code', 'redirect_uri', 'code_verifier']);
  });

  test('with the answer to another login is refused', async () => {
    const begin = () => provider.login!.oauth!.begin('http://127.0.0.1:1455/auth/callback');
    const [one, two] = [await begin(), await begin()];
    const back = await fetch(one.url, { redirect: 'manual' });
    await expect(two.finish(back.headers.get('location')!)).rejects.toThrow(/login/);
  });

  test('by code on another device waits until it is confirmed', async () => {
    backend.devicePending = 2;
    const begun = await provider.login!.device!.begin();
    expect(begun).toMatchObject({ userCode: 'ABCD-12345', url: `${backend.url}/codex/device` });
    isComplete(await begun.finish());
    const polls = sent.filter(({ url }) => url.pathname.endsWith('/deviceauth/token'));
    expect(polls).toHaveLength(3);
    const official = capture('auth-06-device-poll-pending')?.request as { body: object } | undefined;
    if (official)
      expect(Object.keys(JSON.parse(String(polls[0]!.init.body)))).toEqual(Object.keys(official.body));
    expect(new URLSearchParams(String(sent.at(-1)!.init.body)).get('redirect_uri')).toBe(
      `${backend.url}/deviceauth/callback`,
    );
  });

  test('by code can be given up', async () => {
    backend.devicePending = 1000;
    const begun = await provider.login!.device!.begin();
    await expect(begun.finish(AbortSignal.timeout(30))).rejects.toThrow('given up');
  });

  test('with an access token alone tells the account and its plan from it, and is never renewed', async () => {
    const gave = await provider.login!.token!.take(accessToken({ plan: 'pro' }));
    expect(gave.secret.refreshToken).toBeUndefined();
    expect(gave.profile).toEqual({ plan: 'pro', accountId });
    await expect(provider.login!.token!.take('opaque')).rejects.toThrow('which ChatGPT account');
  });
});

describe('auth.json', () => {
  const file = (tokens: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    JSON.stringify({
      auth_mode: 'chatgpt',
      OPENAI_API_KEY: null,
      tokens,
      last_refresh: '2026-11-20',
      ...more,
    });
  const read = (text: string) => provider.login!.import!.read(text);

  test('of the official client is a login', async () => {
    const tokens = {
      id_token: idToken(),
      access_token: accessToken(),
      refresh_token: 'rt-file',
      account_id: accountId,
    };
    const gave = await read(file(tokens));
    expect(gave).toMatchObject({
      name: 'me@example.com',
      secret: { refreshToken: 'rt-file', more: { accountId } },
    });
  });

  test('needs an access token only; what a person has stated goes before the tokens', async () => {
    const gave = await read(file({ access_token: accessToken(), account_id: 'stated' }));
    expect(gave.secret).toMatchObject({ refreshToken: undefined, more: { accountId: 'stated' } });
  });

  test('with tokens of two accounts and none stated is refused', async () => {
    const tokens = { id_token: idToken({ account: 'another' }), access_token: accessToken() };
    await expect(read(file(tokens))).rejects.toThrow('different accounts');
  });

  test.each([
    ['no JSON', 'not JSON', /not JSON/],
    ['an API key', file({}, { OPENAI_API_KEY: 'sk-x' }), /type openai/],
    ['nothing', '{}', /no ChatGPT login/],
  ])('that holds %s is refused in words that help', async (_what, text, why) => {
    await expect(read(text)).rejects.toThrow(why);
  });
});

describe('a renewal', () => {
  const login = async (): Promise<Account> => {
    const begun = await provider.login!.oauth!.begin('http://127.0.0.1:1455/auth/callback');
    const back = await fetch(begun.url, { redirect: 'manual' });
    return account(await begun.finish(back.headers.get('location')!));
  };
  const signal = new AbortController().signal;

  test('asks as the official client asks, and keeps the rotated token and the installation', async () => {
    const before = await login();
    const after = await provider.renew!(before, signal);
    expect(after.secret.refreshToken).not.toBe(before.secret.refreshToken);
    expect(after.secret.more).toEqual(before.secret.more!);
    expect(backend.renewals[0]!.refresh_reason).toBe('unauthorized_recovery');
    const official = capture('auth-02-refresh-proactive')?.request as { body: object } | undefined;
    if (official) expect(Object.keys(backend.renewals[0]!)).toEqual(Object.keys(official.body));
    await provider.renew!({ ...before, secret: after.secret, expiresMs: Date.now() + 60_000 }, signal);
    expect(backend.renewals[1]!.refresh_reason).toBe('proactive_expiry');
  });

  test.each(['refresh_token_expired', 'refresh_token_reused', 'refresh_token_invalidated'])(
    'that is answered %s is final',
    async (code) => {
      backend.renewalError = { status: 401, code };
      await expect(provider.renew!(await login(), signal)).rejects.toThrow(LoginNeeded);
    },
  );

  test('that is answered invalid_grant is final', async () => {
    backend.renewalError = { status: 400, code: 'invalid_grant' };
    await expect(provider.renew!(await login(), signal)).rejects.toThrow('log in again');
  });

  test('that the server fails at may work later', async () => {
    backend.renewalError = { status: 500, code: 'server_error' };
    const error = await provider.renew!(await login(), signal).catch((caught: unknown) => caught);
    expect(error).not.toBeInstanceOf(LoginNeeded);
    expect(error).toBeInstanceOf(Error);
  });

  test('uses up the old token', async () => {
    const before = await login();
    await provider.renew!(before, signal);
    await expect(provider.renew!(before, signal)).rejects.toThrow(LoginNeeded);
  });
});
