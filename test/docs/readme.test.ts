/** Whatever the README shows is done here as it says, against a gateway that was started as it says. */
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { checkConfig } from '../../src/config/load.ts';
import { providerSchemas } from '../../src/gateway.ts';
import { demoModels } from '../../src/providers/demo/replies.ts';
import manifest from '../../package.json' with { type: 'json' };
import { newPerson } from '../cli/setup-host.ts';
import { hello } from '../gateway/setup.ts';
import { projectRoot, startProgram, startServe, type Program } from '../support/program.ts';
import { startReplay } from '../support/replay.ts';
import { blocksOf, readme, shellCommands, spans, tableOf } from './readme.ts';

setDefaultTimeout(60_000);

const address = 'http://127.0.0.1:4242';
let gateway: Program & { readonly url: string };
beforeAll(async () => {
  gateway = await startServe({ command: ['npm', 'start', '--'], cwd: projectRoot });
}, 60_000);
afterAll(() => gateway.remove());

/** A text of the README with the address at which the gateway of this test listens. */
const here = (text: string): string => text.replaceAll(address, gateway.url);

const kindOf = (command: string): string =>
  /^(?:[A-Z_]+=\S+ )*(curl|npm|claude|codex) /.exec(command)?.[1] ?? 'unknown';

describe('the shell blocks', () => {
  test('hold nothing but curl and npm, which are tried below, and agents, which `npm run dry-run` starts', () => {
    expect(shellCommands.filter((command) => kindOf(command) === 'unknown')).toEqual([]);
    expect(shellCommands.filter((command) => kindOf(command) === 'curl')).toHaveLength(4);
  });

  test('the address is the one that serve takes by itself', () => {
    const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
    const { host, port } = loaded.ok ? loaded.config.server : { host: '', port: 0 };
    expect(`http://${host}:${port}`).toBe(address);
    expect(readme.match(/127\.0\.0\.1:\d+/g)!.filter((found) => !/:(4242|11434)$/.test(found))).toEqual([]);
  });

  test.each(shellCommands.filter((command) => kindOf(command) === 'npm'))('%s is there', (command) => {
    const words = command.replace(/^(?:[A-Z_]+=\S+ )*npm /, '').split(' ');
    if (words[0] === 'install') return expect(manifest.dependencies.bun).toBeString();
    const name = words[0] === 'run' ? words[1]! : words[0]!;
    const script = (manifest.scripts as Record<string, string>)[name];
    expect(script).toBeString();
    const file = script!.split(' ').find((word) => word.endsWith('.ts'));
    expect(existsSync(join(projectRoot, file!))).toBe(true);
  });

  test('all npm scripts named in the text exist', () => {
    const named = spans.flatMap((span) => /^npm (?:run )?([a-z]+)/.exec(span)?.[1] ?? []);
    const known = new Set(['install', ...Object.keys(manifest.scripts)]);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(named).toContain('install');
  });
});

