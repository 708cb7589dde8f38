/** Every setting can be made in the file, by the environment and with `dragoman config set`. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/cli/program.ts';
import { checkConfig } from '../../../src/config/load.ts';
import { providerSchemas } from '../../../src/gateway.ts';
import { codex } from '../../../src/providers/codex/index.ts';
import { testHost } from '../../support/host.ts';
import { post, startBench } from './setup.ts';

const root = mkdtempSync(join(tmpdir(), 'dragoman-settings-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A setting, its value as YAML, the variable, and what it becomes. */
const settings: readonly (readonly [string, string, string, unknown])[] = [
  ['instructions', 'minimal', 'INSTRUCTIONS', 'minimal'],
  ['verbosity', 'low', 'VERBOSITY', 'low'],
  ['discovery', 'false', 'DISCOVERY', false],
  ['identity_order', 'transport', 'IDENTITY_ORDER', 'transport'],
  ['identity.version', '0.170.0', 'IDENTITY__VERSION', { version: '0.170.0', detect: false }],
  ['identity.originator', 'mine', 'IDENTITY__ORIGINATOR', { originator: 'mine', detect: false }],
  [
    'identity.user_agent',
    'mine/1 (x; y) z',
    'IDENTITY__USER_AGENT',
    { user_agent: 'mine/1 (x; y) z', detect: false },
  ],
  ['identity.beta_features', 'one', 'IDENTITY__BETA_FEATURES', { beta_features: 'one', detect: false }],
  ['identity.detect', 'true', 'IDENTITY__DETECT', { detect: true }],
  ['transport', 'auto', 'TRANSPORT', 'auto'],
  ['compression', 'none', 'COMPRESSION', 'none'],
  ['access_token', 'token-of-mine', 'ACCESS_TOKEN', 'token-of-mine'],
  ['base_url', 'http://localhost:1/x', 'BASE_URL', 'http://localhost:1/x'],
  ['auth_url', 'http://localhost:1', 'AUTH_URL', 'http://localhost:1'],
  ['headers', '{"x-org":"me"}', 'HEADERS', { 'x-org': 'me' }],
  ['models', '["gpt-5.5"]', 'MODELS', ['gpt-5.5']],
];

const base = '# mine\nproviders:\n  - name: codex # the login\n    type: codex\n';
const read = (text: string, env: Record<string, string> = {}): Record<string, unknown> => {
  const loaded = checkConfig({ name: 'dragoman.yaml', text }, { kinds: providerSchemas, env });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.providers[0] as unknown as Record<string, unknown>;
};

describe.each([...settings])('%s', (path, value, variable, expected) => {
  const [top, inner] = path.split('.') as [string, string?];

  test('in the file', () => {
    const line = inner === undefined ? `    ${top}: ${value}\n` : `    ${top}: { ${inner}: ${value} }\n`;
    expect(read(base + line)[top]).toEqual(expected);
  });

  test('by the environment, which goes before the file', () => {
    expect(read(base, { [`DRAGOMAN_PROVIDER_CODEX_${variable}`]: value })[top]).toEqual(expected);
  });

  test('with `dragoman config set`, which keeps comments', async () => {
    const cwd = mkdtempSync(join(root, 'set-'));
    writeFileSync(join(cwd, 'dragoman.yaml'), base);
    const host = testHost({ env: { DRAGOMAN_HOME: join(cwd, 'state') }, cwd });
    expect([await run(['config', 'set', `providers.codex.${path}`, value], host), host.told.stderr]).toEqual([
      0,
      '',
    ]);
    const text = readFileSync(join(cwd, 'dragoman.yaml'), 'utf8');
    expect(text).toStartWith('# mine\nproviders:\n  - name: codex # the login\n');
    expect(read(text)[top]).toEqual(expected);
  });
});

test('no setting is left out here', () => {
  const { shape } = codex.configSchema as unknown as { shape: Record<string, unknown> };
  const own = Object.keys(shape).filter((name) => name !== 'name' && name !== 'type');
  expect([...new Set(settings.map(([path]) => path.split('.')[0]!))].toSorted()).toEqual(own.toSorted());
});

test('a value that cannot be is refused with its place', () => {
  for (const line of [
    'instructions: loud',
    'verbosity: 3',
    'discovery: maybe',
    'identity: { version: new }',
  ]) {
    expect(() => read(`${base}    ${line}\n`)).toThrow(/providers/);
  }
});

test('headers of the configuration reach the backend, in place of those of the same name', async () => {
  await using bench = await startBench({ provider: { headers: { Version: '1.2.3' } } });
  expect((await post(bench, '/v1/responses', { input: 'hi' })).status).toBe(200);
  expect(bench.backend.asked[0]!.headers.get('version')).toBe('1.2.3');
});
