import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browserCommand } from '../../src/cli/browser.ts';
import type { Host } from '../../src/cli/host.ts';
import { lineKeys } from '../../src/cli/input.ts';
import { run } from '../../src/cli/program.ts';
import { openHostState } from '../../src/cli/state.ts';
import { createGateway, schemasWith, type GatewayOptions } from '../../src/gateway.ts';
import type { AnyProviderKind } from '../../src/providers/provider.ts';
import { configSchema } from '../../src/config/schema.ts';
import { clubKind } from '../support/club-provider.ts';
import { startOAuthServer } from '../support/oauth-server.ts';
import { projectRoot } from '../support/program.ts';

const authorization = startOAuthServer();
afterAll(() => authorization.stop());

/** Members show a token of the authorization server, or a card. */
let shown: (string | null)[] = [];
const club = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch({ headers, url }) {
    const token = headers.get('authorization');
    shown.push(token);
    if (!/^Bearer (?:access-\d+|card-.*|sk-good)$/.test(token ?? ''))
      return new Response(null, { status: 401 });
    if (url.endsWith('/models')) return Response.json({ data: [{ id: 'm' }] });
    const message = { role: 'assistant', content: 'welcome' };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    return Response.json({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices });
  },
});
afterAll(() => club.stop(true));
const clubUrl = `http://127.0.0.1:${club.port}`;

