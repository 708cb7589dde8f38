/** A gateway over hours, under load and asleep. The clock is moved, the gateway and the simulator are the same. */
import { afterEach, beforeEach, describe, expect, setSystemTime, test } from 'bun:test';
import { keepLogin } from '../../../src/server/keep-login.ts';
import { ask } from '../../gateway/setup.ts';
import { application } from './instance/accounts.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

const minute = 60_000;
const startMs = 1_800_000_000_000;
let simulated: Simulated;
let running: Running;
/** When grants were asked for and logins renewed, in minutes from the start. */
let minted: number[];
let renewed: number[];

beforeEach(async () => {
  setSystemTime(startMs);
  application.secret = undefined;
  simulated = startInstance();
  minted = [];
  renewed = [];
});
afterEach(async () => {
  await running.stop();
  await simulated.stop();
  setSystemTime();
});

type Way = 'a personal access token' | 'OAuth';

async function logIn(way: Way): Promise<void> {
  const more = way === 'OAuth' ? { client_id: application.id } : { api_key: simulated.office.pat() };
  running = await startGateway(simulated, more);
  if (way === 'OAuth') {
    const provider = running.gateway.provider('duo')!;
    const { url, finish } = await provider.login!.oauth!.begin('http://127.0.0.1:8085/callback');
    const answer = await fetch(url, { redirect: 'manual' });
    await keepLogin(running.state, provider, await finish(answer.headers.get('location')!));
  }
  atLogin = { mints: simulated.mints.length, refreshes: refreshes() };
}

/** The minute that the clock shows. */
const at = (): number => (Date.now() - startMs) / minute;
const refreshes = (): number =>
  simulated.office.forms.filter((form) => form.get('grant_type') === 'refresh_token').length;

/** Since the login. */
let atLogin: { readonly mints: number; readonly refreshes: number };

async function turns(count: number): Promise<void> {
  const statuses = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const stream = i % 2 === 0;
      const response = await ask(running, 'messages', { model: 'duo/claude-sonnet-5', stream });
      const text = await response.text();
      return response.status === 200 && text.includes(stream ? ' world' : 'Hello world');
    }),
  );
  expect(statuses.filter((isServed) => !isServed)).toEqual([]);
  // What is renewed behind the turns is waited for, so that the next burst finds it. It was asked for before they ended.
  await Bun.sleep(simulated.mintMs + 20);
  while (simulated.minting > 0) await Bun.sleep(simulated.mintMs);
  await Bun.sleep(20);
  while (atLogin.mints + minted.length < simulated.mints.length) minted.push(at());
  while (atLogin.refreshes + renewed.length < refreshes()) renewed.push(at());
}

describe.each(['a personal access token', 'OAuth'] as const)('with %s', (way) => {
  test.each([7, 30])(
    '200 turns at once, every %d minutes over three lives of a grant, ask for one in each',
    async (step) => {
      await logIn(way);
      simulated.mintMs = 10;
      for (let now = 0; now < 180; now += step) {
        setSystemTime(startMs + now * minute);
        await turns(200);
      }
      // A new one comes at the earliest when five minutes of the last are left.
      const gaps = minted.slice(1).map((time, i) => time - minted[i]!);
      expect(gaps.filter((gap) => gap < 55)).toEqual([]);
      expect(simulated.mints.length - atLogin.mints).toBe(minted.length);
      expect(minted.length).toBeLessThanOrEqual(4);
      expect(minted.length).toBeGreaterThanOrEqual(2);
      // A login is good for two hours.
      expect(renewed.length).toBe(way === 'OAuth' ? 1 : 0);
      expect(simulated.proxy.refused).toEqual([]);
      expect(simulated.mints.filter(({ refused }) => refused)).toEqual([]);
    },
    120_000,
  );

  test('a machine that has slept for a night serves the first turn, without a restart', async () => {
    await logIn(way);
    await turns(1);
    const mints = simulated.mints.length;
    setSystemTime(startMs + 9 * 60 * minute);
    await turns(20);
    expect(simulated.mints.length).toBe(mints + 1);
    expect(refreshes()).toBe(way === 'OAuth' ? 1 : 0);
    expect(simulated.proxy.refused).toEqual([]);
    expect(simulated.mints.filter(({ refused }) => refused)).toEqual([]);
  });

  test.each([0, 10])(
    'a machine whose clock stood still while it slept gets another grant by being refused once; refusals come %d ms apart',
    async (apartMs) => {
      await logIn(way);
      await turns(1);
      // So that some hear of it before the login is renewed, some while it is, and some after.
      simulated.proxy.refusalsApartMs = apartMs;
      simulated.office.tokenMs = 10 * apartMs;
      for (const grant of simulated.proxy.issued.values()) grant.revoked = true;
      if (way === 'OAuth') for (const token of simulated.office.tokens.values()) token.endsMs = 0;
      // A login that is younger is not renewed for being refused.
      setSystemTime(startMs + minute);
      await turns(20);
      expect(refreshes()).toBe(way === 'OAuth' ? 1 : 0);
      expect(running.state.health.list()).toEqual([]);
    },
  );

  test('nobody is asked for anything while nobody uses it', async () => {
    await logIn(way);
    await turns(1);
    const mints = simulated.mints.length;
    for (let hour = 1; hour < 12; hour++) {
      setSystemTime(startMs + hour * 60 * minute);
      await Bun.sleep(5);
    }
    expect([simulated.mints.length, refreshes()]).toEqual([mints, 0]);
  });
});
