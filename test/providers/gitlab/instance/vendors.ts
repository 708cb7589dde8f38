/** What Anthropic and OpenAI answer behind the gateway, which passes it on without their headers. */
import { hello } from '../../../gateway/setup.ts';
import { blocksOfPayloads, type SseBlock } from '../../../support/corpus.ts';
import { refusedHistory, sealed, signature } from './history.ts';

export interface Reply {
  readonly status?: number;
  /** The body as it is. */
  readonly text?: string;
  readonly json?: unknown;
  readonly blocks?: readonly SseBlock[];
  /** The stream waits before this event. */
  readonly hold?: { readonly before: number; readonly until: Promise<unknown> };
}

type Body = Record<string, unknown>;

/** The answer to a request: the given one, or one that calls tools where there are any to call, or a short text. */
export function reply(path: string, body: Body, given: Reply = {}): Response {
  if (path.includes('count_tokens')) return Response.json(given.json ?? { input_tokens: 9 });
  if (path.includes('embeddings')) return Response.json(given.json ?? embedding);
  const { status = 200 } = given;
  if (given.text !== undefined) return new Response(given.text, { status });
  if (given.json !== undefined) return Response.json(given.json, { status });
  const surface = path.includes('messages') ? 'messages' : path.includes('chat') ? 'chat' : 'responses';
  const refused = refusedHistory(surface, body);
  if (refused !== undefined) return Response.json(refused.body, { status: refused.status });
  const isCall = Array.isArray(body.tools) && !JSON.stringify(body).includes('README.md');
  // Reasoning is sealed only for those who ask for it.
  const isOpen = surface === 'responses' && !(body.include as string[] | undefined)?.includes(includeSealed);
  const n = ++count;
  const own = (text: string): string =>
    (isOpen ? text.replaceAll(`,"encrypted_content":"${sealed}"`, '') : text).replace(
      /"(resp|msg|chatcmpl|toolu|call|fc|rs|item)([_-])(\d+)"/g,
      `"$1$2${n}$2$3"`,
    );
  if (body.stream !== true)
    return new Response(own(JSON.stringify((isCall ? calls : texts)[surface])), {
      status,
      headers: { 'content-type': 'application/json' },
    });
  const blocks = given.blocks ?? (isCall ? callBlocks[surface] : hello[surface].blocks);
  const named = blocks.map((block) => ({ ...block, text: own(block.text) }));
  return new Response(stream(named, given.hold), { headers: { 'content-type': 'text/event-stream' } });
}

/** Every reply has ids of its own. */
let count = 0;

function stream(blocks: readonly SseBlock[], hold: Reply['hold']): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (hold?.before === at) await hold.until;
      const block = blocks[at++];
      if (block === undefined) controller.close();
      else controller.enqueue(encoder.encode(`${block.text}\n\n`));
    },
  });
}

const embedding = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.5] }],
  model: 'e',
  usage: { prompt_tokens: 1, total_tokens: 1 },
};

const message = (content: unknown[], stop: string) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm-1',
  content,
  stop_reason: stop,
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: 2 },
});

const completion = (content: string | null, toolCalls: unknown[] | undefined, finish: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm-1',
  choices: [
    { index: 0, message: { role: 'assistant', content, tool_calls: toolCalls }, finish_reason: finish },
  ],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});

const response = (output: unknown[]) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status: 'completed',
  model: 'm-1',
  output,
  usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
});

const text = 'Hello world';
const texts = {
  messages: message([{ type: 'text', text }], 'end_turn'),
  chat: completion(text, undefined, 'stop'),
  responses: response([
    {
      id: 'item_1',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text, annotations: [] }],
    },
  ]),
};

/** Two calls at once, of the tool `Bash`. */
const commands = ['ls', 'pwd'];
const input = (cmd: string) => JSON.stringify({ cmd });
const toolUse = commands.map((cmd, i) => ({
  type: 'tool_use',
  id: `toolu_${i}`,
  name: 'Bash',
  input: { cmd },
}));
const toolCalls = commands.map((cmd, i) => ({
  id: `call_${i}`,
  type: 'function',
  function: { name: 'Bash', arguments: input(cmd) },
}));
const functionCalls = commands.map((cmd, i) => ({
  id: `fc_${i}`,
  type: 'function_call',
  call_id: `call_${i}`,
  name: 'Bash',
  arguments: input(cmd),
  status: 'completed',
}));

