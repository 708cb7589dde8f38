import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { loadConfig, type Flags } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { configOf, kinds, problemsOf } from './kinds.ts';

describe('what is wrong is said with its line, column and path', () => {
  test('several mistakes at once, in the order of the file', () => {
    const text = [
      'server:',
      '  prot: 5',
      '  port: "42"',
      'providers:',
      '  - name: openai',
      '    type: opnai',
      '  - name: two',
      '    type: openai',
      '    base_url: nonsense',
      '    api-key: sk-12345678',
      '    protocols: [openai-chta]',
      '  - type: openai',
      '  - name: two',
      '    type: demo',
      'modles: {}',
    ].join('\n');
    expect(problemsOf(text)).toEqual([
      'dragoman.yaml:2:3: server.prot: unknown key; did you mean "port"?',
      'dragoman.yaml:3:9: server.port: expected a number',
      'dragoman.yaml:6:11: providers[0].type: expected one of openai, anthropic, google, demo (did you mean "openai"?)',
      'dragoman.yaml:9:15: providers[1].base_url: not a URL such as https://host/path',
      'dragoman.yaml:10:5: providers[1].api-key: unknown key; did you mean "api_key"?',
      'dragoman.yaml:11:17: providers[1].protocols[0]: expected one of openai-chat, openai-responses (did you mean "openai-chat"?)',
      'dragoman.yaml:12:5: providers[2].name: required',
      'dragoman.yaml:13:11: providers[3].name: is already the name of providers[1]',
      'dragoman.yaml:15:1: modles: unknown key; did you mean "models"?',
    ]);
  });

  test('a key nothing is near to gets the list of known ones', () => {
    expect(problemsOf('log: { colour_scheme: x }')).toEqual([
      'dragoman.yaml:1:8: log.colour_scheme: unknown key; known are format, level',
    ]);
  });

  test('a problem behind an anchor points at what the alias refers to', () => {
    const text = 'providers:\n  - &one { name: a, type: openai, base_url: bad }\nmodels:\n  x: *one\n';
    expect(problemsOf(text)).toEqual([
      'dragoman.yaml:2:45: providers[0].base_url: not a URL such as https://host/path',
      'dragoman.yaml:4:6: models.x: expected a list',
    ]);
  });

  test.each([
    ['a: 1\na: 2\n', 'dragoman.yaml:2:1: this key is given twice'],
    ['store: "x\n', 'dragoman.yaml:2:1: something is missing here: a quote, a comma or a closing bracket'],
    ['a: 1\n---\nb: 2\n', 'dragoman.yaml:2:1: only one document is allowed in the file'],
    ['- 1\n', 'dragoman.yaml:1:1: expected a mapping'],
    ['text', 'dragoman.yaml:1:1: expected a mapping'],
    ['store: *gone\n', 'dragoman.yaml:1:8: store: no anchor has that name'],
    ['models: &a\n  x: *a\n', 'dragoman.yaml:2:6: models.x: an alias cannot stand within what it refers to'],
    ['providers: { a: 1 }\n', 'dragoman.yaml:1:12: providers: expected a list'],
  ])('%j', (text, problem) => {
    expect(problemsOf(text)[0]).toStartWith(problem);
  });

  test('a file that multiplies itself by aliases is refused', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((k, i) => `${k}: &${k} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`),
    ];
    expect(problemsOf(bomb.join('\n'))).toEqual(['dragoman.yaml:1:1: too many aliases']);
  });
});

describe('secrets stay out of messages', () => {
  const secret = 'sk-live-0123456789abcdef';
  test.each([
    [`providers: [{ name: a, type: openai, api_key: [${secret}] }]`],
    [`providers: [{ name: a, type: openai, api_key:${secret} }]`],
    [`providers: [{ name: a, type: openai, ${secret}: x }]`],
    [`providers:\n  - name: a\n    type: openai\n    api_key: "${secret}\n`],
    [`providers:\n  - name: a\n    type: openai\n    api_key: ${secret}: x\n`],
    [`providers:\n  - name: a\n    type: openai\n   api_key: ${secret}\n`],
    [`providers:\n  - name: a\n    type: ${secret}\n`],
    [`providers:\n  - name: a\n    type: openai\n    api_key: @${secret}\n`],
    [`providers:\n  - name: a\n    type: openai\n    api_key: *${secret}\n`],
    [`providers:\n  - name: a\n    type: openai\n    api_key: !${secret} x\n    b: 1`],
  ])('%j', (text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n')).not.toContain(secret.slice(8));
  });

  test('the value of a variable is not shown when it is refused', () => {
    const problems = problemsOf('providers: [{ name: a, type: openai, base_url: "${SECRET_URL}" }]', {
      env: { SECRET_URL: secret },
    });
    expect(problems).toEqual([
      'dragoman.yaml:1:48: providers[0].base_url: not a URL such as https://host/path (from ${SECRET_URL})',
    ]);
  });
});

