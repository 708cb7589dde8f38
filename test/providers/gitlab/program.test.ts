/** The program itself, as its owner uses it: logging in at an instance, and reading what is wrong with an account. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secret } from '../../shared/setup.ts';
import { projectRoot, startProgram, startServe } from '../../support/program.ts';
import { ask } from '../../gateway/setup.ts';
import { application } from './instance/accounts.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { entryFor } from './setup.ts';

let com: Simulated;
let work: Simulated;
const dir = mkdtempSync(join(tmpdir(), 'dragoman-gitlab-program-'));
beforeAll(() => {
  com = startInstance(Date.now, '');
  work = startInstance();
});
afterAll(async () => {
  await com.stop();
  await work.stop();
  rmSync(dir, { recursive: true, force: true });
});

const options = () => ({
  config: {
    store: `sqlite:${join(dir, 'state.db')}`,
    providers: [
      entryFor(com, { instances: [{ name: 'work', base_url: work.url, gateway_url: work.gatewayUrl }] }),
    ],
  },
  env: { DRAGOMAN_SECRET: secret },
});

/** Runs a command to its end, with a text on its standard input. */
async function dragoman(
  args: readonly string[],
  stdin = '',
): Promise<{ out: string; err: string; status: number }> {
  const main = join(projectRoot, 'src/cli/main.ts');
  const { config, env } = options();
  const program = startProgram({
    command: ['sh', '-c', `printf %s "$TYPED" | "${process.execPath}" "${main}" "$@"`, 'sh'],
    args,
    config,
    env: { ...env, TYPED: stdin },
  });
  const status = await program.ended;
  const result = { out: program.stdout(), err: program.stderr(), status };
  await program.remove();
  return result;
}

test.each([
  ['in a browser on this machine', []],
  ['by a code that is confirmed elsewhere', ['--device']],
])(
  'a new user logs in by OAuth %s, as the page says, and asks a model',
  async (_how, flags) => {
    application.secret = undefined;
    const store = `sqlite:${join(mkdtempSync(join(dir, 'new-')), 'state.db')}`;
    const providers = [entryFor(com, { client_id: application.id, redirect_port: 0 })];
    const fresh = { config: { store, providers }, env: { DRAGOMAN_SECRET: secret } };
    const login = startProgram({ ...fresh, args: ['login', 'duo', ...flags] });
    for (let i = 0; !/oauth\/(?:authorize|device)\?\S+/.test(login.stderr()) && i < 1_000; i++)
      await Bun.sleep(10);
    const [url] = /http\S+oauth\/authorize\?\S+/.exec(login.stderr()) ?? [];
    if (flags.length === 0) expect((await fetch(url!)).status).toBe(200);
    else expect(login.stderr()).toContain('ABCD1234');
    expect([await login.ended, login.stdout()]).toEqual([
      0,
      expect.stringContaining('logged in: oauth:dev.one at duo'),
    ]);
    expect(login.stderr()).toContain('it may ask models');
    await login.remove();
    const server = await startServe(fresh);
    expect((await ask(server, 'messages', { model: 'duo/gitlab-duo' })).status).toBe(200);
    server.signal('SIGTERM');
    await server.ended;
    await server.remove();
  },
  60_000,
);

test('a person logs in at either instance, and reads what a suspended account needs', async () => {
  com.pinned = { name: 'Claude Sonnet 5', ref: 'claude_sonnet_5' };
  const mine = await dragoman(['login', 'duo', '--token-stdin'], com.office.pat());
  expect(mine).toMatchObject({ status: 0 });
  expect(mine.out).toContain('logged in: pat:dev.one at duo');
  expect(mine.err).toContain('note: it may ask models');
  expect(mine.err).toContain('has pinned Claude Sonnet 5 (claude-sonnet-5)');
  const ours = await dragoman(['login', 'duo', '--at', 'work', '--token-stdin'], work.office.pat());
  expect(ours.out).toContain('logged in: pat:dev.one@work at duo');
  const lost = await dragoman(['login', 'duo', '--at', 'nowhere', '--token-stdin'], 'x');
  expect(lost).toMatchObject({ status: 1 });
  expect(lost.err).toContain('there are work');

  com.proxy.allowListed = false;
  work.proxy.quota.push('gateway-errors/not-entitled.403', 'gateway-errors/not-entitled.403');
  const server = await startServe(options());
  const response = await ask(server, 'messages', { model: 'duo/claude-sonnet-5' });
  expect(response.status).toBe(403);
  const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
  expect(data[0]!.id).toBe('duo/gitlab-duo');
  server.signal('SIGTERM');
  await server.ended;
  await server.remove();

  const { out } = await dragoman(['accounts']);
  expect(out).toMatch(/pat:dev\.one .*suspended.*403 proxy_not_enabled.*ask GitLab support for it/);
  expect(out).toMatch(/pat:dev\.one@work .*suspended.*403 no_entitlement.*needs a seat or credits/);
  const told = JSON.parse((await dragoman(['accounts', '--json'])).out) as {
    name: string;
    profile: Record<string, string>;
    health: { state: string; why: string }[];
  }[];
  expect(told.map(({ profile }) => profile.verdict)).toEqual(['ok', 'ok']);
  expect(told.find(({ name }) => name === 'pat:dev.one')!.profile.pinned_model).toContain('claude-sonnet-5');
  for (const { health } of told) expect(health[0]).toMatchObject({ state: 'suspended' });
}, 300_000);
