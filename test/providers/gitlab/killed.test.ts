/** The program itself, killed at the worst moment. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openShared, secret, status } from '../../shared/setup.ts';
import { startServe } from '../../support/program.ts';
import { application } from './instance/accounts.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { entryFor } from './setup.ts';

let simulated: Simulated;
const dir = mkdtempSync(join(tmpdir(), 'dragoman-gitlab-killed-'));
const address = `sqlite:${join(dir, 'state.db')}`;
beforeAll(() => {
  simulated = startInstance();
  application.secret = undefined;
});
afterAll(async () => {
  await simulated.stop();
  rmSync(dir, { recursive: true, force: true });
});

const serve = () =>
  startServe({
    config: { store: address, providers: [entryFor(simulated, { client_id: application.id })] },
    env: { DRAGOMAN_SECRET: secret },
  });
const model = 'duo/claude-sonnet-5';

test('a login that was renewed just before a kill -9, with no grant to show for it, serves on', async () => {
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

  simulated.mintRefusals.push('gateway-token/third-party-direct-access.token-creation-failed.503');
  const first = await serve();
  expect(await status(first, model)).toBe(503);
  process.kill(first.pid, 'SIGKILL');
  await first.ended;
  await first.remove();
  const [rotated] = [...simulated.office.refreshTokens.keys()];
  expect(rotated).not.toBe(refresh);

  const after = await openShared(address);
  const [account] = await after.accounts.all();
  await after.store.close();
  expect(account).toMatchObject({ state: 'ready', secret: { refreshToken: rotated } });

  const second = await serve();
  expect(await status(second, model)).toBe(200);
  expect(simulated.office.forms).toHaveLength(1);
  await second.remove();
}, 30_000);