const includeSealed = 'reasoning.encrypted_content';
const reasoning = {
  id: 'rs_1',
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: 'A listing.' }],
  encrypted_content: sealed,
};
const answered = [reasoning, ...functionCalls];
const calls = {
  messages: message([{ type: 'thinking', thinking: 'A listing.', signature }, ...toolUse], 'tool_use'),
  chat: completion(null, toolCalls, 'tool_calls'),
  responses: response(answered),
};

const chunk = (delta: unknown, finish: string | null = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm-1',
  choices: [{ index: 0, delta, finish_reason: finish }],
});

const blocksOf = (events: readonly unknown[], protocol: Parameters<typeof blocksOfPayloads>[1]) =>
  blocksOfPayloads(
    events.map((event) => JSON.stringify(event)),
    protocol,
  );

const callBlocks = {
  messages: blocksOf(
    [
      { type: 'message_start', message: { ...message([], 'tool_use'), stop_reason: null } },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'thinking', thinking: '', signature: '' },
      },
      {
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'thinking_delta', thinking: 'A listing.' },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature } },
      { type: 'content_block_stop', index: 0 },
      ...commands.flatMap((cmd, i) => [
        {
          type: 'content_block_start',
          index: i + 1,
          content_block: { type: 'tool_use', id: `toolu_${i}`, name: 'Bash', input: {} },
        },
        {
          type: 'content_block_delta',
          index: i + 1,
          delta: { type: 'input_json_delta', partial_json: input(cmd) },
        },
        { type: 'content_block_stop', index: i + 1 },
      ]),
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use', stop_sequence: null },
        usage: { output_tokens: 2 },
      },
      { type: 'message_stop' },
    ],
    'anthropic-messages',
  ),
  chat: blocksOf(
    [
      chunk({ role: 'assistant', content: null }),
      ...toolCalls.map((call, index) => chunk({ tool_calls: [{ index, ...call }] })),
      chunk({}, 'tool_calls'),
      {
        ...chunk({}),
        choices: [],
        usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
      },
    ],
    'openai-chat',
  ),
  responses: blocksOf(
    [
      { type: 'response.created', response: { ...response([]), status: 'in_progress', usage: null } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: reasoning.id, type: 'reasoning', summary: [] },
      },
      {
        type: 'response.reasoning_summary_part.added',
        item_id: reasoning.id,
        output_index: 0,
        summary_index: 0,
        part: { type: 'summary_text', text: '' },
      },
      {
        type: 'response.reasoning_summary_text.delta',
        item_id: reasoning.id,
        output_index: 0,
        summary_index: 0,
        delta: 'A listing.',
      },
      {
        type: 'response.reasoning_summary_text.done',
        item_id: reasoning.id,
        output_index: 0,
        summary_index: 0,
        text: 'A listing.',
      },
      {
        type: 'response.reasoning_summary_part.done',
        item_id: reasoning.id,
        output_index: 0,
        summary_index: 0,
        part: reasoning.summary[0],
      },
      { type: 'response.output_item.done', output_index: 0, item: reasoning },
      ...[...functionCalls.entries()]
        .map(([i, item]) => ({ item, output_index: i + 1 }))
        .flatMap(({ item, output_index }) => [
          {
            type: 'response.output_item.added',
            output_index,
            item: { ...item, arguments: '', status: 'in_progress' },
          },
          {
            type: 'response.function_call_arguments.delta',
            output_index,
            item_id: item.id,
            delta: item.arguments,
          },
          {
            type: 'response.function_call_arguments.done',
            output_index,
            item_id: item.id,
            arguments: item.arguments,
          },
          { type: 'response.output_item.done', output_index, item },
        ]),
      { type: 'response.completed', response: response(answered) },
    ].map((event, sequence_number) => ({ ...event, sequence_number })),
    'openai-responses',
  ),
};
