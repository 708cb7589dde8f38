/** What the bench sends and what its upstream answers, in the wire form of each protocol. */

export type Protocol = 'openai-chat' | 'anthropic-messages' | 'openai-responses';

export const paths: Readonly<Record<Protocol, string>> = {
  'openai-chat': '/v1/chat/completions',
  'anthropic-messages': '/v1/messages',
  'openai-responses': '/v1/responses',
};

/** The bytes a finished stream ends with. */
export const terminals: Readonly<Record<Protocol, string>> = {
  'openai-chat': 'data: [DONE]\n\n',
  'anthropic-messages': 'data: {"type":"message_stop"}\n\n',
  'openai-responses': '"type":"response.completed"',
};

/** Names of the upstream's models; each is a way of answering. */
export const models = {
  /** One JSON body. */
  json: 'bench-json',
  /** 200 events, pulled one by one without pause; Bun gathers them into few writes to the socket. */
  burst: 'bench-burst',
  /** The same 200 events in one write. */
  whole: 'bench-whole',
  /** 30 events per second for a few seconds. */
  paced: 'bench-paced',
  /** The same 200 events, each its own write to the socket. */
  apart: 'bench-apart',
  /** 2 events per second without an end. */
  endless: 'bench-endless',
} as const;

export const burstEventCount = 200;
export const pacedPerSecond = 30;
export const endlessPerSecond = 2;
/** Events with text in one paced stream: 3.5 s. */
export const pacedEventCount = 105;

/** Opens the 16 digits of a write time in µs since the epoch, in the text of an event. */
export const mark = '@';

/** Now in µs since the epoch: 16 digits until the year 2286. */
export const nowUs = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** A stream without its text events: what comes before, each text as one event, what comes after. */
export interface StreamShape {
  readonly before: readonly string[];
  readonly text: (text: string) => string;
  readonly after: readonly string[];
}

export function streamShape(protocol: Protocol): StreamShape {
  if (protocol === 'openai-chat') return chatStream;
  if (protocol === 'anthropic-messages') return messagesStream;
  return responsesStream;
}

/** The 200 events of a burst. */
export function burstEvents(protocol: Protocol): string[] {
  const { before, text, after } = streamShape(protocol);
  const textCount = burstEventCount - before.length - after.length;
  const texts = Array.from({ length: textCount }, (_, index) => text(burstText(index)));
  return [...before, ...texts, ...after];
}

/** The whole text of a burst, as a reader must see it. */
export function burstWords(protocol: Protocol): string {
  const { before, after } = streamShape(protocol);
  const textCount = burstEventCount - before.length - after.length;
  return Array.from({ length: textCount }, (_, index) => burstText(index)).join('');
}

const burstText = (index: number): string => ` token${String(index).padStart(3, '0')}`;

const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const named = <T extends { readonly type: string }>(value: T): string =>
  `event: ${value.type}\n${data(value)}`;

const chatChunk = (delta: object, finishReason: string | null = null): string =>
  data({
    id: 'chatcmpl-BenchBenchBench00000001',
    object: 'chat.completion.chunk',
    created: 1_760_000_000,
    model: 'bench',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
  });

const chatStream: StreamShape = {
  before: [chatChunk({ role: 'assistant', content: '' })],
  text: (content) => chatChunk({ content }),
  after: [
    chatChunk({}, 'stop'),
    data({
      id: 'chatcmpl-BenchBenchBench00000001',
      object: 'chat.completion.chunk',
      created: 1_760_000_000,
      model: 'bench',
      choices: [],
      usage: { prompt_tokens: 200, completion_tokens: 196, total_tokens: 396 },
    }),
    'data: [DONE]\n\n',
  ],
};

const messagesStream: StreamShape = {
  before: [
    named({
      type: 'message_start',
      message: {
        id: 'msg_BenchBenchBench00000001',
        type: 'message',
        role: 'assistant',
        model: 'bench',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 200, output_tokens: 1 },
      },
    }),
    named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  ],
  text: (text) => named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  after: [
    named({ type: 'content_block_stop', index: 0 }),
    named({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 195 },
    }),
    named({ type: 'message_stop' }),
  ],
};

const responsesItem = { id: 'msg_1', type: 'message', status: 'in_progress', role: 'assistant', content: [] };
const responsesReply = {
  id: 'resp_BenchBenchBench00000001',
  object: 'response',
  created_at: 1_760_000_000,
  status: 'in_progress',
  model: 'bench',
  output: [],
  usage: null,
};
const responsesPart = { type: 'output_text', text: 'see the deltas', annotations: [] };
const atPart = { item_id: 'msg_1', output_index: 0, content_index: 0 };

const responsesStream: StreamShape = {
  before: [
    named({ type: 'response.created', sequence_number: 0, response: responsesReply }),
    named({
      type: 'response.output_item.added',
      sequence_number: 1,
      output_index: 0,
      item: responsesItem,
    }),
    named({
      type: 'response.content_part.added',
      sequence_number: 2,
      ...atPart,
      part: { ...responsesPart, text: '' },
    }),
  ],
  text: (delta) => named({ type: 'response.output_text.delta', sequence_number: 3, ...atPart, delta }),
  after: [
    named({ type: 'response.content_part.done', sequence_number: 4, ...atPart, part: responsesPart }),
    named({
      type: 'response.output_item.done',
      sequence_number: 5,
      output_index: 0,
      item: { ...responsesItem, status: 'completed', content: [responsesPart] },
    }),
    named({
      type: 'response.completed',
      sequence_number: 6,
      response: {
        ...responsesReply,
        status: 'completed',
        output: [{ ...responsesItem, status: 'completed', content: [responsesPart] }],
        usage: { input_tokens: 200, output_tokens: 196, total_tokens: 396 },
      },
    }),
  ],
};

const replyText =
  'The gateway passes this sentence on as it came, without a change to any of its words. '.repeat(4);

/** A reply that is not streamed, about 0.7 KB. */
export function jsonReply(protocol: Protocol): string {
  if (protocol === 'openai-chat')
    return JSON.stringify({
      id: 'chatcmpl-BenchBenchBench00000001',
      object: 'chat.completion',
      created: 1_760_000_000,
      model: 'bench',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: replyText, refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 200, completion_tokens: 70, total_tokens: 270 },
      service_tier: 'default',
      system_fingerprint: 'fp_bench',
    });
  if (protocol === 'anthropic-messages')
    return JSON.stringify({
      id: 'msg_BenchBenchBench00000001',
      type: 'message',
      role: 'assistant',
      model: 'bench',
      content: [{ type: 'text', text: replyText }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 200, output_tokens: 70 },
    });
  const content = [{ ...responsesPart, text: replyText }];
  return JSON.stringify({
    ...responsesReply,
    status: 'completed',
    output: [{ ...responsesItem, status: 'completed', content }],
    usage: { input_tokens: 200, output_tokens: 70, total_tokens: 270 },
  });
}