const kinds = [clubKind(authorization.server) as unknown as AnyProviderKind];
const schemas = schemasWith(kinds);
const cwd = mkdtempSync(join(tmpdir(), 'dragoman-login-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const env = { DRAGOMAN_HOME: join(cwd, 'home') };

const configText = (more: object = {}) =>
  JSON.stringify({
    providers: [
      { name: 'club', type: 'club', base_url: clubUrl, ...more },
      { name: 'vendor', type: 'openai', base_url: clubUrl },
    ],
  });

beforeEach(() => {
  shown = [];
  authorization.asked = [];
  writeFileSync(join(cwd, 'dragoman.yaml'), configText());
});
afterEach(() => rmSync(env.DRAGOMAN_HOME, { recursive: true, force: true }));

interface Person {
  /** What the person types, or what stands in the input where that is no terminal. */
  readonly types?: string | ((stderr: string) => string | Promise<string>);
  readonly terminal?: boolean;
  /** What the person’s browser does with an address; without it there is none to be seen. */
  readonly browser?: (url: string) => unknown;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

async function dragoman(args: string[], person: Person = {}) {
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Host['stdout'] => ({
    write: (text) => void (told[name] += text),
    terminal: false,
    color: false,
  });
  const typed = async () =>
    typeof person.types === 'function' ? person.types(told.stderr) : (person.types ?? '');
  const asked: boolean[] = [];
  const host: Host = {
    env: { ...env, ...person.env },
    cwd: person.cwd ?? cwd,
    stdout: output('stdout'),
    stderr: output('stderr'),
    stdin: {
      terminal: person.terminal ?? false,
      text: typed,
      async ask(question, { hidden = false } = {}) {
        told.stderr += question;
        asked.push(hidden);
        return typed();
      },
    },
    async openBrowser(url) {
      void person.browser?.(url);
      return person.browser !== undefined;
    },
    onSignal: () => () => {},
    gateway: async () => ({
      createGateway: (options: GatewayOptions) => createGateway({ ...options, kinds }),
      providerSchemas: schemas,
    }),
  };
  const status = await run(args, host);
  return { status, ...told, asked };
}

const accounts = async (person: Person = {}): Promise<Record<string, unknown>[]> =>
  JSON.parse((await dragoman(['accounts', '--json'], person)).stdout) as Record<string, unknown>[];

/** Asks the club through a gateway on the same state. */
async function askClub(): Promise<number> {
  const host = { env, cwd } as unknown as Host;
  const state = await openHostState({}, host);
  const config = configSchema(schemas).parse(JSON.parse(configText()));
  const recorder = { record() {}, streamsOpen() {} };
  const gateway = createGateway({ config, version: 'test', recorder, metrics: () => '', state, kinds });
  const body = JSON.stringify({ model: 'club/m', messages: [{ role: 'user', content: 'hi' }] });
  const response = await gateway.fetch(
    new Request('http://127.0.0.1/v1/chat/completions', { method: 'POST', body }),
  );
  await response.text();
  await gateway.stop({ drainMs: 0 });
  await state.close();
  return response.status;
}

describe('through the browser', () => {
  test('of this machine: it comes back by itself, and the account serves', async () => {
    const { status, stdout, stderr } = await dragoman(['login', 'club'], { browser: (url) => fetch(url) });
    expect([status, stdout]).toEqual([0, 'logged in: me@club.example at club\n']);
    expect(stderr).toContain(`${authorization.server.authorizationUrl}?`);
    const [account] = await accounts();
    expect(account).toMatchObject({
      provider: 'club',
      name: 'me@club.example',
      kind: 'oauth',
      state: 'ready',
      profile: { plan: 'gold' },
    });
    expect(JSON.stringify(account)).not.toMatch(/access-|refresh-/);
    const token = `Bearer access-${authorization.count}`;
    expect(await askClub()).toBe(200);
    expect(shown.at(-1)).toBe(token);
  });

  test('the same person anew is the same account', async () => {
    await dragoman(['login', 'club'], { browser: (url) => fetch(url) });
    const { stdout } = await dragoman(['login', 'club', '--json'], { browser: (url) => fetch(url) });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'me@club.example', provider: 'club' });
    expect(await accounts()).toHaveLength(1);
    await dragoman(['login', 'club', '--name', 'other'], { browser: (url) => fetch(url) });
    expect((await accounts()).map(({ name }) => name)).toEqual(['me@club.example', 'other']);
  });

  test('that is refused there, says so and stores nothing', async () => {
    authorization.refuses = true;
    const { status, stderr } = await dragoman(['login', 'club'], { browser: (url) => fetch(url) });
    authorization.refuses = false;
    expect(status).toBe(1);
    expect(stderr).toContain('error: the login was refused: access denied');
    expect(await accounts()).toEqual([]);
  });

  test('whose port is in use, says which and what to do', async () => {
    writeFileSync(join(cwd, 'dragoman.yaml'), configText({ redirect_port: club.port }));
    const { status, stderr } = await dragoman(['login', 'club']);
    expect(status).toBe(1);
    expect(stderr).toContain(`port ${club.port}, which is in use`);
    expect(stderr).toContain('--no-browser');
  });

  test('of another machine: the address it ends on is pasted', async () => {
    const types = async (stderr: string) => {
      const url = /http:\S+\/authorize\S+/.exec(stderr)![0];
      const response = await fetch(url, { redirect: 'manual' });
      return `${response.headers.get('location')}\n`;
    };
    for (const terminal of [true, false]) {
      const { status, stdout } = await dragoman(['login', 'club', '--no-browser'], { types, terminal });
      expect([status, stdout]).toMatchObject([0, expect.stringContaining('me@club.example')]);
    }
    const { status, stderr } = await dragoman(['login', 'club', '--no-browser'], { types: 'what?!' });
    expect([status, stderr]).toMatchObject([1, expect.stringContaining('neither an address')]);
  });
});

test('by a code that is confirmed elsewhere', async () => {
  authorization.deviceAnswers = ['authorization_pending'];
  const { status, stdout, stderr } = await dragoman(['login', 'club', '--device']);
  expect([status, stdout]).toEqual([0, 'logged in: me@club.example at club\n']);
  expect(stderr).toContain('ABCD-EFGH');
  expect(stderr).toContain('http://127.0.0.1/activate');
  expect(authorization.asked).toHaveLength(2);
});

describe('from the file of another program', () => {
  test('it is taken over, and renewed when it is first needed', async () => {
    authorization.refreshTokens.add('theirs');
    writeFileSync(join(cwd, 'club.json'), JSON.stringify({ access: 'old', refresh: 'theirs' }));
    const { status } = await dragoman(['login', 'club', '--import', 'club.json']);
    expect(status).toBe(0);
    expect(await askClub()).toBe(200);
    expect(shown).not.toContain('Bearer old');
    expect(authorization.refreshTokens.has('theirs')).toBe(false);
  });

  test('one that is not there, or something else, is said', async () => {
    writeFileSync(join(cwd, 'other.json'), '{}');
    const gone = await dragoman(['login', 'club', '--import', 'gone.json']);
    expect([gone.status, gone.stderr]).toMatchObject([1, expect.stringContaining('gone.json: no such file')]);
    const other = await dragoman(['login', 'club', '--import', 'other.json']);
    expect([other.status, other.stderr]).toEqual([1, 'error: this is no club.json\n']);
  });
});

describe('with an API key', () => {
  const withKey = (key: string, ...flags: string[]) =>
    dragoman(['login', 'vendor', '--token-stdin', ...flags], { types: `${key}\n` });

  test('it is tried before it is stored, and the key is told nowhere', async () => {
    const { status, stdout, stderr } = await withKey('sk-good');
    expect([status, stdout]).toEqual([0, 'logged in: key-1 at vendor\n']);
    expect(stderr).toBe('Asking vendor for its models with it …\nIt is taken: 1 model.\n');
    expect(shown).toEqual(['Bearer sk-good']);
    expect(await accounts()).toMatchObject([{ provider: 'vendor', name: 'key-1', kind: 'api_key' }]);
  });

  test('one that is refused is not stored, unless nobody wants to know', async () => {
    const refused = await withKey('sk-bad');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('the upstream answered 401. Nothing was stored; --no-check');
    expect(await accounts()).toEqual([]);
    expect((await withKey('sk-bad', '--no-check')).status).toBe(0);
    expect(await accounts()).toHaveLength(1);
  });

  test('several keys are several accounts, the same key is the same one, a name replaces', async () => {
    await withKey('card-1');
    await withKey('card-2');
    expect((await withKey('card-1')).stdout).toBe('logged in anew: key-1 at vendor\n');
    await withKey('card-3', '--name', 'key-2');
    expect((await accounts()).map(({ name }) => name)).toEqual(['key-1', 'key-2']);
    expect((await dragoman(['logout', 'vendor', 'key-1'])).status).toBe(0);
    expect((await accounts()).map(({ name }) => name)).toEqual(['key-2']);
  });

  test('on a terminal it is asked for, and not shown', async () => {
    const { status, asked, stderr } = await dragoman(['login', 'vendor'], {
      terminal: true,
      types: 'sk-good',
    });
    expect([status, asked]).toEqual([0, [true]]);
    expect(stderr).toStartWith('Paste an API key (it is not shown): ');
  });

  test('nothing, or words, are no key', async () => {
    expect((await withKey('')).stderr).toBe('error: there was no API key\n');
    expect((await withKey('two words')).stderr).toBe('error: that is not an API key\n');
  });

  test('without a configuration file the provider starts from then on', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'dragoman-login-'));
    const person = { cwd: elsewhere, env: { OPENAI_BASE_URL: clubUrl } };
    const first = await dragoman(['models'], person);
    expect(first.stdout).not.toContain('openai/');
    const login = await dragoman(['login', 'openai', '--token-stdin'], { ...person, types: 'sk-good' });
    expect([login.status, login.stdout]).toEqual([0, 'logged in: key-1 at openai\n']);
    expect(login.stderr).toContain('may need a new start');
    const after = await dragoman(['models'], person);
    expect([after.stderr, after.stdout]).toMatchObject(['', expect.stringContaining('openai/m\n')]);
    rmSync(elsewhere, { recursive: true });
  });
});

