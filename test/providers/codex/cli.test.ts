/** The official client: what it prints by way of the gateway is what it prints without it. */
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../support/program.ts';
import { failure, quotaHeaders } from './backend/backend.ts';
import { replies, sse } from './backend/replies.ts';
import { blobOf, startBench, type Bench } from './setup.ts';

const program =
  process.env['DRAGOMAN_CODEX_CLI'] ??
  join(
    projectRoot,
    'test/clients/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex',
  );
const isThere = existsSync(program);
if (!isThere) console.log('skipped: the official client is not installed in test/clients');

interface Run {
  readonly exit: number;
  /** The events it printed, without what differs from run to run. */
  readonly events: unknown[];
}

/** A home of the official client for the runs of one conversation. */
interface Home extends Disposable {
  run(base: string, token: string, args: readonly string[], more?: Record<string, string>): Promise<Run>;
  /** A file that it has left at its home. */
  read(name: string): string | undefined;
}

function home(headers: Record<string, string> = {}): Home {
  const root = mkdtempSync(join(tmpdir(), 'dragoman-official-'));
  for (const name of ['user', 'tmp', 'home', 'work']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'work/seen.txt'), 'seen');
  return {
    read(name) {
      const path = join(root, 'home', name);
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    },
    async run(base, token, args, { model = 'gpt-5.5', ...more } = {}) {
      const provider = {
        name: '"gw"',
        base_url: JSON.stringify(base),
        wire_api: '"responses"',
        env_key: '"GW_KEY"',
        request_max_retries: '0',
        stream_max_retries: '0',
        ...more,
        http_headers: `{${Object.entries(headers).map(([name, value]) => `"${name}"="${value}"`)}}`,
      };
      const settings = [
        `model="${model}"`,
        'model_provider="gw"',
        `model_providers.gw={${Object.entries(provider).map(([key, value]) => `${key}=${value}`)}}`,
        'analytics.enabled=false',
        'features.plugins=false',
        'features.unbounded_connection_retries=false',
        'web_search="disabled"',
      ];
      const [verb, ...rest] = args;
      const child = Bun.spawn(
        [
          program,
          'exec',
          ...(verb === 'resume' ? ['resume', '--last'] : []),
          '--json',
          '--skip-git-repo-check',
          '--dangerously-bypass-approvals-and-sandbox',
          ...settings.flatMap((each) => ['-c', each]),
          ...(verb === 'resume' ? rest : args),
        ],
        {
          cwd: join(root, 'work'),
          stdin: 'ignore',
          stderr: 'ignore',
          env: {
            PATH: process.env['PATH'],
            HOME: join(root, 'user'),
            TMPDIR: join(root, 'tmp'),
            CODEX_HOME: join(root, 'home'),
            GW_KEY: token,
          },
          timeout: 120_000,
        },
      );
      const text = await new Response(child.stdout).text();
      const events = text
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .map((event) => ({ ...event, thread_id: undefined }));
      return { exit: await child.exited, events };
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

const toolCall = (): string => {
  const args = JSON.stringify({ cmd: 'cat seen.txt' });
  const item = {
    id: 'fc_1',
    type: 'function_call',
    status: 'completed',
    name: 'exec_command',
    call_id: 'call_1',
  };
  const usage = { input_tokens: 10, output_tokens: 2, total_tokens: 12 };
  return sse([
    { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
    { type: 'response.output_item.done', output_index: 0, item: { ...item, arguments: args } },
    { type: 'response.completed', response: { id: 'resp_1', status: 'completed', output: [], usage } },
  ]);
};

interface Story {
  readonly turns: readonly (readonly string[])[];
  readonly answers: () => Bench['backend']['answers'];
}

const stories: Record<string, Story> = {
  'a new session': { turns: [['say hi']], answers: () => [replies.text('Hi there')] },
  'a resumed session': {
    turns: [['say hi'], ['resume', 'and again']],
    answers: () => [replies.text('Hi there'), replies.text('Again')],
  },
  'a tool loop': { turns: [['read it']], answers: () => [toolCall(), replies.text('It says seen')] },
  reasoning: { turns: [['think']], answers: () => [replies.thoughtful()] },
  'an overloaded model': {
    turns: [['say hi']],
    answers: () => [replies.failed({ code: 'server_is_overloaded', message: 'busy' })],
  },
  'a conversation that is too long': {
    turns: [['say hi']],
    answers: () => [replies.failed({ code: 'context_length_exceeded', message: 'too long' })],
  },
};

/** Lets the client talk to the backend itself. */
async function direct(story: Story): Promise<Run[]> {
  await using bench = await startBench();
  const { backend } = bench;
  backend.lenient = true;
  backend.answers.push(...story.answers());
  const [[token, account]] = [...backend.tokens] as [[string, string]];
  using place = home({ 'chatgpt-account-id': account });
  const runs: Run[] = [];
  for (const turn of story.turns) runs.push(await place.run(`${backend.url}/backend-api/codex`, token, turn));
  return runs;
}

describe.if(isThere)('the official client', () => {
  test.each(Object.keys(stories))(
    '%s is told the same by way of the gateway',
    async (name) => {
      const story = stories[name]!;
      const expected = await direct(story);
      await using bench = await startBench();
      bench.backend.answers.push(...story.answers());
      using place = home();
      const runs: Run[] = [];
      for (const turn of story.turns) runs.push(await place.run(`${bench.url}/codex/v1`, 'none', turn));
      expect(bench.backend.faults).toEqual([]);
      expect(runs).toEqual(expected);
      expect(runs[0]!.events.length).toBeGreaterThan(2);
    },
    60_000,
  );

  test('keeps its session over a resume, and its turn over a tool loop', async () => {
    await using bench = await startBench();
    bench.backend.answers.push(toolCall(), replies.text('It says seen'), replies.text('Again'));
    using place = home();
    await place.run(`${bench.url}/codex/v1`, 'none', ['read it']);
    await place.run(`${bench.url}/codex/v1`, 'none', ['resume', 'and again']);
    const blobs = bench.backend.asked.map(blobOf);
    expect(blobs).toHaveLength(3);
    expect(new Set(blobs.map(({ session_id }) => session_id)).size).toBe(1);
    expect(blobs[1]!.turn_id).toBe(blobs[0]!.turn_id);
    expect(blobs[2]!.turn_id).not.toBe(blobs[0]!.turn_id);
    expect(bench.backend.asked[1]!.headers.get('x-codex-turn-state')).toMatch(/^state-/);
    expect(bench.backend.faults).toEqual([]);
  }, 60_000);

  test('takes the gateway’s list of models, those of other upstreams among them', async () => {
    await using bench = await startBench({ others: [{ name: 'demo', type: 'demo', pace_ms: 0 }] });
    using place = home();
    const model_catalog_url = JSON.stringify(`${bench.url}/v1/models`);
    const known = await place.run(`${bench.url}/v1`, 'none', ['say hi'], {
      model: 'demo/echo',
      model_catalog_url,
    });
    expect([known.exit, JSON.stringify(known.events)]).toEqual([0, expect.stringContaining('say hi')]);
    expect(JSON.stringify(known.events)).not.toContain('Model metadata for');
    const cache = JSON.parse(place.read('models_cache.json') ?? '{}') as {
      client_version?: string;
      models?: { slug: string }[];
    };
    expect(cache.models?.map(({ slug }) => slug)).toEqual(
      expect.arrayContaining(['demo/echo', 'demo/tools', 'codex/gpt-5.5']),
    );
    // By that list the version that is installed can be told without starting it.
    expect(cache.client_version).toBe('0.169.0');
    const unknown = await home().run(`${bench.url}/v1`, 'none', ['say hi'], { model: 'demo/echo' });
    expect(JSON.stringify(unknown.events)).toContain('Model metadata for');
  }, 60_000);

  test('feels nothing of a token that is refused and renewed', async () => {
    await using bench = await startBench();
    bench.backend.tokens.clear();
    await Bun.sleep(1_100);
    using place = home();
    const { exit, events } = await place.run(`${bench.url}/codex/v1`, 'none', ['say hi']);
    expect(exit).toBe(0);
    expect(JSON.stringify(events)).toContain('Hello');
    expect(bench.backend.renewals).toHaveLength(1);
  }, 60_000);

  test('is told of a used-up quota when it can go on', async () => {
    await using bench = await startBench();
    const error = {
      type: 'usage_limit_reached',
      message: 'The usage limit has been reached',
      plan_type: 'plus',
      resets_at: Math.floor(Date.now() / 1000) + 300,
    };
    bench.backend.answers.push(failure(429, error, quotaHeaders(100)));
    using place = home();
    const { exit, events } = await place.run(`${bench.url}/codex/v1`, 'none', ['say hi']);
    expect(exit).toBe(1);
    expect(JSON.stringify(events)).toMatch(/hit your usage limit.*try again at/);
  }, 60_000);
});
