import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { jsonc } from '../../src/cli/clients/jsonc.ts';
import { clientNames, type ClientName } from '../../src/cli/clients/names.ts';
import { eventually } from '../support/eventually.ts';
import { startServe, type Program } from '../support/program.ts';
import { newPerson, type Person } from './setup-host.ts';

/** Programs are started, on machines that have other things to do too. */
setDefaultTimeout(60_000);

let person: Person;
beforeEach(() => {
  person = newPerson();
});
afterEach(() => person.remove());

/** A client's main file, as somebody keeps it. */
const kept: Record<ClientName, readonly [path: string, text: string]> = {
  'claude-code': [
    '.claude/settings.json',
    '{\n\t"permissions": { "allow": ["Bash(ls:*)"] },\n\t"env": {\n\t\t"EDITOR": "vi",\n\t\t"ANTHROPIC_BASE_URL": "https://old.example" // before\n\t},\n\t"theme": "dark",\n}\n',
  ],
  codex: [
    '.codex/config.toml',
    '# mine\nmodel = "gpt-5.5" # best\napproval_policy = "on-request"\n\n[mcp_servers.docs]\ncommand = "npx"\nargs = ["-y", "docs"]\n\n[profiles.fast]\nmodel = "x"\n',
  ],
  opencode: [
    '.config/opencode/opencode.json',
    '{\r\n  "$schema": "https://opencode.ai/config.json",\r\n  /* look */ "theme": "nord",\r\n  "provider": {"mine": {"npm": "x"}}\r\n}',
  ],
  gemini: ['.gemini/.env', '# variables\nexport EDITOR=vi\nGEMINI_API_KEY="old-secret-key" # mine\n'],
};

const key = /drg_[a-z0-9]{8}_[A-Za-z0-9]{32}/;
const setup = (client: ClientName, ...more: string[]) => person.dragoman(['setup', client, '--yes', ...more]);
const undo = (client: ClientName) => person.dragoman(['setup', client, '--undo']);
const keysInForce = async (): Promise<string[]> => {
  const { stdout } = await person.dragoman(['keys', 'list', '--json']);
  if (stdout === '') return [];
  const keys = JSON.parse(stdout) as { name: string; revoked: string | null }[];
  return keys.filter(({ revoked }) => revoked === null).map(({ name }) => name);
};

describe.each([...clientNames])('%s', (client) => {
  const [path, text] = kept[client];

  test('gets its settings, a key of its own, and nothing else changes', async () => {
    person.write(path, text);
    const { status, stdout } = await setup(client);
    expect(status).toBe(0);
    expect(stdout).toContain('demo/tools');
    expect(stdout).not.toMatch(key);
    expect(stdout).not.toContain('old-secret-key');
    const now = person.read(path);
    expect(now).toMatch(key);
    expect(now).toContain(`http://127.0.0.1:${person.env.DRAGOMAN_PORT}`);
    expect(person.mode(path)).toBe('600');
    // Lines that are not ours stand as they stood, in their order.
    const strange = text
      .split('\n')
      .filter((line) => !/BASE_URL|API_KEY|^model =|theme|"provider"/.test(line) && line !== '');
    let at = 0;
    for (const line of strange) {
      const found = now.indexOf(line.replace(/\r$/, ''), at);
      expect([line, found >= at]).toEqual([line, true]);
      at = found;
    }
    expect(await keysInForce()).toEqual([client]);
  });

  test.each([
    ['that was there', true],
    ['that was not there', false],
  ])('undoing brings back to the byte a file %s, after one setup and after two', async (_, isThere) => {
    if (isThere) person.write(path, text, 0o640);
    const before = person.snapshot();
    for (const times of [1, 2]) {
      for (let i = 0; i < times; i++)
        expect((await setup(client, ...(i === 1 ? ['--model', 'demo/echo'] : []))).status).toBe(0);
      expect(person.snapshot()).not.toEqual(before);
      const { status, stdout } = await undo(client);
      expect(status).toBe(0);
      expect(stdout).toContain('revoked the key drg_');
      expect(person.snapshot()).toEqual(before);
      expect(await keysInForce()).toEqual([]);
    }
    expect((await undo(client)).status).toBe(1);
  });

  test('what was edited since is not thrown away by undoing', async () => {
    person.write(path, text);
    await setup(client);
    const edit = path.endsWith('json')
      ? (now: string) => now.replace('{', '{ "edited": true,')
      : (now: string) => `# edited\n${now}`;
    person.write(path, edit(person.read(path)));
    const { status, stdout } = await undo(client);
    expect(status).toBe(0);
    expect(stdout).toContain('edited since, so that it cannot be brought back to the byte');
    const now = person.read(path);
    expect(now).toContain('edited');
    expect(now).not.toMatch(key);
    expect(now).not.toContain('127.0.0.1');
    if (path.endsWith('json')) expect(jsonc.parse(now)).toEqual({ edited: true, ...jsonc.parse(text) });
    else expect(now).toBe(edit(text).replace('"old-secret-key"', 'old-secret-key'));
  });

  test('a second setup of an edited file keeps the edit, and so does undoing it', async () => {
    person.write(path, text);
    await setup(client);
    const edit = path.endsWith('json')
      ? (now: string) => now.replace('{', '{ "edited": true,')
      : (now: string) => `# edited\n${now}`;
    person.write(path, edit(person.read(path)));
    await setup(client, '--model', 'demo/echo');
    expect(person.read(path)).toContain('edited');
    await undo(client);
    expect(person.read(path)).toContain('edited');
    expect(person.read(path)).not.toMatch(key);
  });

  test('nothing is written into the project, or anywhere but the user’s own settings', async () => {
    const files = ['.claude/settings.json', '.codex/config.toml', 'opencode.json', '.gemini/.env', '.env'];
    for (const file of files) person.write(`project/${file}`, file.endsWith('json') ? '{}' : '');
    const before = person.snapshot();
    await setup(client);
    const changed = Object.keys(person.snapshot()).filter((file) => before[file] !== person.snapshot()[file]);
    expect(changed.filter((file) => file.startsWith('project'))).toEqual([]);
  });
});