describe('${NAME}', () => {
  test('is replaced in strings, whole or in part', () => {
    const text = 'providers: [{ name: a, type: openai, api_key: "${KEY}", base_url: "https://${HOST}/v1" }]';
    const [entry] = configOf(text, { env: { KEY: 'k', HOST: 'up.test' } }).providers;
    expect([entry!.api_key, entry!.base_url]).toEqual(['k', 'https://up.test/v1']);
  });

  test('serves where a number or a boolean is asked for', () => {
    const text =
      'server:\n  port: ${PORT}\n  idle_ms: ${IDLE:-5000}\nproviders:\n  - { name: a, type: openai, timeout_ms: "${T}", verify: "${V}" }\n';
    const config = configOf(text, { env: { PORT: '4300', T: '70', V: 'false' } });
    expect([config.server.port, config.server.idle_ms]).toEqual([4300, 5000]);
    expect([config.providers[0]!.timeout_ms, config.providers[0]!.verify]).toEqual([70, false]);
  });

  test('stays text where text is asked for', () => {
    const [entry] = configOf('providers:\n  - name: a\n    type: openai\n    api_key: ${KEY}\n', {
      env: { KEY: '12345' },
    }).providers;
    expect(entry!.api_key).toBe('12345');
  });

  test('a number that is none names the variable', () => {
    expect(problemsOf('server:\n  port: ${PORT}', { env: { PORT: '12x' } })).toEqual([
      'dragoman.yaml:2:9: server.port: expected a number (from ${PORT})',
    ]);
    expect(problemsOf('server:\n  port: ${PORT}', { env: { PORT: '70000' } })).toEqual([
      'dragoman.yaml:2:9: server.port: must be at most 65535 (from ${PORT})',
    ]);
  });

  test('a variable that is not set is an error with its name and line', () => {
    expect(problemsOf('providers:\n  - name: a\n    type: openai\n    api_key: ${NOT_SET}\n')).toEqual([
      'dragoman.yaml:4:14: providers[0].api_key: the environment variable NOT_SET is not set',
    ]);
  });

  test('one that is set and empty is an empty text', () => {
    expect(
      problemsOf('providers:\n  - name: a\n    type: openai\n    api_key: ${KEY}\n', { env: { KEY: '' } }),
    ).toEqual(['dragoman.yaml:4:14: providers[0].api_key: must not be empty (from ${KEY})']);
  });

  test('in brackets without quotes the error says what to do', () => {
    expect(
      problemsOf('providers: [{ name: a, type: openai, api_key: ${KEY} }]', { env: { KEY: 'k' } })[0],
    ).toEndWith('between { } and [ ] a reference must be quoted: "${NAME}"');
  });

  test('in a key or a comment it means nothing', () => {
    expect(configOf('# ${NOT_SET}\nmodels:\n  "${NOT_SET}": [demo/echo]\n').models['${NOT_SET}']).toEqual([
      { target: 'demo/echo' },
    ]);
  });
});

describe('what overrides what', () => {
  const text = 'server: { port: 1 }\nfidelity: warn\nlog: { format: json }\n';

  test('the environment overrides the file, and flags override both', () => {
    const env = {
      DRAGOMAN_PORT: '2',
      DRAGOMAN_FIDELITY: 'strict',
      DRAGOMAN_STORE: 'sqlite:x.db',
      DRAGOMAN_LOG_FORMAT: 'auto',
    };
    const config = configOf(text, { env });
    expect([config.server.port, config.fidelity, config.store, config.log.format]).toEqual([
      2,
      'strict',
      'sqlite:x.db',
      'auto',
    ]);
    const flagged = configOf(text, { env, flags: { port: 0, host: 'localhost', logFormat: 'pretty' } });
    expect([flagged.server.port, flagged.server.host, flagged.log.format]).toEqual([
      0,
      'localhost',
      'pretty',
    ]);
  });

  test('the environment overrides the settings of providers, by their names', () => {
    const text = [
      'providers:',
      '  - { name: eu, type: openai, api_key: a, headers: { x-a: b } }',
      '  - { name: eu-two, type: openai, api_key: a }',
    ].join('\n');
    const { providers } = configOf(text, {
      env: {
        DRAGOMAN_PROVIDER_EU_BASE_URL: 'https://eu.test',
        DRAGOMAN_PROVIDER_EU_VERIFY: 'true',
        DRAGOMAN_PROVIDER_EU_HEADERS: '{"x-org":"me"}',
        DRAGOMAN_PROVIDER_EU_TWO_TIMEOUT_MS: '7',
        DRAGOMAN_PROVIDER_EU_TWO_HEADERS__ORG: '1',
        DRAGOMAN_PROVIDER_OTHER_VERIFY: 'no',
      },
    });
    expect(providers).toMatchObject([
      { name: 'eu', base_url: 'https://eu.test', verify: true, headers: { 'x-org': 'me' } },
      { name: 'eu-two', timeout_ms: 7, headers: { org: '1' } },
      { name: 'demo' },
    ]);
    expect(providers[0]).not.toMatchObject({ headers: { 'x-a': 'b' } });
    const env = { DRAGOMAN_PROVIDER_EU_TIMEOUT_MS: 'soon', DRAGOMAN_PROVIDER_EU_NOTHING: 'x' };
    expect(problemsOf(text, { env })).toEqual([
      expect.stringContaining('DRAGOMAN_PROVIDER_EU_TIMEOUT_MS'),
      expect.stringContaining('nothing'),
    ]);
  });

  test('an empty variable overrides nothing', () => {
    expect(configOf(text, { env: { DRAGOMAN_PORT: '' } }).server.port).toBe(1);
  });

  test('a wrong override is told of by its own name', () => {
    const env = { DRAGOMAN_PORT: 'abc', DRAGOMAN_FIDELITY: 'strct' };
    expect(problemsOf(text, { env, flags: { host: '' } }).map((line) => line.slice(0, 45))).toEqual([
      '--host: server.host: must not be empty',
      'DRAGOMAN_PORT: server.port: expected a number',
      'DRAGOMAN_FIDELITY: fidelity: expected one of warn, strict'.slice(0, 45),
    ]);
  });
});

