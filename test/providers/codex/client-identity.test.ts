/** Who the gateway says it is: what is sent, where that comes from, and how a person sees it. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/cli/program.ts';
import { builtIn, clientIdentity, explainIdentity } from '../../../src/providers/codex/client-identity.ts';
import { codex } from '../../../src/providers/codex/index.ts';
import { installedClient } from '../../../src/providers/codex/installed-client.ts';
import { testHost } from '../../support/host.ts';
import { post, startBench } from './setup.ts';

const root = mkdtempSync(join(tmpdir(), 'dragoman-identity-'));
afterAll(() => rmSync(root, { recursive: true }));
const dayMs = 24 * 60 * 60_000;

/** A machine with the official client on its path, as npm puts it there. */
function machine(version = '0.170.2', daysOld = 3): Record<string, string> {
  const home = mkdtempSync(join(root, 'home-'));
  const own = join(home, 'lib/node_modules/@openai/codex');
  for (const folder of [join(own, 'bin'), join(home, 'bin')]) mkdirSync(folder, { recursive: true });
  const manifest = join(own, 'package.json');
  writeFileSync(manifest, JSON.stringify({ name: '@openai/codex', version }));
  writeFileSync(join(own, 'bin/codex.js'), 'process.exit(1)');
  symlinkSync(join(own, 'bin/codex.js'), join(home, 'bin/codex'));
  const at = (Date.now() - daysOld * dayMs) / 1000;
  utimesSync(manifest, at, at);
  return { HOME: home, PATH: `/nowhere:${join(home, 'bin')}`, DRAGOMAN_HOME: join(home, 'state') };
}

describe('the client that is installed', () => {
  test('is found by the package that the program on the path is of', () => {
    const env = machine();
    expect(installedClient(env)).toMatchObject({
      version: '0.170.2',
      file: join(env.HOME!, 'lib/node_modules/@openai/codex/package.json'),
    });
  });

  test('is found by the folder that a package manager has put it into', () => {
    const home = mkdtempSync(join(root, 'home-'));
    const own = join(home, 'Caskroom/codex/0.171.0');
    for (const folder of [own, join(home, 'bin')]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(own, 'codex-aarch64-apple-darwin'), '');
    symlinkSync(join(own, 'codex-aarch64-apple-darwin'), join(home, 'bin/codex'));
    expect(installedClient({ PATH: join(home, 'bin') })).toMatchObject({ version: '0.171.0' });
  });

  test('is found by the list of models that it keeps at home', () => {
    const home = mkdtempSync(join(root, 'home-'));
    writeFileSync(join(home, 'models_cache.json'), JSON.stringify({ client_version: '0.172.0', models: [] }));
    expect(installedClient({ CODEX_HOME: home })).toMatchObject({ version: '0.172.0' });
  });

  test('is not there where nothing tells of it, or nothing that could be a version', () => {
    const home = mkdtempSync(join(root, 'home-'));
    expect(installedClient({ HOME: home, PATH: home })).toBeUndefined();
    for (const text of ['{', '[]', '{"client_version":"1\\r\\nx"}', '{"client_version":7}']) {
      writeFileSync(join(home, 'models_cache.json'), text);
      expect(installedClient({ CODEX_HOME: home })).toBeUndefined();
    }
  });
});

describe('the client that is named', () => {
  test('follows from its parts, and every part says where it is from', () => {
    expect(clientIdentity({ version: '1.2.3' }).userAgent).toStartWith('codex_cli_rs/1.2.3 (');
    const words = explainIdentity({ user_agent: 'x/1' }, undefined);
    expect(words).toMatchObject([
      { name: 'originator', value: 'codex_cli_rs', origin: 'built-in', sinceMs: Date.parse(builtIn.checked) },
      { name: 'version', origin: 'built-in' },
      { name: 'user-agent', value: 'x/1', origin: 'config' },
      { name: 'beta-features', value: builtIn.betaFeatures, origin: 'built-in' },
    ]);
    expect(explainIdentity({ beta_features: '' }, undefined)[3]).toEqual({
      name: 'beta-features',
      value: 'none',
      origin: 'config',
    });
  });

  test('follows the one that is installed only where the configuration wants it', async () => {
    const env = machine();
    await using bench = await startBench({ provider: { identity: { detect: true } }, env });
    await post(bench, '/v1/responses', { input: 'hi' });
    await using still = await startBench({ env });
    await post(still, '/v1/responses', { input: 'hi' });
    const agent = ({ backend }: typeof bench) => backend.asked[0]!.headers.get('user-agent');
    expect(agent(bench)).toStartWith('codex_cli_rs/0.170.2 (');
    expect(agent(still)).toStartWith(`codex_cli_rs/${builtIn.version} (`);
    expect(bench.backend.faults).toEqual([]);
  });

  test('is set by the configuration, which refuses what cannot stand in a header', async () => {
    await using bench = await startBench({
      provider: { identity: { originator: 'mine', version: '1.2.3' } },
    });
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.faults).toEqual([]);
    expect(bench.backend.asked[0]!.headers.get('originator')).toBe('mine');
    const entry = { name: 'c', type: 'codex' };
    for (const identity of [
      { version: 'new' },
      { user_agent: 'a\r\nb' },
      { originator: '' },
      { beta_features: 'a b' },
      { other: 'x' },
    ])
      expect(codex.configSchema.safeParse({ ...entry, identity }).success).toBeFalse();
  });
});

