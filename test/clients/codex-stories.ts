import { failure, quotaHeaders, type Answer, type Backend } from '../providers/codex/backend/backend.ts';
import { replies, sse } from '../providers/codex/backend/replies.ts';
import { idToken } from '../providers/codex/backend/tokens.ts';
import { startBench, type Bench, type Transport } from '../providers/codex/setup.ts';
import { openHome, type Place, type Run, type Settings } from './codex-cli.ts';

type Json = Record<string, unknown>;

/** What the official client is to live through, with the backend itself and by way of the gateway. */
interface Story {
  readonly name: string;
  readonly model?: string;
  /** The client treats one that is called OpenAI as its own. */
  readonly providerName?: string;
  readonly says: readonly string[];
  readonly settings?: Settings;
  /** What the backend answers to a request. */
  readonly script: (body: Json, headers: Headers) => Answer | undefined;
  /** The token of the login is refused until it is renewed. */
  readonly isExpired?: true;
  /** What must have happened at the backend, for the story to have been told at all. */
  readonly holds: (backend: Backend, runs: readonly Run[]) => boolean;
}

const items = (body: Json): Json[] => body.input as Json[];
const results = (body: Json): number =>
  items(body).filter(({ type }) => type === 'function_call_output').length;
const blobs = ({ asked }: Backend): Json[] =>
  asked.map(({ body }) => {
    const metadata = body.client_metadata as Record<string, string>;
    return JSON.parse(metadata['x-codex-turn-metadata']!) as Json;
  });
const distinct = (values: readonly unknown[]): number => new Set(values).size;

/** A reply that calls one function. */
function call(name: string, args: Json, more: Json = {}, tokens = 12): string {
  const id = `call_${name}`;
  const item = { id: `fc_${name}`, type: 'function_call', status: 'completed', name, call_id: id, ...more };
  const usage = { input_tokens: tokens - 2, output_tokens: 2, total_tokens: tokens };
  const response = { id: 'resp_1', output: [] };
  return sse([
    { type: 'response.created', response: { ...response, status: 'in_progress' } },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
    {
      type: 'response.output_item.done',
      output_index: 0,
      item: { ...item, arguments: JSON.stringify(args) },
    },
    { type: 'response.completed', response: { ...response, status: 'completed', usage } },
  ]);
}

const readsFile = (tokens?: number): string => call('exec_command', { cmd: 'cat seen.txt' }, {}, tokens);

/** A turn whose first tool call makes the conversation too long. */
const compaction = (name: string, providerName: string, isAsked: (body: Json) => boolean): Story => ({
  name,
  providerName,
  says: ['read it', 'and again'],
  settings: { model_auto_compact_token_limit: 20_000 },
  script(body) {
    if (items(body).some(({ type }) => type === 'compaction_trigger')) return replies.compaction();
    if (isAsked(body)) return replies.text('A summary of all.');
    const isCompacted = /A summary of all|gAAAA_compacted/.test(JSON.stringify(body.input));
    return isCompacted ? replies.text('It says seen') : readsFile(50_000);
  },
  holds: (backend) =>
    blobs(backend).some(({ request_kind: kind }) => kind === 'compaction') &&
    distinct(blobs(backend).map(({ window_id: id }) => id)) > 1 &&
    distinct(blobs(backend).map(({ session_id: id }) => id)) === 1,
});

const isCheckpoint = (body: Json): boolean =>
  JSON.stringify(items(body).at(-1)).includes('CONTEXT CHECKPOINT COMPACTION');

/** The same moment in all runs of a story, because the client tells it. */
const resetsAt = Math.floor(Date.now() / 1000) + 7_200;

const stories: readonly Story[] = [
  {
    name: 'a new session',
    says: ['say hi'],
    script: () => replies.thoughtful(),
    holds: ({ asked }) => asked.length === 1,
  },
  {
    name: 'a resumed session',
    says: ['say hi', 'and again'],
    script: (body) =>
      replies.text(items(body).some(({ role }) => role === 'assistant') ? 'Again' : 'Hi there'),
    holds: (backend) =>
      distinct(blobs(backend).map(({ session_id: id }) => id)) === 1 &&
      distinct(blobs(backend).map(({ turn_id: id }) => id)) === 2,
  },
  {
    name: 'a tool loop',
    says: ['read it', 'and again'],
    script: (body) =>
      items(body).at(-1)!.type === 'function_call_output' ? replies.text('It says seen') : readsFile(),
    holds: (backend) =>
      distinct(blobs(backend).map(({ turn_id: id }) => id)) === 2 &&
      backend.asked.some(({ body }) => results(body) === 2) &&
      JSON.stringify(backend.asked.at(-1)!.body.input).includes('seen'),
  },
  compaction('a compaction by the client', 'Gateway', isCheckpoint),
  compaction('a compaction by the backend', 'OpenAI', () => false),
  {
    name: 'a sub-agent',
    model: 'gpt-6.1-sol',
    says: ['delegate'],
    script(body, headers) {
      if (headers.get('x-openai-subagent') !== null) return replies.text('child finished');
      const namespace = { namespace: 'collaboration' };
      if (results(body) === 0)
        return call('spawn_agent', { task_name: 'look', message: 'look at the readme' }, namespace);
      if (results(body) === 1) return call('wait_agent', { timeout_ms: 10_000 }, namespace);
      return replies.text('All done');
    },
    holds: (backend) =>
      distinct(blobs(backend).map(({ session_id: id }) => id)) === 1 &&
      distinct(blobs(backend).map(({ thread_id: id }) => id)) === 2 &&
      backend.asked.some(({ headers }) => headers.get('x-openai-subagent') === 'collab_spawn') &&
      JSON.stringify(backend.asked.at(-1)!.body.input).includes('child finished'),
  },
  {
    name: 'a token that is refused and renewed',
    says: ['say hi'],
    script: () => replies.text('Hi there'),
    isExpired: true,
    holds: ({ renewals, asked }) => renewals.length === 1 && asked.length === 1,
  },
  {
    name: 'a used-up quota with its reset',
    says: ['say hi'],
    script: () =>
      failure(
        429,
        {
          type: 'usage_limit_reached',
          message: 'The usage limit has been reached',
          plan_type: 'plus',
          resets_at: resetsAt,
        },
        { ...quotaHeaders(100), 'x-codex-primary-reset-at': String(resetsAt) },
      ),
    holds: (_, [run]) => run!.exit === 1 && /hit your usage limit.*try again at/.test(JSON.stringify(run)),
  },
];

