/** The commands that work on the state: keys, accounts, usage, backups, and values of the configuration. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/cli/program.ts';
import { openHostState } from '../../src/cli/state.ts';
import { testHost } from '../support/host.ts';

const root = mkdtempSync(join(tmpdir(), 'dragoman-state-'));
afterAll(() => rmSync(root, { recursive: true }));
let cwd: string;
let env: Record<string, string>;
let tests = 0;

beforeEach(() => {
  cwd = mkdtempSync(join(root, `${++tests}-`));
  env = { DRAGOMAN_HOME: join(cwd, 'home') };
  writeFileSync(
    join(cwd, 'dragoman.yaml'),
    `# mine
providers:
  - name: gpt # the first
    type: openai
    accounts:
      - { name: work, api_key: sk-of-the-work }
      - { name: home, api_key: sk-of-the-home, priority: 1 }
`,
    { mode: 0o640 },
  );
});

async function dragoman(...args: string[]) {
  const host = testHost({ env, cwd });
  const status = await run(args, host);
  return { status, ...host.told };
}

describe('keys', () => {
  test('are printed alone on stdout when they are made, and never again', async () => {
    const none = await dragoman('keys', 'list');
    expect(none).toMatchObject({ status: 0, stdout: '' });
    expect(none.stderr).toContain('There are no keys');

    const made = await dragoman('keys', 'create', 'laptop');
    expect(made.status).toBe(0);
    expect(made.stdout).toMatch(/^drg_[a-z0-9]{8}_[A-Za-z0-9]{32}\n$/);
    expect(made.stderr).toBe('This is the only time the key is shown.\n');
    const secret = made.stdout.trim().slice(-32);
    for (const args of [['keys', 'list'], ['keys', 'list', '--json'], ['export']]) {
      const { stdout } = await dragoman(...args);
      expect(stdout).toContain('laptop');
      expect(stdout).not.toContain(secret);
    }
  });

  test('have the rules they were given, in words and as JSON', async () => {
    const rules = ['--models', 'gpt/*', 'fast', '--budget', '5usd/day', '2000tokens/day', '--rpm', '60'];
    const made = await dragoman('keys', 'create', 'a', ...rules, '--tpm', '9', '--concurrent', '2', '--json');
    expect(JSON.parse(made.stdout)).toMatchObject({
      name: 'a',
      role: 'client',
      key: expect.stringMatching(/^drg_/),
      rules: {
        models: ['gpt/*', 'fast'],
        per_day: { usd: 5, tokens: 2000 },
        requests_per_minute: 60,
        tokens_per_minute: 9,
        concurrent: 2,
      },
    });
    await dragoman('keys', 'create', 'boss', '--admin', '--expires', '1m');
    const { stdout } = await dragoman('keys', 'list');
    expect(stdout).toMatch(/^NAME +KEY +ROLE +STATE +MAY\n/);
    expect(stdout).toMatch(/\na +drg_\w{8}_… +client +in force +gpt\/\* fast, 60 requests\/min, .*\$5\/day/);
    expect(stdout).toMatch(/\nboss +drg_\w{8}_… +admin +until \d{4}-/);
  });

  test('say how long conversations are kept, in any unit, or that none are', async () => {
    const days = [];
    for (const retention of ['7d', '12h', 'off']) {
      const made = await dragoman('keys', 'create', retention, '--retention', retention, '--json');
      days.push((JSON.parse(made.stdout) as { rules: { retention_days: number } }).rules.retention_days);
    }
    expect(days).toEqual([7, 0.5, 0]);
    const { stdout } = await dragoman('keys', 'list');
    for (const words of ['conversations kept 7 d', 'conversations kept 0.5 d', 'conversations not kept'])
      expect(stdout).toContain(words);
    expect((await dragoman('keys', 'create', 'x', '--retention', 'never')).status).not.toBe(0);
  });

  test('are taken back by name, beginning or id', async () => {
    for (const name of ['a', 'b', 'c']) await dragoman('keys', 'create', name);
    const list = JSON.parse((await dragoman('keys', 'list', '--json')).stdout) as Record<string, string>[];
    const [, b, c] = list;
    expect((await dragoman('keys', 'revoke', 'a')).stdout).toStartWith('revoked a (drg_');
    expect((await dragoman('keys', 'revoke', b!.prefix!.slice('drg_'.length))).stdout).toStartWith(
      'revoked b',
    );
    expect((await dragoman('keys', 'revoke', c!.id!)).stdout).toStartWith('revoked c');
    const again = await dragoman('keys', 'revoke', 'a');
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toBe('error: there is no key "a" in force\n');
    expect((await dragoman('keys', 'list')).stdout.match(/revoked \d{4}/g)).toHaveLength(3);
  });

  test.each([
    ['--budget', '5eur/day'],
    ['--budget', 'much'],
    ['--rpm', '0'],
    ['--expires', 'soon'],
  ])('are not made with %s %s', async (flag, value) => {
    const { status, stderr } = await dragoman('keys', 'create', 'a', flag, value);
    expect(status).toBe(2);
    expect(stderr).toContain('It must be');
    expect((await dragoman('keys', 'list')).stdout).toBe('');
  });
});

describe('accounts', () => {
  test('of the configuration and those logged in to are listed together, with how they are, without secrets', async () => {
    const state = await openHostState({}, testHost({ env, cwd }));
    const secret = { token: 'the-token-of-me', refreshToken: 'the-refresh-of-me' };
    const me = await state.accounts.put({ provider: 'gpt', name: 'me', kind: 'oauth', secret });
    await state.accounts.change(me.id, { state: 'needs_login', stateWhy: 'the refresh token was revoked' });
    const limited = {
      kind: 'rate_limited',
      scope: 'account',
      status: 429,
      message: '',
      retryable: true,
    } as const;
    state.health.failed('config:gpt/work', 'gpt-5.4', limited);
    await state.close();

    const { stdout } = await dragoman('accounts');
    expect(stdout).toMatch(/\ngpt +work +API key +cooling until .*: rate limited \(429\)/);
    expect(stdout).toMatch(/\ngpt +home +API key +ok/);
    expect(stdout).toMatch(/\ngpt +me +login +needs a login: the refresh token was revoked/);
    const json = (await dragoman('accounts', '--json')).stdout;
    expect(JSON.parse(json)).toHaveLength(3);
    expect(stdout + json).not.toMatch(/sk-of-the|-of-me/);

    expect((await dragoman('logout', 'gpt', 'me')).stdout).toBe('logged out me at gpt\n');
    expect((await dragoman('logout', 'gpt', 'me')).status).toBe(1);
    expect(JSON.parse((await dragoman('accounts', '--json')).stdout)).toHaveLength(2);
  });
});

describe('usage', () => {
  test('is summed by what was asked for', async () => {
    expect((await dragoman('usage')).stderr).toBe('Nothing was used in that time.\n');
    const state = await openHostState({}, testHost({ env, cwd }));
    const { key } = await state.keys!.create({ name: 'laptop' });
    const tokens = { fresh: 100, cacheRead: 50, cacheWrite: 0, output: 10, reasoning: 5 };
    const entry = { keyId: key.id, provider: 'gpt', account: 'config:gpt/work', request: 'ok' as const };
    state.usage!.add({ ...entry, model: 'm', used: { tokens, costUsd: 0.25 } });
    state.usage!.add({ ...entry, model: 'n', used: { tokens } });
    await state.close();
    expect(JSON.parse((await dragoman('usage', '--json', '--by', 'key')).stdout)).toMatchObject([
      { by: 'laptop', requests: 2, tokensFresh: 200, usd: 0.25, unpriced: 1 },
    ]);
    const { stdout } = await dragoman('usage', '--by', 'model');
    expect(stdout).toMatch(/^MODEL +REQUESTS +FAILED +IN +CACHED +OUT +USD\n/);
    expect(stdout).toMatch(/\nm +1 +0 +100 +50 +15 +0\.2500\n/);
    expect(stdout).toMatch(/\nn +1 +0 +100 +50 +15 +0\.0000 \+\?/);
  });
});

describe('a backup', () => {
  test('that is none, or is not there, changes nothing and says so', async () => {
    writeFileSync(join(cwd, 'no.jsonl'), '{"some":"thing"}\n');
    const none = await dragoman('import', 'no.jsonl');
    expect([none.status, none.stderr]).toEqual([1, 'error: this is no backup of dragoman\n']);
    const absent = await dragoman('import', 'nowhere.jsonl');
    expect(absent.status).toBe(1);
    expect(absent.stderr).toContain('nowhere.jsonl');
  });
});

describe('config', () => {
  test('get tells what is in force and no secret', async () => {
    expect((await dragoman('config', 'get', 'server.port')).stdout).toBe('4242\n');
    const { stdout } = await dragoman('config', 'get', 'providers.gpt.accounts');
    expect(stdout).toContain('"api_key":"***"');
    expect(stdout).not.toContain('sk-of');
    expect(await dragoman('config', 'get', 'server.nothing')).toMatchObject({ status: 1, stdout: '' });
  });

  test('set changes the file, keeps comments and who may read it, and refuses what is not valid', async () => {
    const file = join(cwd, 'dragoman.yaml');
    expect((await dragoman('config', 'set', 'server.port', '4343')).status).toBe(0);
    expect((await dragoman('config', 'get', 'server.port')).stdout).toBe('4343\n');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain('# the first');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const refused = await dragoman('config', 'set', 'server.port', 'many');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('server.port');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
