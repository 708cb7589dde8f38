import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoggedIn } from '../../../src/accounts/login.ts';
import { createVault } from '../../../src/accounts/vault.ts';
import { keepLogin } from '../../../src/server/keep-login.ts';
import { openState, type State } from '../../../src/server/state.ts';
import { openStore } from '../../../src/store/open.ts';
import { ask } from '../../gateway/setup.ts';
import { application } from './instance/accounts.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import type { RefusalName } from './instance/words.ts';
import { providerFor, startGateway, type Running } from './setup.ts';

let simulated: Simulated;
beforeEach(() => {
  simulated = startInstance();
  application.secret = undefined;
});
afterEach(() => simulated.stop());

const client = { client_id: application.id };
const take = (token: string, more = {}) => providerFor(simulated, more).login!.token!.take(token);

/** A person who confirms at once in a browser on this machine. */
async function throughBrowser(more: Record<string, unknown> = {}): Promise<LoggedIn> {
  const { begin } = providerFor(simulated, { ...client, ...more }).login!.oauth!;
  const { url, finish } = await begin('http://127.0.0.1:8085/callback');
  const response = await fetch(url, { redirect: 'manual' });
  return finish(response.headers.get('location')!);
}

describe('a personal access token', () => {
  test('is told apart by its name, and tells of itself', async () => {
    const login = await take(simulated.office.pat());
    expect(login).toMatchObject({
      kind: 'api_key',
      name: 'pat:dev.one',
      profile: {
        login: 'personal access token',
        user: 'dev.one',
        scopes: 'ai_features read_user',
        token_ends: '2027-07-23',
        verdict: 'ok',
      },
    });
    expect(login.notice).toBe('it may ask models');
    expect(simulated.mints).toHaveLength(1);
    expect(simulated.proxy.passed.map(({ path }) => path)).toEqual(['/v1/messages/count_tokens?beta=true']);
  });

  test('that may not read its user is named by itself', async () => {
    expect((await take(simulated.office.pat(['ai_features']))).name).toBe('pat:duo');
  });

  test('with too little scope is refused before a grant is asked for', async () => {
    await expect(take(simulated.office.pat(['read_api']))).rejects.toThrow(
      /scopes are too narrow.*`ai_features`/,
    );
    expect(simulated.mints).toEqual([]);
  });

  test.each(['unknown', 'revoked', 'expired'])('that is %s is refused', async (how) => {
    const token = how === 'unknown' ? 'glpat-nobody' : simulated.office.pat();
    if (how === 'revoked') simulated.office.tokens.get(token)!.revoked = true;
    if (how === 'expired') simulated.office.tokens.get(token)!.endsMs = 0;
    await expect(take(token)).rejects.toThrow(/revoked or has expired/);
  });

  test('is not what a token of OAuth is', async () => {
    await expect(take(simulated.office.pair().access)).rejects.toThrow(/through the browser/);
  });

  test('is the only way where no application is registered', () => {
    expect(Object.keys(providerFor(simulated).login!)).toEqual(['token']);
    expect(Object.keys(providerFor(simulated, client).login!)).toEqual(['oauth', 'device', 'token']);
  });
});