export const storyNames: readonly string[] = stories.map(({ name }) => name);

/** From the client to the gateway, and from there to the backend. */
export interface Way {
  readonly downstream: Transport;
  readonly upstream: Transport;
}

/** A token that has only just come is not renewed for being refused. */
const tokenIsNewMs = 1_100;

/** What the client printed without the gateway. */
const known = new Map<string, readonly Run[]>();

/**
 * Lets the client live through a story with the backend itself and then by way of the gateway; what differs in all that
 * it printed, nothing when all is well.
 */
export async function tell(name: string, { downstream, upstream }: Way): Promise<string | undefined> {
  const story = stories.find((each) => each.name === name)!;
  const told = `${name} over ${downstream}`;
  const expected = known.get(told) ?? (await directly(story, downstream));
  known.set(told, expected);
  await using bench = await startBench({ provider: { transport: upstream } });
  const { backend } = bench;
  backend.script = story.script;
  if (story.isExpired) {
    backend.tokens.clear();
    await Bun.sleep(tokenIsNewMs);
  }
  const runs = await live(story, { baseUrl: `${bench.url}/codex/v1`, key: 'none', transport: downstream });
  const used = new Set(backend.asked.map(({ frame }) => (frame ? 'websocket' : 'http')));
  const faults = [
    ...backend.faults,
    ...(story.holds(backend, runs) ? [] : ['it did not happen at the backend']),
    ...(used.size === 1 && used.has(upstream)
      ? []
      : [`the backend was asked over ${[...used].join(' and ')}`]),
    ...(Bun.deepEquals(runs, expected)
      ? []
      : [`directly: ${pretty(expected)}\nby the gateway: ${pretty(runs)}`]),
  ];
  return faults.length === 0 ? undefined : [...faults, ...failures(bench)].join('\n');
}

async function directly(story: Story, transport: Transport): Promise<Run[]> {
  await using bench = await startBench();
  const { backend } = bench;
  backend.script = story.script;
  // The client comes as it is, with a provider of its own that is not the vendor's.
  backend.lenient = true;
  const [[token, account]] = [...backend.tokens] as [[string, string]];
  const [[refreshToken]] = [...backend.refreshTokens] as [[string, string]];
  const baseUrl = `${backend.url}/backend-api/codex`;
  if (!story.isExpired)
    return await live(story, { baseUrl, key: token, headers: { 'chatgpt-account-id': account }, transport });
  backend.tokens.clear();
  const tokens = {
    id_token: idToken(),
    access_token: token,
    refresh_token: refreshToken,
    account_id: account,
  };
  const file = { auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens, last_refresh: new Date().toISOString() };
  const runs = await live(story, {
    baseUrl,
    login: { file, renewUrl: `${backend.url}/oauth/token`, sideUrl: `${backend.url}/backend-api` },
    transport,
  });
  if (!story.holds(backend, runs)) throw new Error(`without the gateway it did not happen: ${pretty(runs)}`);
  return runs.map((run) => ({ ...run, words: run.words.replace(ofLogins, '') }));
}

/** A client with a login of its own logs that its token was refused, and services that nobody else asks for are missing. */
const ofLogins =
  /^a-time ERROR (?:codex_models_manager|codex_api::endpoint::responses_websocket|rmcp)::?.*\n/gm;

async function live({ says, settings, model = 'gpt-5.5', providerName = 'Gateway' }: Story, place: Place) {
  using home = openHome(place, model, providerName);
  const runs: Run[] = [];
  for (const [i, text] of says.entries()) runs.push(await home.run(text, { resumes: i > 0, settings }));
  return runs;
}

const pretty = (runs: readonly Run[]): string => JSON.stringify(runs, null, 1);

const failures = ({ records }: Bench): string[] =>
  records.flatMap(({ failure: failed }) => (failed ? [`${failed.kind}: ${failed.message}`] : []));