describe('a setup', () => {
  test('asks first, and only writes when it is agreed to', async () => {
    const before = person.snapshot();
    const refused = await person.dragoman(['setup', 'codex'], ['n']);
    expect([refused.status, person.snapshot()]).toEqual([1, before]);
    expect(refused.stdout).toContain('+model_provider = "dragoman"');
    expect(await keysInForce()).toEqual([]);
    expect((await person.dragoman(['setup', 'codex'], [''])).status).toBe(0);
    expect(person.read('.codex/config.toml')).toMatch(key);
  });

  test('without a terminal shows what it would write, and needs --yes', async () => {
    const before = person.snapshot();
    const { status, stdout, stderr } = await person.dragoman(['setup', 'gemini']);
    expect([status, person.snapshot()]).toEqual([1, before]);
    expect(stdout).toContain('+GOOGLE_GEMINI_BASE_URL=');
    expect(stderr).toContain('--yes');
    expect(await keysInForce()).toEqual([]);
    const told = await person.dragoman(['setup', 'gemini', '--json']);
    expect(JSON.parse(told.stdout)).toMatchObject({ client: 'gemini', written: false, key: null });
  });

  test('that asks for a model that nobody has writes nothing and keeps no key', async () => {
    const before = person.snapshot();
    const { status, stderr } = await setup('claude-code', '--model', 'demo/nothing');
    expect([status, person.snapshot()]).toEqual([1, before]);
    expect(stderr).toContain('asking demo/nothing through the gateway gave 404');
    expect(await keysInForce()).toEqual([]);
    expect((await setup('claude-code', '--model', 'demo/nothing', '--no-check')).status).toBe(0);
  });

  test('a second one keeps the key and the model; --rotate makes a new key and takes the old one back', async () => {
    await setup('codex', '--model', 'demo/echo');
    const first = key.exec(person.read('.codex/config.toml'))![0];
    const again = await setup('codex');
    expect(again.stdout).toContain('was set up like that already');
    expect(person.read('.codex/config.toml')).toContain(first);
    expect(person.read('.codex/config.toml')).toContain('model = "demo/echo"');
    await setup('codex', '--rotate');
    expect(person.read('.codex/config.toml')).not.toContain(first);
    expect(await keysInForce()).toEqual(['codex']);
  });

  test('a setting that the person has changed since stays when it is undone', async () => {
    await setup('codex');
    person.write(
      '.codex/config.toml',
      person.read('.codex/config.toml').replace('model = "demo/tools"', 'model = "mine"'),
    );
    const { stderr } = await undo('codex');
    expect(stderr).toContain('changed since and left: model');
    expect(person.read('.codex/config.toml').trim()).toBe('model = "mine"');
  });

  test.each([
    ['claude-code', '.claude/settings.json', '{ "env": '],
    ['claude-code', '.claude/settings.json', '{ "env": "x" }'],
    ['codex', '.codex/config.toml', 'model_providers = { a = { name = "x" } }\n'],
    ['codex', '.codex/config.toml', 'model = \n'],
    ['opencode', '.config/opencode/opencode.jsonc', '[1]'],
    ['gemini', '.gemini/settings.json', '{ "security": [] }'],
  ] as const)('%s with a %s that reads %j is refused, and touches nothing', async (client, path, text) => {
    person.write(path, text);
    const before = person.snapshot();
    const { status, stderr } = await setup(client);
    expect([status, person.snapshot()]).toEqual([1, before]);
    expect(stderr).toContain(path);
    expect(await keysInForce()).toEqual([]);
  });

  test('a file behind a link is changed where it is, and the link stays', async () => {
    const real = person.write('dotfiles/claude.json', '{}\n');
    mkdirSync(join(person.home, '.claude'));
    symlinkSync(real, join(person.home, '.claude/settings.json'));
    const before = person.snapshot();
    await setup('claude-code');
    expect(lstatSync(join(person.home, '.claude/settings.json')).isSymbolicLink()).toBe(true);
    expect(person.read('dotfiles/claude.json')).toMatch(key);
    await undo('claude-code');
    expect(person.snapshot()).toEqual(before);
  });

  test('follows the folders that the clients are told of', async () => {
    Object.assign(person.env, {
      CLAUDE_CONFIG_DIR: join(person.home, 'c'),
      CODEX_HOME: join(person.home, 'x'),
      XDG_CONFIG_HOME: join(person.home, 'o'),
    });
    for (const client of ['claude-code', 'codex', 'opencode'] as const) await setup(client);
    for (const path of ['c/settings.json', 'x/config.toml', 'o/opencode/opencode.jsonc'])
      expect(person.read(path)).toMatch(key);
  });

  test('a key that was made elsewhere is taken from standard input, and not taken back', async () => {
    const made = await person.dragoman(['keys', 'create', 'elsewhere']);
    const secret = made.stdout.trim();
    const { status } = await person.dragoman(['setup', 'codex', '--yes', '--key-stdin'], [secret]);
    expect(status).toBe(0);
    expect(person.read('.codex/config.toml')).toContain(secret);
    await undo('codex');
    expect(await keysInForce()).toEqual(['elsewhere']);
  });

  test('something else at the port is not taken for a gateway', async () => {
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hello') });
    person.env.DRAGOMAN_PORT = String(other.port);
    const { status, stderr } = await setup('codex');
    expect([status, stderr]).toEqual([
      1,
      `error: what listens at http://127.0.0.1:${other.port} is no Dragoman; say where it is with --url\n`,
    ]);
    const gone = await setup('codex', '--url', 'http://127.0.0.1:1');
    expect(gone.stderr).toContain('nobody answers at http://127.0.0.1:1');
    await other.stop(true);
  });
});

