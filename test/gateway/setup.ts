import { configSchema } from '../../src/config/schema.ts';
import { createGateway, providerSchemas, type Gateway } from '../../src/gateway.ts';
import type { SocketLimits } from '../../src/server/sockets.ts';
import type { State } from '../../src/server/state.ts';
import type { TurnRecord } from '../../src/telemetry/record.ts';
import { blocksOfPayloads, type SseBlock } from '../support/corpus.ts';
import { startReplay, type ReplayRequest, type ReplayUpstream } from '../support/replay.ts';

/** A gateway in this process in front of one replay upstream that stands behind a provider for each protocol. */
export interface Bench {
  readonly url: string;
  readonly gateway: Gateway;
  readonly upstream: ReplayUpstream;
  readonly records: TurnRecord[];
  streamsOpen(): number;
  socketsOpen(): number;
  stop(): Promise<void>;
}

export type SurfaceName = 'chat' | 'responses' | 'messages' | 'gemini';
export const surfaceNames: readonly SurfaceName[] = ['chat', 'responses', 'messages', 'gemini'];

export interface BenchOptions {
  readonly server?: Record<string, unknown>;
  readonly top?: Record<string, unknown>;
  /** Instead of one for each protocol; a function is given the upstream's address. */
  readonly providers?:
    readonly Record<string, unknown>[] | ((upstream: string) => readonly Record<string, unknown>[]);
  /** Names of accounts that each provider has instead of the one key, in order of preference; see {@link askedAt}. */
  readonly accounts?: readonly string[];
  readonly state?: State;
  /** Instead of the network, to be elsewhere than on this machine. */
  readonly fetch?: typeof fetch;
  readonly socketLimits?: Partial<SocketLimits>;
}

/** Which of the accounts a request came with. */
export function askedAt({ headers }: ReplayRequest): string {
  const key =
    headers.get('authorization')?.slice('Bearer '.length) ??
    headers.get('x-api-key') ??
    headers.get('x-goog-api-key');
  return key?.replace(/^sk-/, '') ?? '';
}

/** Accounts of a provider's configuration. */
export const accountsCalled = (...names: readonly string[]) =>
  names.map((name) => ({ name, api_key: `sk-${name}` }));

/** Starts it. Models are `chat/m`, `responses/m`, `messages/m` and `gemini/m`, by what the upstream speaks. */
export function startBench(options: BenchOptions = {}): Bench {
  const upstream = startReplay({ models: ['m'] });
  const records: TurnRecord[] = [];
  let open = 0;
  let sockets = 0;
  const credentials = options.accounts
    ? { accounts: accountsCalled(...options.accounts) }
    : { api_key: 'sk-upstream-secret' };
  const given = typeof options.providers === 'function' ? options.providers(upstream.url) : options.providers;
  const openAi = (name: string, protocol: string) => ({
    name,
    type: 'openai',
    base_url: `${upstream.url}/v1`,
    ...credentials,
    protocols: [protocol],
    models: ['m'],
  });
  const config = configSchema(providerSchemas).parse({
    server: options.server ?? {},
    ...options.top,
    providers: given ?? [
      openAi('chat', 'openai-chat'),
      openAi('responses', 'openai-responses'),
      {
        name: 'messages',
        type: 'anthropic',
        base_url: upstream.url,
        ...credentials,
        models: ['m'],
      },
      {
        name: 'gemini',
        type: 'google',
        base_url: upstream.url,
        ...credentials,
        models: ['m'],
      },
    ],
  });
  const gateway = createGateway({
    config,
    version: 'test',
    state: options.state,
    ...(options.fetch && { fetch: options.fetch }),
    socketLimits: options.socketLimits,
    metrics: () => '',
    recorder: {
      record: (record) => records.push(record),
      streamsOpen: (change) => (open += change),
      socketsOpen: (change) => (sockets += change),
    },
  });
  const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    gateway,
    upstream,
    records,
    streamsOpen: () => open,
    socketsOpen: () => sockets,
    async stop() {
      await gateway.stop({ drainMs: 0 });
      await upstream.stop();
    },
  };
}

const routes: Record<Exclude<SurfaceName, 'gemini'>, string> = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
};

const prompts: Record<SurfaceName, Record<string, unknown>> = {
  chat: { messages: [{ role: 'user', content: 'hi' }] },
  responses: { input: 'hi' },
  messages: { messages: [{ role: 'user', content: 'hi' }], max_tokens: 64 },
  gemini: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
};