describe('the verdict', () => {
  const cases: [RefusalName, 'mint' | 'gateway', verdict: string, notice: RegExp][] = [
    ['gateway-token/third-party-direct-access.not-entitled.403', 'mint', 'no_entitlement', /seat or credits/],
    [
      'gateway-token/third-party-direct-access.no-default-namespace.503',
      'mint',
      'no_default_namespace',
      /Preferences/,
    ],
    [
      'gateway-token/code-suggestions-direct-access.disabled.403',
      'mint',
      'direct_access_off',
      /administrator/,
    ],
    [
      'gateway-token/third-party-direct-access.token-creation-failed.503',
      'mint',
      'unproven',
      /could not be tried/,
    ],
    ['gateway-errors/namespace-not-allowlisted.402', 'gateway', 'proxy_not_enabled', /GitLab support/],
    ['gateway-errors/insufficient-credits.402', 'gateway', 'insufficient_credits', /Credits/],
    ['gateway-errors/bad-gateway.502', 'gateway', 'unproven', /could not be tried/],
  ];

  test.each(cases)('on %s at the %s is %s, and says what cures it', async (name, where, verdict, notice) => {
    if (where === 'mint') simulated.mintRefusals.push(name);
    else simulated.proxy.quota.push(name);
    const login = await take(simulated.office.pat());
    expect(login.profile).toMatchObject({ verdict });
    expect(login.notice).toMatch(notice);
    // The token is good: nobody is told that it has expired.
    expect(login.notice).not.toMatch(/revoked|expired/);
  });

  test('on a scope that the endpoint itself refuses ends the login', async () => {
    simulated.mintRefusals.push('auth/insufficient-scope.403');
    await expect(take(simulated.office.pat())).rejects.toThrow(/scopes are too narrow/);
  });
});

describe('a login by OAuth', () => {
  test('goes by one’s own application, with a proof and no secret', async () => {
    const login = await throughBrowser();
    expect(login).toMatchObject({
      kind: 'oauth',
      name: 'oauth:dev.one',
      secret: { more: { client_id: application.id, redirect_uri: 'http://127.0.0.1:8085/callback' } },
      profile: { login: 'OAuth', verdict: 'ok' },
    });
    expect(login.secret.refreshToken).toStartWith('refresh-');
    expect(login.expiresMs! - Date.now()).toBeGreaterThan(7_100_000);
    const [form] = simulated.office.forms;
    expect(form!.has('code_verifier')).toBe(true);
    expect(form!.has('client_secret')).toBe(false);
  });

  test('of a confidential application keeps its secret sealed with the account', async () => {
    application.secret = 'a-secret-of-the-application';
    const login = await throughBrowser({ client_secret: application.secret });
    expect(login.secret.more).toMatchObject({ client_secret: application.secret });
    expect(JSON.stringify(login.profile)).not.toContain(application.secret);
  });

  test('asks for what the configuration says', async () => {
    const { begin } = providerFor(simulated, { ...client, scope: 'api' }).login!.oauth!;
    const { url } = await begin('http://127.0.0.1:8085/callback');
    expect(new URL(url).searchParams.get('scope')).toBe('api');
    expect(new URL(url).pathname).toBe('/gitlab/oauth/authorize');
  });

  test('by device code waits until it is confirmed', async () => {
    simulated.office.deviceAnswers.push('authorization_pending', 'authorization_pending');
    const device = await providerFor(simulated, client).login!.device!.begin();
    expect(device).toMatchObject({
      userCode: 'ABCD1234',
      completeUrl: 'https://gitlab.example.com/oauth/device?user_code=ABCD1234',
    });
    expect(await device.finish()).toMatchObject({ kind: 'oauth', name: 'oauth:dev.one' });
    expect(simulated.office.deviceAnswers).toEqual([]);
  });

  test('by device code slows down when it is told to', async () => {
    simulated.office.deviceAnswers.push('slow_down');
    const device = await providerFor(simulated, client).login!.device!.begin();
    const began = performance.now();
    expect(await device.finish()).toMatchObject({ kind: 'oauth' });
    expect(performance.now() - began).toBeGreaterThan(5_000);
  }, 60_000);

  test.each(['access_denied', 'expired_token'] as const)('by device code ends with %s', async (answer) => {
    simulated.office.deviceAnswers.push(answer);
    const device = await providerFor(simulated, client).login!.device!.begin();
    await expect(device.finish()).rejects.toThrow(/refused/);
  });
});