describe('the streams of the first minute', () => {
  const ends: Record<string, RegExp> = {
    '/v1/chat/completions': /data: \[DONE\]\n\n$/,
    '/v1/responses': /event: response\.completed\ndata: \{[^\n]*"status":"completed"[^\n]*\n\n$/,
    '/v1/messages': /event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/,
    '/v1beta/models/demo/echo:streamGenerateContent': /data: \{[^\n]*"finishReason":"STOP"[^\n]*\n\n$/,
  };
  const curls = shellCommands.filter((command) => command.startsWith('curl '));

  test('are one on each surface', () => {
    expect(curls.map((command) => new URL(/http:\S+/.exec(command)![0]).pathname)).toEqual(Object.keys(ends));
  });

  test.skipIf(Bun.which('curl') === null).each(curls)(
    '%s',
    async (command) => {
      const child = Bun.spawn(['sh', '-c', here(command)], { stdout: 'pipe', stderr: 'ignore' });
      const arrivedMs: number[] = [];
      let text = '';
      for await (const chunk of child.stdout) {
        arrivedMs.push(performance.now());
        text += new TextDecoder().decode(chunk);
      }
      expect(await child.exited).toBe(0);
      expect(text).toMatch(ends[new URL(/http:\S+/.exec(command)![0]).pathname]!);
      // What was asked comes back word by word: three pieces at least, and not all at once.
      const words = text.matchAll(/"(?:text|content|delta)":"([^"]*)"/g);
      const said = [...words].map((match) => match[1]).join('');
      expect(said).toContain(/"(?:content|input|text)":"([^"]+)"/.exec(command)![1]!);
      expect(arrivedMs.length).toBeGreaterThanOrEqual(3);
      expect(arrivedMs.at(-1)! - arrivedMs[0]!).toBeGreaterThan(30);
      // A busy machine reads several pieces at once now and then.
    },
    { retry: 5, timeout: 60_000 },
  );

  test('make an agent call the tool that is named, as they are told to', async () => {
    const agents = shellCommands.filter((command) => /^(?:claude|codex) /.test(command));
    expect(agents).toHaveLength(2);
    for (const command of agents) {
      const content = /'([^']+)'/.exec(command)![1]!;
      const name = /the (\w+) tool/.exec(content)![1]!;
      const parameters = {
        type: 'object',
        properties: { command: { type: 'string' } },
        required: ['command'],
      };
      const body = {
        model: 'demo/tools',
        messages: [{ role: 'user', content }],
        tools: ['another', name].map((each) => ({ type: 'function', function: { name: each, parameters } })),
      };
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify(body),
      });
      expect(await response.json()).toMatchObject({
        choices: [
          { message: { tool_calls: [{ function: { name, arguments: '{"command":"node --version"}' } }] } },
        ],
      });
    }
  });

  test('come from the models that are named', async () => {
    const { data } = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
    const ids = data.map(({ id }) => id).filter((id) => id.startsWith('demo/'));
    expect(ids.sort()).toEqual([...new Set(readme.match(/\bdemo\/[a-z]+/g))].sort());
    expect(ids).toHaveLength(Object.keys(demoModels).length);
  });
});

