import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../src/cli/host.ts';
import { run } from '../../src/cli/program.ts';
import manifest from '../../package.json' with { type: 'json' };
import { stubGateway } from './stub-gateway.ts';

const cwd = mkdtempSync(join(tmpdir(), 'dragoman-cli-'));
afterAll(() => rmSync(cwd, { recursive: true }));

async function dragoman(args: string[], env: Record<string, string> = {}, more: Partial<Host> = {}) {
  const stub = stubGateway();
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Host['stdout'] => ({
    write: (text) => void (told[name] += text),
    terminal: false,
    color: false,
  });
  const host: Host = {
    env: { DRAGOMAN_HOME: join(cwd, 'home'), ...env },
    cwd,
    stdout: output('stdout'),
    stderr: output('stderr'),
    stdin: { terminal: false, text: async () => '', ask: async () => '' },
    openBrowser: async () => false,
    onSignal: () => () => {},
    gateway: async () => stub,
    ...more,
  };
  const status = await run(args, host);
  return { status, ...told, stops: stub.stops };
}

const file = (name: string, text: string): string => {
  writeFileSync(join(cwd, name), text);
  return name;
};

describe('help', () => {
  test.each([
    [[]],
    [['serve']],
    [['models']],
    [['config']],
    [['config', 'check']],
    [['config', 'schema']],
    [['config', 'import']],
    [['version']],
    [['service']],
    [['service', 'install']],
    [['service', 'print']],
  ])('of %j has an example and succeeds', async (command) => {
    const { status, stdout, stderr } = await dragoman([...command, '--help']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\nExample:\n {2}\$ dragoman /);
    expect(stdout).not.toContain('\u001b');
  });
});

describe('a wrong call has status 2 and says why on stderr', () => {
  test.each([
    [[], 'Usage: dragoman'],
    [['sevre'], 'Did you mean serve?'],
    [['serve', '--prot', '1'], 'Did you mean --port?'],
    [['serve', '--port', 'abc'], 'must be a number from 0 to 65535'],
    [['serve', '--port', '70000'], 'must be a number from 0 to 65535'],
    [['serve', '--log-format', 'xml'], 'Allowed choices are auto, json, pretty'],
    [['serve', 'extra'], 'too many arguments'],
    [['config'], 'Usage: dragoman config'],
  ])('%j', async (args, why) => {
    const { status, stdout, stderr } = await dragoman(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(why);
  });
});

describe('version', () => {
  test('for people and as JSON', async () => {
    expect((await dragoman(['version'])).stdout).toStartWith(`dragoman ${manifest.version} (bun `);
    expect(JSON.parse((await dragoman(['version', '--json'])).stdout)).toEqual({
      commit: null,
      version: manifest.version,
      bun: Bun.version,
      platform: process.platform,
      arch: process.arch,
    });
    expect((await dragoman(['--version'])).stdout).toBe(`${manifest.version}\n`);
  });
});

describe('config import', () => {
  const litellm =
    'model_list: [{ model_name: fast, litellm_params: { model: openai/m, api_key: sk-1, timeout: 3 } }]';

  test('prints a configuration, and what it does not hold', async () => {
    const { status, stdout, stderr } = await dragoman(['config', 'import', file('litellm.yaml', litellm)]);
    expect(status).toBe(0);
    expect(stdout).toContain('- name: openai\n    type: openai\n    api_key: sk-1');
    expect(stderr).toStartWith('note: model_list[0].litellm_params.timeout: has no counterpart here');
  });

  test('writes a file that is its owner’s alone and that the gateway takes, and replaces none', async () => {
    const all = litellm.replace('openai/m', 'openai/*');
    const args = ['config', 'import', file('litellm.yaml', all), '-o', 'imported.yaml'];
    expect(await dragoman(args)).toMatchObject({
      status: 0,
      stdout: 'made imported.yaml from the litellm configuration litellm.yaml\n',
    });
    expect(statSync(join(cwd, 'imported.yaml')).mode & 0o777).toBe(0o600);
    expect(await dragoman(['config', 'check', 'imported.yaml'])).toMatchObject({ status: 0, stderr: '' });
    expect(await dragoman(args)).toMatchObject({
      status: 1,
      stderr: 'error: imported.yaml exists already; choose another name, or move it away first\n',
    });
  });

  test('says what a file is not, and what is still to be mended', async () => {
    expect(await dragoman(['config', 'import', file('strange.yaml', 'a: 1')])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('strange.yaml cannot be imported: it is of none of these programs'),
    });
    const unset = litellm.replace('sk-1', 'os.environ/NOT_SET');
    expect(await dragoman(['config', 'import', file('unset.yaml', unset)])).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('the environment variable NOT_SET is not set'),
    });
  });
});

