import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { LoginNeeded } from '../../src/accounts/accounts.ts';
import { receiveOnLoopback, type LoopbackReceiver } from '../../src/accounts/loopback.ts';
import {
  beginDevice,
  beginLogin,
  finishDevice,
  finishLogin,
  LoginFailed,
  renewGrant,
  type OAuthClient,
} from '../../src/accounts/oauth.ts';
import { startOAuthServer } from '../support/oauth-server.ts';

const simulated = startOAuthServer();
afterAll(() => simulated.stop());
const client: OAuthClient = { ...simulated.server, redirectUri: 'http://127.0.0.1:1/callback' };
const callback = { host: '127.0.0.1', port: 0, path: '/callback' } as const;

let receiver: LoopbackReceiver | undefined;
afterEach(() => {
  receiver?.close();
  receiver = undefined;
  simulated.deviceAnswers = [];
  simulated.asked = [];
});

describe('a login by code', () => {
  test('goes through the browser and back to this machine', async () => {
    receiver = await receiveOnLoopback(callback);
    const mine = { ...client, redirectUri: receiver.redirectUri };
    const begun = await beginLogin(mine);
    expect(new URL(begun.url).searchParams.get('prompt')).toBe('login');
    const page = await fetch(begun.url);
    expect(await page.text()).toContain('You can close this page');
    const grant = await finishLogin(mine, begun, await receiver.answer);
    expect(grant).toMatchObject({
      accessToken: `access-${simulated.count}`,
      refreshToken: `refresh-${simulated.count}`,
    });
    expect(grant.expiresMs! - Date.now()).toBeGreaterThan(7_190_000);
  });

  test('takes a pasted address, a pasted code, and a code with its state', async () => {
    for (const form of ['url', 'query', 'code', 'code#state'] as const) {
      const begun = await beginLogin(client);
      const back = await fetch(begun.url, { redirect: 'manual' });
      const url = new URL(back.headers.get('location')!);
      const code = url.searchParams.get('code')!;
      const pasted = {
        url: url.href,
        query: url.search,
        code: ` ${code}\n`,
        'code#state': `${code}#${begun.state}`,
      }[form];
      expect((await finishLogin(client, begun, pasted)).accessToken).toBe(`access-${simulated.count}`);
    }
  });

  test('refuses an answer to another login, a refusal and nonsense, in words for people', async () => {
    const begun = await beginLogin(client);
    const wrong = finishLogin(client, begun, 'http://127.0.0.1:1/callback?code=abcd&state=other');
    await expect(wrong).rejects.toThrow(LoginFailed);
    await wrong.catch(() => undefined);
    const denied = `http://127.0.0.1:1/callback?error=access_denied&state=${begun.state}`;
    await expect(finishLogin(client, begun, denied)).rejects.toThrow('the login was refused: access denied');
    await expect(finishLogin(client, begun, 'what?!')).rejects.toThrow('neither an address');
    await expect(finishLogin(client, begun, 'made-up-code')).rejects.toThrow('no: invalid_grant');
  });

  test('other visits to the waiting address are not taken for the answer', async () => {
    receiver = await receiveOnLoopback(callback);
    const base = new URL(receiver.redirectUri).origin;
    for (const path of ['/', '/callback', '/favicon.ico?code=1']) {
      expect((await fetch(base + path)).status).toBe(404);
    }
    let came = false;
    void receiver.answer.then(() => (came = true));
    await Bun.sleep(10);
    expect(came).toBe(false);
  });

  test('an address may be registered under the name localhost', async () => {
    receiver = await receiveOnLoopback({ ...callback, host: 'localhost' });
    expect(receiver.redirectUri).toMatch(/^http:\/\/localhost:\d+\/callback$/);
    const page = await fetch(`${receiver.redirectUri.replace('localhost', '127.0.0.1')}?code=abcd`);
    expect(page.status).toBe(200);
    expect(await receiver.answer).toEndWith('/callback?code=abcd');
  });

  test('a port that is in use is said', async () => {
    receiver = await receiveOnLoopback(callback);
    const { port } = new URL(receiver.redirectUri);
    await expect(receiveOnLoopback({ ...callback, port: Number(port) })).rejects.toThrow();
  });
});

describe('a login by device code', () => {
  test('asks until it is confirmed', async () => {
    simulated.deviceAnswers = ['authorization_pending', 'authorization_pending'];
    const begun = { ...(await beginDevice(client)), intervalMs: 5 };
    expect(begun).toMatchObject({ userCode: 'ABCD-EFGH', url: 'http://127.0.0.1/activate' });
    expect((await finishDevice(client, begun)).accessToken).toBe(`access-${simulated.count}`);
    expect(simulated.asked.length).toBe(3);
  });

  test('ends when it is refused, given up or too late', async () => {
    const begun = { ...(await beginDevice(client)), intervalMs: 5 };
    simulated.deviceAnswers = ['access_denied'];
    await expect(finishDevice(client, begun)).rejects.toThrow('refused');
    await Bun.sleep(20);
    await expect(finishDevice(client, { ...begun, expiresMs: 0 })).rejects.toThrow('in time');
    const given = finishDevice(client, { ...begun, intervalMs: 60_000 }, AbortSignal.timeout(10));
    await expect(given).rejects.toThrow('given up');
    await given.catch(() => undefined);
  });
});

describe('a renewal', () => {
  const soon = () => AbortSignal.timeout(30_000);

  test('gives a new pair, and the old one is worth nothing', async () => {
    simulated.refreshTokens.add('first');
    const grant = await renewGrant(client, 'first', soon());
    expect(grant.refreshToken).toBe(`refresh-${simulated.count}`);
    expect(simulated.asked[0]!.get('redirect_uri')).toBe(client.redirectUri);
    await expect(renewGrant(client, 'first', soon())).rejects.toThrow(LoginNeeded);
    await expect(renewGrant(client, 'first', soon())).rejects.toThrow('log in again');
  });

  test('of a login without a browser sends no redirect address', async () => {
    simulated.refreshTokens.add('second');
    await renewGrant({ ...client, redirectUri: '' }, 'second', soon());
    expect(simulated.asked[0]!.has('redirect_uri')).toBe(false);
  });

  test('an endpoint that is down is no reason for a new login', async () => {
    const down = { ...client, tokenUrl: 'http://127.0.0.1:1/token' };
    const error = await renewGrant(down, 'x', soon()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(LoginNeeded);
  });
});