describe('keys in the environment', () => {
  const upstream = startReplay({ models: ['real-1'] });
  afterAll(() => upstream.stop());
  const variables = {
    OPENAI_API_KEY: 'openai-key-1234',
    ANTHROPIC_API_KEY: 'anthropic-key-1234',
    GEMINI_API_KEY: 'google-key-1234',
    OPENAI_BASE_URL: `${upstream.url}/v1`,
    ANTHROPIC_BASE_URL: upstream.url,
    GOOGLE_GEMINI_BASE_URL: upstream.url,
  };
  const post = (url: string, path: string, body: Record<string, unknown>): Promise<Response> =>
    fetch(url + path, { method: 'POST', body: JSON.stringify({ stream: true, ...body }) });

  test('serve real models, each with its own key', async () => {
    const names = shellCommands.find((command) => command.includes('_API_KEY='))!.match(/[A-Z]+_API_KEY/g)!;
    expect(names).toEqual(['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'GEMINI_API_KEY']);
    const real = await startServe({ env: variables });
    try {
      const { data } = (await (await fetch(`${real.url}/v1/models`)).json()) as { data: { id: string }[] };
      expect(data.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['openai/real-1', 'anthropic/real-1', 'google/real-1', 'demo/echo']),
      );
      upstream.reset();
      upstream.enqueue({ kind: 'stream', blocks: hello.responses.blocks, delivery: { split: 'event' } });
      const first = await post(real.url, '/v1/responses', { model: 'openai/real-1', input: 'hi' });
      expect(await first.text()).toContain('response.completed');
      upstream.enqueue({ kind: 'stream', blocks: hello.messages.blocks, delivery: { split: 'event' } });
      const messages = [{ role: 'user', content: 'hi' }];
      const second = await post(real.url, '/v1/chat/completions', { model: 'anthropic/real-1', messages });
      expect(await second.text()).toEndWith('data: [DONE]\n\n');
      upstream.enqueue({ kind: 'stream', blocks: hello.gemini.blocks, delivery: { split: 'event' } });
      const third = await post(real.url, '/v1/chat/completions', { model: 'google/real-1', messages });
      expect(await third.text()).toEndWith('data: [DONE]\n\n');
      expect(
        upstream.requests.map(({ path, json, headers }) => [
          path,
          json?.model,
          headers.get('authorization'),
          headers.get('x-api-key'),
          headers.get('x-goog-api-key'),
        ]),
      ).toEqual([
        ['/v1/responses', 'real-1', 'Bearer openai-key-1234', null, null],
        ['/v1/messages', 'real-1', null, 'anthropic-key-1234', null],
        ['/v1beta/models/real-1:streamGenerateContent', undefined, null, null, 'google-key-1234'],
      ]);
      expect(real.stdout()).not.toContain('key-1234');
    } finally {
      await real.remove();
    }
  });

  test.each([
    ['OPENAI', 'openai'],
    ['ANTHROPIC', 'anthropic'],
    ['GEMINI', 'google'],
  ] as const)('%s alone is enough', async (vendor, provider) => {
    const env = Object.fromEntries(Object.entries(variables).filter(([name]) => name.includes(vendor)));
    const program = startProgram({ args: ['models'], env });
    expect(await program.ended).toBe(0);
    expect(program.stdout().split('\n')[0]).toBe(`${provider}/real-1`);
    expect(program.stdout().split('\n').filter(Boolean)).toHaveLength(1 + Object.keys(demoModels).length);
    await program.remove();
  });
});

describe('the clients', () => {
  const code = (client: string): string =>
    tableOf('client')
      .find(([name]) => name === client)![1]!
      .replaceAll('`', '');

  test('the OpenAI SDK works as it is written', async () => {
    const make = new Function('OpenAI', `return ${here(code('OpenAI SDK'))}`) as (sdk: unknown) => OpenAI;
    const client = make(OpenAI);
    const input = { model: 'demo/echo', messages: [{ role: 'user' as const, content: 'from the SDK' }] };
    const chat = await client.chat.completions.create(input);
    expect(chat.choices[0]!.message.content).toBe('from the SDK');
    const response = await client.responses.create({ model: 'demo/echo', input: 'from the SDK' });
    expect(response.output_text).toBe('from the SDK');
  });

  test('the Anthropic SDK works as it is written', async () => {
    const make = new Function('Anthropic', `return ${here(code('Anthropic SDK'))}`) as (
      sdk: unknown,
    ) => Anthropic;
    const message = await make(Anthropic).messages.create({
      model: 'demo/echo',
      max_tokens: 64,
      messages: [{ role: 'user', content: 'from the SDK' }],
    });
    expect(message.content).toMatchObject([{ type: 'text', text: 'from the SDK' }]);
  });

  test('the Gen AI SDK works as it is written', async () => {
    const make = new Function('GoogleGenAI', `return ${here(code('Gen AI SDK'))}`) as (
      sdk: unknown,
    ) => GoogleGenAI;
    const { models } = make(GoogleGenAI);
    const reply = await models.generateContent({ model: 'demo/echo', contents: 'from the SDK' });
    expect(reply.text).toBe('from the SDK');
  });

  test('the addresses for Claude Code and Codex CLI lead to their surfaces', async () => {
    const claude = /ANTHROPIC_BASE_URL=(\S+)/.exec(here(code('Claude Code')))![1]!;
    const codex = /base_url = "([^"]+)"/.exec(here(code('Codex CLI')))![1]!;
    expect((await fetch(`${claude}/v1/messages`, { method: 'POST', body: '{}' })).status).toBe(400);
    expect((await fetch(`${codex}/responses`, { method: 'POST', body: '{}' })).status).toBe(400);
  });
});

describe('models', () => {
  const askFor = (model: string, path = '/v1/chat/completions'): Promise<Response> =>
    fetch(gateway.url + path, {
      method: 'POST',
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    });

  test('are found with their provider and by their bare name, at all providers and at one', async () => {
    expect((await askFor('demo/echo')).status).toBe(200);
    expect((await askFor('echo')).status).toBe(200);
    expect((await askFor('echo', '/demo/v1/chat/completions')).status).toBe(200);
  });

  test('an unknown name is a 404 that names those near it', async () => {
    const response = await askFor('demo/ecko');
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('near it: demo/echo');
  });

  test('are listed in Anthropic’s shape for those who send anthropic-version', async () => {
    const list = async (headers: Record<string, string>) =>
      (await fetch(`${gateway.url}/v1/models`, { headers })).json();
    expect(await list({})).toMatchObject({ object: 'list' });
    expect(await list({ 'anthropic-version': '2023-06-01' })).toMatchObject({ has_more: false });
  });
});

