/** The program itself, killed at the worst moment. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openShared, secret, status } from '../../shared/setup.ts';
import { startServe } from '../../support/program.ts';
import { application } from './instance/accounts.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { entryFor } from './setup.ts';
import { eventually } from '../../support/eventually.ts';

let simulated: Simulated;
let dir: string;
let address: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dragoman-gitlab-killed-'));
  address = `sqlite:${join(dir, 'state.db')}`;
  simulated = startInstance();
  application.secret = undefined;
});
afterEach(async () => {
  await simulated.stop();
  rmSync(dir, { recursive: true, force: true });
});

const serve = () =>
  startServe({
    config: { store: address, providers: [entryFor(simulated, { client_id: application.id })] },
    env: { DRAGOMAN_SECRET: secret },
  });
const model = 'duo/claude-sonnet-5';

/** What happens to the grant that the first turn asks for, and when the program is killed. */
const worst: readonly [
  when: string,
  prepare: () => void,
  until: (first: { url: string }) => Promise<void>,
][] = [
  [
    'after its grant was refused',
    () => simulated.mintRefusals.push('gateway-token/third-party-direct-access.token-creation-failed.503'),
    async (first) => expect(await status(first as never, model)).toBe(503),
  ],
  [
    'while its grant was waited for',
    () => (simulated.mintMs = 20_000),
    async (first) => {
      // Nobody hears the answer to this one.
      void status(first as never, model).catch(() => undefined);
      await eventually(() => simulated.minting > 0);
      expect(simulated.minting).toBe(1);
    },
  ],
];

test.each(worst)(
  'a login that was renewed just before a kill -9, %s, serves on',
  async (_when, prepare, until) => {
    const { access, refresh } = simulated.office.pair();
    simulated.office.tokens.get(access)!.endsMs = 0;
    const before = await openShared(address);
    await before.accounts.put({
      provider: 'duo',
      name: 'oauth:dev.one',
      kind: 'oauth',
      secret: {
        token: access,
        refreshToken: refresh,
        more: { login: 'l-1', client_id: application.id, redirect_uri: 'http://127.0.0.1:8085/callback' },
      },
      expiresMs: Date.now() - 1,
    });
    await before.store.close();

    prepare();
    const first = await serve();
    await until(first);
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    await first.remove();
    const [rotated] = [...simulated.office.refreshTokens.keys()];
    expect(rotated).not.toBe(refresh);

    const after = await openShared(address);
    const [account] = await after.accounts.all();
    await after.store.close();
    expect(account).toMatchObject({ state: 'ready', secret: { refreshToken: rotated } });

    simulated.mintMs = 0;
    const second = await serve();
    expect(await status(second, model)).toBe(200);
    // Nothing was renewed again: the one renewal was not lost.
    expect(simulated.office.forms).toHaveLength(1);
    await second.remove();
  },
  60_000,
);