describe('with a gateway that runs', () => {
  let gateway: (Program & { readonly url: string }) | undefined;
  afterEach(async () => {
    await gateway?.remove();
    gateway = undefined;
  });
  const serve = async (env: Record<string, string>): Promise<void> => {
    gateway = await startServe({ env });
    person.env.DRAGOMAN_PORT = new URL(gateway.url).port;
  };

  test('the request goes through it, and the key is good there', async () => {
    await serve({ DRAGOMAN_HOME: person.env.DRAGOMAN_HOME! });
    const { status, stderr } = await setup('claude-code');
    expect([status, stderr]).toEqual([
      0,
      'note: from now on every caller of this gateway needs a key: `dragoman keys create NAME` makes one\n',
    ]);
    await gateway!.until(/"route":"\/v1\/messages"/);
    const token = key.exec(person.read('.claude/settings.json'))![0];
    const ask = (shown: string): Promise<Response> =>
      fetch(`${gateway!.url}/v1/models`, { headers: { authorization: `Bearer ${shown}` } });
    const answers = async (shown: string, status: number): Promise<void> => {
      await eventually(async () => (await ask(shown)).status === status);
    };
    await answers('drg_nobody', 401);
    await answers(token, 200);
    await undo('claude-code');
    await answers(token, 401);
  }, 60_000);

  test('one that keeps its state elsewhere does not know the key: nothing is written, and it says why', async () => {
    const elsewhere = newPerson();
    try {
      await elsewhere.dragoman(['keys', 'create', 'first']);
      await serve({ DRAGOMAN_HOME: elsewhere.env.DRAGOMAN_HOME! });
      const before = person.snapshot();
      const { status, stderr } = await setup('codex');
      expect([status, person.snapshot()]).toEqual([1, before]);
      expect(stderr).toContain('does not know the key');
      expect(await keysInForce()).toEqual([]);
    } finally {
      elsewhere.remove();
    }
  }, 60_000);
});