describe('the configuration', () => {
  const env = { OPENAI_API_KEY: 'k1', ANTHROPIC_API_KEY: 'k2' };
  const [yaml, ...others] = blocksOf('yaml');

  test('example is valid as it stands', () => {
    expect(others).toEqual([]);
    const loaded = checkConfig({ name: 'dragoman.yaml', text: yaml! }, { kinds: providerSchemas, env });
    if (!loaded.ok) return expect(loaded.problems).toEqual([]);
    const { providers, models } = loaded.config;
    expect(providers.map(({ name, type, api_key }) => [name, type, api_key])).toEqual([
      ['openai', 'openai', 'k1'],
      ['claude', 'anthropic', 'k2'],
      ['local', 'openai', undefined],
      ['demo', 'demo', undefined],
    ]);
    expect(models).toEqual({ fast: [{ target: 'openai/gpt-5.4-mini' }] });
  });

  test('table of provider types names those that there are', () => {
    const types = tableOf('provider type').map(([type]) => /`(\w+)`/.exec(type!)![1]);
    expect(types).toEqual(Object.keys(providerSchemas));
  });

  test('table names the protocols that type openai may speak', () => {
    const cell = tableOf('provider type').find(([type]) => type!.includes('`openai`'))![2]!;
    const named = [...cell.matchAll(/`([a-z]+-[a-z]+)`/g)].map((match) => match[1]!);
    const accepts = (protocol: string): boolean =>
      providerSchemas.openai!.safeParse({ name: 'x', type: 'openai', protocols: [protocol] }).success;
    expect(named).toEqual(['openai-responses', 'openai-chat', 'anthropic-messages'].filter(accepts));
    expect(named.filter((protocol) => !accepts(protocol))).toEqual([]);
  });

  test('keys that the text names exist, with the default it gives', () => {
    const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
    const config = (loaded.ok ? loaded.config : {}) as unknown as Record<string, Record<string, unknown>>;
    const keys = spans.filter((span) => /^(?:server|log)\.[a-z_]+/.test(span));
    for (const span of keys) {
      const [section, key] = span.split(':')[0]!.split('.') as [string, string];
      expect([span, Object.keys(config[section]!)]).toEqual([span, expect.arrayContaining([key])]);
    }
    expect(keys).toContain('server.drain_ms');
    expect(readme).toContain(`(${Number(config.server!.body_bytes_max) / 1024 / 1024} MiB)`);
  });
});

describe('the reply', () => {
  const rows = tableOf('header').flatMap(([names]) => names!.replaceAll('`', '').split(', '));
  const said = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 9 };

  test('has every header of the table, and the note that is its example', async () => {
    const body = JSON.stringify({ model: 'demo/echo', top_k: 3, ...said });
    const headers = { 'x-request-id': 'my-own-request' };
    const response = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body, headers });
    await response.text();
    expect(rows.filter((name) => !response.headers.has(name))).toEqual([]);
    expect(response.headers.get('x-request-id')).toBe('my-own-request');
    expect(response.headers.get('dragoman-provider')).toBe('demo');
    expect(response.headers.get('dragoman-model')).toBe('echo');
    expect(readme).toContain('`top_k=dropped`');
    expect(response.headers.get('dragoman-notes')).toContain('top_k=dropped');
  });

  test('says what will not heal, in the caller’s protocol', async () => {
    const body = JSON.stringify({ model: 'nobody', ...said });
    const response = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body });
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });
});

test('every route that is named answers', async () => {
  const paths = spans.flatMap((span) => /^(?:GET )?(\/[\w{][\w/{}…]*)$/.exec(span)?.[1] ?? []);
  expect(paths).toEqual(expect.arrayContaining(['/healthz', '/readyz', '/metrics', '/v1/models']));
  for (const path of new Set(paths)) {
    const response = await fetch(gateway.url + path.replace('{provider}', 'demo').replace('…', 'models'));
    expect([path, response.status === 200 || response.status === 405]).toEqual([path, true]);
  }
});

test.each(['gzip', 'deflate', 'br', 'zstd'])('a request body may be %s', async (encoding) => {
  const said = { model: 'demo/echo', messages: [{ role: 'user', content: 'packed' }] };
  const stream = new Blob([JSON.stringify(said)]).stream();
  const name = encoding === 'br' ? 'brotli' : encoding;
  const packed = stream.pipeThrough(new CompressionStream(name as CompressionFormat) as never);
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-encoding': encoding },
    body: await new Response(packed).bytes(),
  });
  expect(readme).toContain(`\`${encoding}\``);
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'packed' } }] });
});