describe('what cannot be', () => {
  test('a provider that is not there, or has nothing to log in to', async () => {
    const gone = await dragoman(['login', 'gone']);
    expect([gone.status, gone.stderr]).toEqual([
      1,
      'error: there is no provider gone; there are club, vendor, demo\n',
    ]);
    const demo = await dragoman(['login', 'demo']);
    expect([demo.status, demo.stderr]).toEqual([2, 'error: demo has no accounts to log in to\n']);
  });

  test('a way that the provider does not know: it is asked which it knows', async () => {
    writeFileSync(join(cwd, 'dragoman.yaml'), configText({ without: ['device'] }));
    const device = await dragoman(['login', 'club', '--device']);
    expect([device.status, device.stderr]).toEqual([
      2,
      'error: club does not log in like that; use no flag or --no-browser, or --import FILE (club.json of its own client), or --token-stdin (a membership card)\n',
    ]);
    const piped = await dragoman(['login', 'vendor']);
    expect([piped.status, piped.stderr]).toEqual([
      2,
      'error: vendor does not log in like that; use --token-stdin (an API key)\n',
    ]);
  });

  test.each([
    [['--device', '--token-stdin']],
    [['--no-browser', '--device']],
    [['--import', 'x', '--no-browser']],
    [['--name', 'two words']],
  ])('%j together is a wrong call', async (flags) => {
    const { status, stdout } = await dragoman(['login', 'club', ...flags]);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('an account of the configuration is not replaced', async () => {
    const provider = { name: 'vendor', type: 'openai', base_url: clubUrl, api_key: 'sk-good' };
    writeFileSync(join(cwd, 'dragoman.yaml'), JSON.stringify({ providers: [provider] }));
    const same = await dragoman(['login', 'vendor', '--token-stdin'], { types: 'sk-good' });
    expect([same.status, same.stderr]).toMatchObject([1, expect.stringContaining('as the account default')]);
    const named = await dragoman(['login', 'vendor', '--token-stdin', '--name', 'default'], {
      types: 'card-1',
    });
    expect([named.status, named.stderr]).toMatchObject([1, expect.stringContaining('choose another name')]);
  });
});

describe('what is typed', () => {
  test('ends with Enter, knows backspace, and passes over the marks of a paste', () => {
    const keys = lineKeys();
    expect(keys('\u001b[20')).toBeUndefined();
    expect(keys('0~sk-1')).toBeUndefined();
    expect(keys('2x\u007f3\u001b[201~')).toBeUndefined();
    expect(keys('\r')).toEqual({ line: 'sk-123' });
    expect(lineKeys()('abc\u0003')).toBe('given up');
  });

  test('on a real terminal is not shown there', async () => {
    const config = join(cwd, 'tty.json');
    const provider = { name: 'vendor', type: 'openai', base_url: clubUrl };
    writeFileSync(config, JSON.stringify({ providers: [provider] }));
    let screen = '';
    const decoder = new TextDecoder();
    const main = join(projectRoot, 'src/cli/main.ts');
    const child = Bun.spawn([process.execPath, main, 'login', 'vendor', '--config', config], {
      env: { PATH: process.env.PATH ?? '', HOME: cwd, TERM: 'xterm', ...env },
      terminal: {
        cols: 100,
        rows: 30,
        data(terminal, bytes) {
          const before = screen;
          screen += decoder.decode(bytes, { stream: true });
          if (!before.includes('(it is not shown): ') && screen.includes('(it is not shown): '))
            setTimeout(() => terminal.write('sk-goodx\u007f\r'), 10);
        },
      },
    });
    expect(await child.exited).toBe(0);
    expect(screen).toContain('logged in: key-1 at vendor');
    expect(screen).not.toContain('sk-good');
    expect(shown).toEqual(['Bearer sk-good']);
  });
});

describe('the browser', () => {
  const url = 'https://example.com/?a=1&b=2';
  test('is opened as the platform does, where there is one to be seen', () => {
    expect(browserCommand(url, 'darwin', {})).toEqual(['open', url]);
    expect(browserCommand(url, 'win32', {})).toEqual(['rundll32', 'url.dll,FileProtocolHandler', url]);
    expect(browserCommand(url, 'linux', { DISPLAY: ':0' })).toEqual(['xdg-open', url]);
    expect(browserCommand(url, 'linux', {})).toBeUndefined();
  });

  test('is given web addresses only', () => {
    expect(browserCommand('file:///etc/passwd', 'darwin', {})).toBeUndefined();
    expect(browserCommand('-a Calculator', 'darwin', {})).toBeUndefined();
  });
});