describe('config check', () => {
  test('says what a right file holds', async () => {
    const name = file('right.yaml', 'providers: [{ name: a, type: openai }]\nmodels: { x: [a/b] }\n');
    expect(await dragoman(['config', 'check', name])).toMatchObject({
      status: 0,
      stdout: 'ok: right.yaml (2 providers, 1 alias)\n',
      stderr: '',
    });
  });

  test('says everything that is wrong with a wrong one', async () => {
    const name = file('wrong.yaml', 'sever: {}\nfidelity: strct\n');
    const { status, stdout, stderr } = await dragoman(['config', 'check', name]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr.split('\n')).toEqual([
      'wrong.yaml:1:1: sever: unknown key; did you mean "server"?',
      'wrong.yaml:2:11: fidelity: expected one of warn, strict (did you mean "strict"?)',
      '',
    ]);
    expect(JSON.parse((await dragoman(['config', 'check', name, '--json'])).stdout)).toEqual({
      ok: false,
      file: 'wrong.yaml',
      problems: [
        {
          source: 'wrong.yaml',
          line: 1,
          column: 1,
          path: 'sever',
          message: 'unknown key; did you mean "server"?',
        },
        {
          source: 'wrong.yaml',
          line: 2,
          column: 11,
          path: 'fidelity',
          message: 'expected one of warn, strict (did you mean "strict"?)',
        },
      ],
    });
  });

  test('without a file checks what the environment offers', async () => {
    const { status, stdout } = await dragoman(['config', 'check'], { OPENAI_API_KEY: 'k' });
    expect([status, stdout]).toEqual([
      0,
      'ok: no dragoman.yaml, so the environment alone (2 providers, 0 aliases)\n',
    ]);
    expect(await dragoman(['config', 'check', 'gone.yaml'])).toMatchObject({
      status: 1,
      stderr: 'gone.yaml: no such file\n',
    });
  });
});

test('config schema prints JSON Schema', async () => {
  const { status, stdout } = await dragoman(['config', 'schema']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ title: 'dragoman.yaml', type: 'object' });
});

describe('models', () => {
  test('are listed as they are asked for, one a line, without control characters', async () => {
    const { status, stdout, stops } = await dragoman(['models'], { OPENAI_API_KEY: 'k' });
    expect([status, stdout, stops]).toEqual([0, 'openai/m\\u001b[31m1\ndemo/m\\u001b[31m1\n', [0]]);
  });

  test('as JSON', async () => {
    const { stdout } = await dragoman(['models', '--json']);
    expect(JSON.parse(stdout)).toEqual([{ id: 'm\u001b[31m1', provider: 'demo' }]);
  });

  test('a provider that cannot be asked is named, and the others are still listed', async () => {
    const name = file('down.yaml', 'providers: [{ name: down, type: openai }]');
    const { status, stdout, stderr } = await dragoman(['models', '--config', name]);
    expect([status, stderr]).toEqual([1, 'could not ask down for its models\n']);
    expect(stdout).toContain('demo/');
  });
});

test('serve with a wrong configuration fails before it listens', async () => {
  const name = file('bad.yaml', 'server: { port: none }');
  const { status, stderr } = await dragoman(['serve', '--config', name]);
  expect(status).toBe(1);
  expect(stderr).toStartWith('bad.yaml:1:17: server.port: ');
});

test('on a terminal, serve says how to try it, and with what where callers need a key', async () => {
  let shown = '';
  const stdout = { write: (text: string) => void (shown += text), terminal: true, color: false };
  const onSignal = (handler: () => void) => {
    setTimeout(handler, 50);
    return () => {};
  };
  const env = { DRAGOMAN_HOME: join(cwd, 'with-a-key') };
  const { status, stops } = await dragoman(['serve', '--port', '0'], env, { stdout, onSignal });
  expect([status, stops]).toEqual([0, [10_000]]);
  const url = /^listening on (http:\S+)$/m.exec(shown)?.[1];
  expect(shown).toContain(`curl -N ${url}/v1/chat/completions`);
  expect(shown).toContain('"model":"demo/echo"');
  expect(shown).not.toContain('need a key');
  shown = '';
  await dragoman(['keys', 'create', 'me'], env);
  await dragoman(['serve', '--port', '0'], env, { stdout, onSignal });
  expect(shown).toContain('callers need a key: `dragoman keys create NAME` makes one');
  expect(shown).toContain("-H 'authorization: Bearer KEY'");
});