describe('dragoman codex identity', () => {
  const dragoman = async (args: readonly string[], env: Record<string, string>, config?: object) => {
    const host = testHost({ env, cwd: env.HOME! });
    if (config) writeFileSync(join(env.HOME!, 'dragoman.yaml'), JSON.stringify(config));
    const status = await run(args, host);
    return { status, ...host.told };
  };
  const provider = { name: 'codex', type: 'codex' };

  test('says what is sent, where it is from and how old that is', async () => {
    const env = machine();
    const { status, stdout } = await dragoman(['codex', 'identity', '--json'], env, {
      providers: [{ ...provider, identity: { originator: 'mine' }, headers: { 'X-Org': 'of mine' } }],
    });
    const days = Math.floor((Date.now() - Date.parse(builtIn.checked)) / dayMs);
    expect([status, JSON.parse(stdout)]).toEqual([
      0,
      [
        {
          provider: 'codex',
          identity: [
            { name: 'originator', value: 'mine', origin: 'config', source: null, age_days: null, used: true },
            {
              name: 'version',
              value: builtIn.version,
              origin: 'built-in',
              source: builtIn.source,
              age_days: days,
              used: true,
            },
            {
              name: 'user-agent',
              value: `mine/${builtIn.version} ${builtIn.platform}`,
              origin: 'config',
              source: null,
              age_days: null,
              used: true,
            },
            {
              name: 'beta-features',
              value: builtIn.betaFeatures,
              origin: 'built-in',
              source: builtIn.source,
              age_days: days,
              used: true,
            },
            {
              name: 'installed',
              value: '0.170.2',
              origin: 'detected',
              source: expect.stringContaining('package.json'),
              age_days: 3,
              used: false,
            },
            { name: 'x-org', value: '********', origin: 'config', source: null, age_days: null, used: true },
          ],
        },
      ],
    ]);
  });

  test('is a table for people, of what is detected where that is wanted', async () => {
    const { status, stdout, stderr } = await dragoman(['codex', 'identity'], machine(), {
      providers: [{ ...provider, identity: { detect: true } }],
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^NAME +VALUE +ORIGIN +AGE +SOURCE\noriginator +codex_cli_rs +built-in +\d+ days? /,
    );
    expect(stdout).toMatch(/\nversion +0\.170\.2 +detected +3 days +\S+package\.json\n/);
    expect(stdout).toMatch(/\nuser-agent +codex_cli_rs\/0\.170\.2 \(.*\) \S+ +detected +3 days/);
  });

  test('says so where nothing is found of what is to be followed', async () => {
    const home = mkdtempSync(join(root, 'home-'));
    const env = { HOME: home, PATH: home, DRAGOMAN_HOME: join(home, 'state') };
    const { stdout } = await dragoman(['codex', 'identity'], env, {
      providers: [{ ...provider, identity: { detect: true } }],
    });
    expect(stdout).toMatch(/\nversion +0\.169\.0 +built-in /);
    expect(stdout).toMatch(/\ninstalled +not found +detected, not used/);
  });

  test('says so where no such provider is set up, and stands in the help', async () => {
    const env = machine();
    const { status, stdout, stderr } = await dragoman(['codex', 'identity'], env);
    expect([status, stderr]).toEqual([0, expect.stringContaining('There is no provider of the type codex')]);
    expect(stdout).toContain(builtIn.version);
    expect((await dragoman(['--help'], env)).stdout).toContain('codex');
    expect((await dragoman(['codex', 'nothing'], env)).status).toBe(2);
  });
});