describe('the commands', () => {
  const known = [
    'serve',
    'models',
    'version',
    'login',
    'accounts',
    'keys',
    'usage',
    'config',
    'service',
    'setup',
    'run',
    'doctor',
  ];
  const named = [...readme.matchAll(/\bdragoman (?:-- )?((?:config|keys|service) [a-z]+|[a-z]+)\b/g)].flatMap(
    ([, command]) => (known.includes(command!.split(' ')[0]!) ? [command!] : []),
  );
  /** Those that need an argument, or that say on stderr that there is nothing yet: they are tried as they are written, and services by
   * test/cli/service.test.ts. */
  const written = ['login', 'accounts', 'keys create', 'usage', 'setup', 'run', 'service install'];
  const words = (command: string): string[] => command.split(' ');
  const finish = async (args: string[]) => {
    const program = startProgram({ args });
    const status = await program.ended;
    await program.remove();
    return { status, stdout: program.stdout(), stderr: program.stderr() };
  };

  test('are at least these', () => {
    expect(named).toEqual(expect.arrayContaining(['models', 'config check', 'config schema', 'version']));
    const others = [...readme.matchAll(/(?:`dragoman|dragoman --) ([a-z]+)/g)].map((match) => match[1]!);
    expect(others.filter((word) => !known.includes(word))).toEqual([]);
    expect(named).toEqual(expect.arrayContaining(written));
  });

  test.each([...new Set(['serve', ...named])])('%s has help with an example', async (command) => {
    const { status, stdout, stderr } = await finish([...words(command), '--help']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`\\nExample:\\n {2}\\$ dragoman ${command}`));
  });

  test.each([...new Set(named)].filter((command) => !written.includes(command)))(
    '%s succeeds with status 0',
    async (command) => {
      const { status, stderr } = await finish(words(command));
      expect([status, stderr]).toEqual([0, '']);
    },
  );

  test('about clients do as they are written', async () => {
    const person = newPerson();
    try {
      person.write('.claude/settings.json', '{ "theme": "dark" }');
      person.write('.codex/config.toml', '# mine\n');
      chmodSync(person.write('bin/codex', '#!/bin/sh\necho "codex $*"\n'), 0o755);
      const before = person.snapshot();
      const commands = shellCommands.filter((command) => /dragoman -- (?:setup|run|doctor)/.test(command));
      expect(commands).toHaveLength(6);
      for (const command of commands) {
        const args = command.replace('npm run dragoman -- ', '').split(' ');
        // There is no terminal at which to agree.
        if (args[0] === 'setup' && !args.includes('--undo')) args.push('--yes');
        const PATH = `${join(person.home, 'bin')}:${process.env.PATH}`;
        const program = startProgram({ args, env: { ...person.env, PATH }, cwd: person.project });
        const status = await program.ended;
        expect([command, status, program.stderr()]).toEqual([command, 0, expect.any(String)]);
        if (args[0] === 'run') expect(program.stdout()).toContain('codex -c model_provider=dragoman');
        await program.remove();
      }
      expect(person.snapshot()).toEqual(before);
    } finally {
      person.remove();
    }
  });

  test('about accounts and keys do as they are written', async () => {
    const upstream = startReplay({ models: ['real-1'] });
    const home = mkdtempSync(join(tmpdir(), 'dragoman-readme-'));
    writeFileSync(join(home, 'key.txt'), 'sk-of-the-file\n');
    const env = { DRAGOMAN_HOME: home, OPENAI_BASE_URL: `${upstream.url}/v1` };
    const outputs: string[] = [];
    for (const line of shellCommands.filter((each) => / -- (?:login|accounts|keys|usage)\b/.test(each))) {
      const main = join(projectRoot, 'src/cli/main.ts');
      const command = line.replace('npm run dragoman --', `${process.execPath} ${main}`);
      const program = startProgram({ command: ['sh', '-c', command], cwd: home, env });
      expect([line, await program.ended]).toEqual([line, 0]);
      outputs.push(program.stdout());
      await program.remove();
    }
    expect(outputs).toEqual([
      'logged in: key-1 at openai\n',
      expect.stringMatching(/^openai +key-1 +API key +ok$/m),
      expect.stringMatching(/^drg_\w{41}\n$/),
      '',
    ]);
    rmSync(home, { recursive: true });
    await upstream.stop();
  }, 60_000);

  test.each([...new Set(['serve', ...named])])('%s called wrongly is status 2', async (command) => {
    const { status, stdout, stderr } = await finish([...words(command), '--no-such-flag']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--no-such-flag');
  });

  test.each(['serve', 'models', 'config check'])('%s that fails is status 1', async (command) => {
    const file = command === 'config check' ? ['gone.yaml'] : ['--config', 'gone.yaml'];
    const { status, stdout, stderr } = await finish([...words(command), ...file]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('gone.yaml: no such file');
  });
});