describe('where the configuration is found', () => {
  const root = mkdtempSync(join(tmpdir(), 'dragoman-config-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const file = (path: string, port: number): string => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), `server: { port: ${port} }`);
    return join(root, path);
  };
  const load = (env: Record<string, string>, flags: Flags = {}, cwd = join(root, 'cwd')) =>
    loadConfig({ kinds, env, flags, cwd });
  const portOf = (loaded: ReturnType<typeof load>): number | undefined =>
    loaded.ok ? loaded.config.server.port : undefined;

  test('--config, $DRAGOMAN_CONFIG, the working directory, then the user’s own', () => {
    mkdirSync(join(root, 'cwd'));
    const env: Record<string, string> = { HOME: join(root, 'home') };
    expect(load(env)).toMatchObject({ ok: true, file: undefined });
    file('home/.config/dragoman/dragoman.yaml', 1);
    expect(portOf(load(env))).toBe(1);
    env.XDG_CONFIG_HOME = join(root, 'xdg');
    file('xdg/dragoman/dragoman.yaml', 2);
    expect(portOf(load(env))).toBe(2);
    file('cwd/dragoman.yaml', 3);
    expect(load(env)).toMatchObject({ ok: true, file: 'dragoman.yaml', config: { server: { port: 3 } } });
    env.DRAGOMAN_CONFIG = file('by-env.yaml', 4);
    expect(portOf(load(env))).toBe(4);
    file('cwd/by-flag.yaml', 5);
    expect(portOf(load(env, { config: 'by-flag.yaml' }))).toBe(5);
  });

  test('a file that was asked for must be there and readable', () => {
    const problems = (loaded: ReturnType<typeof load>) =>
      loaded.ok ? [] : loaded.problems.map(formatProblem);
    expect(problems(load({}, { config: 'gone.yaml' }))).toEqual(['gone.yaml: no such file']);
    expect(problems(load({ DRAGOMAN_CONFIG: root }))).toEqual([`${root}: is a directory`]);
  });

  test('without a file, keys in the environment switch on their providers', () => {
    const empty = join(root, 'empty');
    mkdirSync(empty);
    const env = {
      OPENAI_API_KEY: 'sk-o',
      ANTHROPIC_API_KEY: 'sk-a',
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
      GEMINI_API_KEY: 'AIza-g',
    };
    const loaded = load(env, {}, empty);
    expect(
      loaded.ok &&
        loaded.config.providers.map(({ name, type, base_url, api_key }) => [name, type, base_url, api_key]),
    ).toEqual([
      ['openai', 'openai', 'https://api.openai.com/v1', 'sk-o'],
      ['anthropic', 'anthropic', 'http://127.0.0.1:1', 'sk-a'],
      ['google', 'google', 'https://generativelanguage.googleapis.com', 'AIza-g'],
      ['demo', 'demo', undefined, undefined],
    ]);
    // One that somebody has logged in to needs no key; one whose type is not known, or wants more, does not start.
    const loggedIn = ['anthropic', 'google', 'strict', 'gone'];
    const strict = z.strictObject({ name: z.string(), type: z.literal('strict'), base_url: z.url() });
    const withLogins = loadConfig({
      kinds: { ...kinds, strict },
      env: { ANTHROPIC_API_KEY: 'sk-a', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:2' },
      cwd: empty,
      loggedIn,
    });
    expect(
      withLogins.ok &&
        withLogins.config.providers.map(({ name, base_url, api_key }) => [name, base_url, api_key]),
    ).toEqual([
      ['anthropic', 'https://api.anthropic.com', 'sk-a'],
      ['google', 'http://127.0.0.1:2', undefined],
      ['demo', undefined, undefined],
    ]);
    const wrong = load({ OPENAI_API_KEY: 'sk-o', OPENAI_BASE_URL: 'nope' }, {}, empty);
    expect(!wrong.ok && wrong.problems.map(formatProblem)).toEqual([
      'OPENAI_BASE_URL: providers[0].base_url: not a URL such as https://host/path',
    ]);
  });
});