/** The path of a turn. On Gemini it names the model and says whether to stream. */
export function pathOf(surface: SurfaceName, model: unknown = 'chat/m', stream: unknown = false): string {
  if (surface !== 'gemini') return routes[surface];
  return `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/** Asks a surface for a short reply. `model` and `stream` stand where the surface wants them. */
export function ask(
  bench: { url: string },
  surface: SurfaceName,
  body: Record<string, unknown>,
  init: RequestInit = {},
): Promise<Response> {
  const { model = 'chat/m', stream, ...members } = body;
  const asked = surface === 'gemini' ? {} : { model, ...('stream' in body ? { stream } : {}) };
  return fetch(bench.url + pathOf(surface, model, stream), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...asked, ...prompts[surface], ...members }),
    ...init,
  });
}

const geminiChunk = (text: string, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...more }],
    usageMetadata: {
      promptTokenCount: 5,
      ...(text === '' ? { candidatesTokenCount: 2, totalTokenCount: 7 } : { totalTokenCount: 5 }),
    },
    modelVersion: 'm-1',
    responseId: 'reply-1',
  });

const chatChunk = (delta: unknown, finish: string | null = null) =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm-1',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });

const responseOf = (status: string, output: unknown[]) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status,
  model: 'm-1',
  output,
  usage: status === 'completed' ? { input_tokens: 5, output_tokens: 2, total_tokens: 7 } : null,
});

const message = (text: string) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
});

/** One reply, `Hello` and ` world`, in each protocol; the events that carry text are named by `textAt`. */
export const hello: Record<SurfaceName, { blocks: SseBlock[]; textAt: readonly [number, number] }> = {
  chat: {
    textAt: [1, 2],
    blocks: blocksOfPayloads(
      [
        chatChunk({ role: 'assistant', content: '' }),
        chatChunk({ content: 'Hello' }),
        chatChunk({ content: ' world' }),
        chatChunk({}, 'stop'),
        JSON.stringify({
          id: 'chatcmpl-1',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'm-1',
          choices: [],
          usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
        }),
        '[DONE]',
      ],
      'openai-chat',
    ),
  },
  responses: {
    textAt: [3, 4],
    blocks: blocksOfPayloads(
      [
        { type: 'response.created', response: responseOf('in_progress', []) },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { ...message(''), status: 'in_progress', content: [] },
        },
        {
          type: 'response.content_part.added',
          output_index: 0,
          item_id: 'msg_1',
          content_index: 0,
          part: { type: 'output_text', text: '', annotations: [] },
        },
        {
          type: 'response.output_text.delta',
          output_index: 0,
          item_id: 'msg_1',
          content_index: 0,
          delta: 'Hello',
        },
        {
          type: 'response.output_text.delta',
          output_index: 0,
          item_id: 'msg_1',
          content_index: 0,
          delta: ' world',
        },
        {
          type: 'response.output_text.done',
          output_index: 0,
          item_id: 'msg_1',
          content_index: 0,
          text: 'Hello world',
        },
        {
          type: 'response.content_part.done',
          output_index: 0,
          item_id: 'msg_1',
          content_index: 0,
          part: { type: 'output_text', text: 'Hello world', annotations: [] },
        },
        { type: 'response.output_item.done', output_index: 0, item: message('Hello world') },
        { type: 'response.completed', response: responseOf('completed', [message('Hello world')]) },
      ].map((event, sequence_number) => JSON.stringify({ ...event, sequence_number })),
      'openai-responses',
    ),
  },
  messages: {
    textAt: [2, 3],
    blocks: blocksOfPayloads(
      [
        {
          type: 'message_start',
          message: {
            id: 'msg_1',
            type: 'message',
            role: 'assistant',
            model: 'm-1',
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: 5, output_tokens: 1 },
          },
        },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' world' } },
        { type: 'content_block_stop', index: 0 },
        {
          type: 'message_delta',
          delta: { stop_reason: 'end_turn', stop_sequence: null },
          usage: { output_tokens: 2 },
        },
        { type: 'message_stop' },
      ].map((event) => JSON.stringify(event)),
      'anthropic-messages',
    ),
  },
  gemini: {
    textAt: [0, 1],
    blocks: blocksOfPayloads(
      [geminiChunk('Hello'), geminiChunk(' world'), geminiChunk('', { finishReason: 'STOP' })],
      'google-gemini',
    ),
  },
};