describe('a stored login by OAuth', () => {
  let running: Running;
  const turn = () => ask(running, 'messages', { model: 'duo/claude-sonnet-5' });
  const stored = () => running.state.accounts.list().find(({ kind }) => kind === 'oauth')!;
  const isPast = { expiresMs: 0 };

  async function start(more: Record<string, unknown> = {}): Promise<void> {
    running = await startGateway(simulated, { ...client, ...more });
    await keepLogin(running.state, running.gateway.provider('duo')!, await throughBrowser(more));
  }
  afterEach(() => running.stop());

  test('that has ended while the machine slept is renewed before it is used', async () => {
    await start();
    const { access } = [...simulated.office.refreshTokens.values()][0]!;
    simulated.office.tokens.get(access)!.endsMs = 0;
    await running.state.accounts.change(stored().id, isPast);
    expect((await turn()).status).toBe(200);
    const form = simulated.office.forms.at(-1)!;
    expect(Object.fromEntries(form)).toMatchObject({
      grant_type: 'refresh_token',
      client_id: application.id,
      redirect_uri: 'http://127.0.0.1:8085/callback',
    });
    expect(stored().secret.more).toMatchObject({ client_id: application.id });
  });

  test('that is refused before its time is renewed once, and the turn goes on', async () => {
    await start();
    for (const token of simulated.office.tokens.values()) token.revoked = true;
    await Bun.sleep(1_100);
    expect((await turn()).status).toBe(200);
    expect(simulated.office.forms.filter((form) => form.get('grant_type') === 'refresh_token')).toHaveLength(
      1,
    );
  });

  test('is renewed once for 200 turns at once, and has one grant', async () => {
    await start();
    await running.state.accounts.change(stored().id, isPast);
    const before = simulated.mints.length;
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const response = await turn();
        await response.text();
        return response.status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(simulated.office.forms.filter((form) => form.get('grant_type') === 'refresh_token')).toHaveLength(
      1,
    );
    expect(simulated.mints.length - before).toBe(1);
  });

  test('that GitLab renews no more needs a person, who is told so', async () => {
    await start();
    simulated.office.refreshTokens.clear();
    await running.state.accounts.change(stored().id, isPast);
    const response = await turn();
    expect(response.status).toBe(401);
    expect(JSON.stringify(await response.json())).toContain('needs a new login');
    expect(stored().state).toBe('needs_login');
  });

  test('of a confidential application is renewed with its secret', async () => {
    application.secret = 'a-secret-of-the-application';
    await start({ client_secret: application.secret });
    await running.state.accounts.change(stored().id, isPast);
    expect((await turn()).status).toBe(200);
    expect(simulated.office.forms.at(-1)!.get('client_secret')).toBe(application.secret);
  });
});

test('a rotated refresh token is stored before the grant fails, and whoever opens the store has it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'dragoman-gitlab-'));
  const vault = createVault(new Uint8Array(32).fill(7));
  const open = async (): Promise<State> =>
    openState({ stored: { store: await openStore(`sqlite:${join(dir, 'state.db')}`), vault } });
  const first = await open();
  const provider = providerFor(simulated, client);
  const { account } = await keepLogin(first, provider, await throughBrowser());
  await first.accounts.change(account.id, { expiresMs: 0 });
  simulated.mintRefusals.push('gateway-token/third-party-direct-access.http-error.503');
  const renewed = await first.accounts.fresh(first.accounts.list()[0]!, provider.renew);
  const request = provider.prepare(
    {
      protocol: 'anthropic-messages',
      operation: 'turn',
      model: 'claude-sonnet-5',
      stream: false,
      body: '{}',
      inbound: new Headers(),
      search: '',
      native: true,
    },
    renewed,
  );
  await expect(provider.send(request, new AbortController().signal)).rejects.toThrow(/HTTP error/);
  // Nothing was closed, as if the process had been killed.
  const second = await open();
  const [survivor] = second.accounts.list();
  expect([...simulated.office.refreshTokens.keys()]).toEqual([survivor!.secret.refreshToken!]);
  await second.close();
  await first.close();
  rmSync(dir, { recursive: true, force: true });
});
