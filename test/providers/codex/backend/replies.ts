/** Streams as the backend sends them: the item is whole in `output_item.done`, and `completed` repeats none of it. */

type Json = Record<string, unknown>;

export const sse = (events: readonly Json[]): string =>
  events
    .map((event, i) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: i })}\n\n`)
    .join('');

const response = (status: string, more: Json = {}): Json => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_760_000_000,
  status,
  model: 'gpt-5.5',
  output: [],
  ...more,
});

const usage = {
  input_tokens: 120,
  input_tokens_details: { cached_tokens: 100 },
  output_tokens: 8,
  output_tokens_details: { reasoning_tokens: 4 },
  total_tokens: 128,
};

const start: Json = { type: 'response.created', response: response('in_progress') };
const end: Json = { type: 'response.completed', response: response('completed', { usage }) };

const item = (index: number, events: readonly Json[], done: Json): Json[] => [
  {
    type: 'response.output_item.added',
    output_index: index,
    item: { ...done, status: 'in_progress', ...emptied(done) },
  },
  ...events.map((event) => ({ item_id: done.id, output_index: index, ...event })),
  { type: 'response.output_item.done', output_index: index, item: done },
];

function emptied({ type }: Json): Json {
  if (type === 'message') return { content: [] };
  if (type === 'function_call') return { arguments: '' };
  return type === 'reasoning' ? { summary: [], encrypted_content: '' } : {};
}

const message = (index: number, text: string): Json[] =>
  item(
    index,
    [
      {
        type: 'response.content_part.added',
        content_index: 0,
        part: { type: 'output_text', text: '', annotations: [] },
      },
      { type: 'response.output_text.delta', content_index: 0, delta: text.slice(0, 2) },
      { type: 'response.output_text.delta', content_index: 0, delta: text.slice(2) },
      { type: 'response.output_text.done', content_index: 0, text },
      {
        type: 'response.content_part.done',
        content_index: 0,
        part: { type: 'output_text', text, annotations: [] },
      },
    ],
    {
      id: `msg_${index}`,
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text, annotations: [] }],
    },
  );

const call = (index: number, name: string, callId: string, args: string): Json[] =>
  item(
    index,
    [
      { type: 'response.function_call_arguments.delta', delta: args },
      { type: 'response.function_call_arguments.done', arguments: args },
    ],
    {
      id: `fc_${callId}`,
      type: 'function_call',
      status: 'completed',
      name,
      call_id: callId,
      arguments: args,
    },
  );

const reasoning = (index: number, text: string): Json[] =>
  item(
    index,
    [
      {
        type: 'response.reasoning_summary_part.added',
        summary_index: 0,
        part: { type: 'summary_text', text: '' },
      },
      { type: 'response.reasoning_summary_text.delta', summary_index: 0, delta: text },
      { type: 'response.reasoning_summary_text.done', summary_index: 0, text },
      {
        type: 'response.reasoning_summary_part.done',
        summary_index: 0,
        part: { type: 'summary_text', text },
      },
    ],
    {
      id: `rs_${index}`,
      type: 'reasoning',
      summary: [{ type: 'summary_text', text }],
      encrypted_content: 'gAAAA_sealed',
    },
  );

export const replies = {
  text: (text = 'Hello'): string => sse([start, ...message(0, text), end]),
  /** A turn that was to make nothing. */
  nothing: (): string => sse([start, end]),
  thoughtful: (text = 'Hello'): string =>
    sse([start, ...reasoning(0, 'Let me see.'), ...message(1, text), end]),
  calls: (): string =>
    sse([
      start,
      ...reasoning(0, 'I need the weather.'),
      ...call(1, 'weather', 'call_1', '{"city":"Paris"}'),
      ...call(2, 'weather', 'call_2', '{"city":"Rome"}'),
      end,
    ]),
  /** Thinks, then calls one tool. */
  tool: (name: string, args: Json, callId: string): string =>
    sse([start, ...reasoning(0, `I need ${name}.`), ...call(1, name, callId, JSON.stringify(args)), end]),
  failed: (error: Json): string =>
    sse([start, { type: 'response.failed', response: response('failed', { error }) }]),
  compaction: (): string =>
    sse([
      start,
      {
        type: 'response.output_item.done',
        output_index: 0,
        item: { type: 'compaction', encrypted_content: 'gAAAA_compacted' },
      },
      end,
    ]),
};
