import type { Payload } from '../canonical.ts';
import type { Surface } from '../finish.ts';

/**
 * One small legal reply in each protocol: reasoning with a seal, cited text in two deltas, a call with arguments
 * in two deltas, a call without arguments, usage.
 */
export const legalStreams: Readonly<Record<Surface, readonly Payload[]>> = {
  'openai-chat': chat(),
  'openai-responses': responses(),
  'anthropic-messages': messages(),
  'google-gemini': gemini(),
};

function chat(): Payload[] {
  const chunk = (fields: Payload): Payload => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'made-up',
    ...fields,
  });
  const delta = (value: Payload, finish: string | null = null): Payload =>
    chunk({ choices: [{ index: 0, delta: value, logprobs: null, finish_reason: finish }] });
  const call = (value: Payload): Payload => delta({ tool_calls: [value] });
  return [
    delta({ role: 'assistant', content: '' }),
    delta({ reasoning_content: 'Look it up.' }),
    delta({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'c2VhbA==' }] }),
    delta({ content: 'Three courts, ' }),
    delta({ content: 'three tongues.' }),
    delta({
      annotations: [
        {
          type: 'url_citation',
          url_citation: { url: 'https://example.org/a', title: 'A', start_index: 0, end_index: 5 },
        },
      ],
    }),
    call({ index: 0, id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '' } }),
    call({ index: 0, function: { arguments: '{"word":' } }),
    call({ index: 0, function: { arguments: '"dragoman"}' } }),
    call({ index: 1, id: 'call_2', type: 'function', function: { name: 'now', arguments: '{}' } }),
    delta({}, 'tool_calls'),
    chunk({
      choices: [],
      usage: {
        prompt_tokens: 20,
        completion_tokens: 12,
        total_tokens: 32,
        prompt_tokens_details: { cached_tokens: 5 },
        completion_tokens_details: { reasoning_tokens: 4 },
      },
    }),
  ];
}

function gemini(): Payload[] {
  const usage = (candidatesTokenCount: number): Payload => ({
    promptTokenCount: 20,
    cachedContentTokenCount: 5,
    candidatesTokenCount,
    thoughtsTokenCount: 4,
    totalTokenCount: 24 + candidatesTokenCount,
  });
  const chunk = (part: Payload, tokens: number, more: Payload = {}): Payload => ({
    candidates: [{ content: { parts: [part], role: 'model' }, index: 0, ...more }],
    usageMetadata: usage(tokens),
    modelVersion: 'made-up',
    responseId: 'resp-1',
  });
  return [
    chunk({ text: 'Look it up.', thought: true }, 0),
    chunk({ text: 'Three courts, ' }, 2),
    chunk({ text: 'three tongues.' }, 4, {
      groundingMetadata: { groundingChunks: [{ web: { uri: 'https://example.org/a', title: 'A' } }] },
    }),
    chunk(
      {
        functionCall: { id: 'call_1', name: 'look_up', args: { word: 'dragoman' } },
        thoughtSignature: 'c2VhbA==',
      },
      7,
    ),
    chunk({ functionCall: { id: 'call_2', name: 'now', args: {} } }, 8),
    chunk({ text: '' }, 8, { finishReason: 'STOP' }),
  ];
}

function messages(): Payload[] {
  const start = (index: number, content_block: Payload): Payload => ({
    type: 'content_block_start',
    index,
    content_block,
  });
  const delta = (index: number, value: Payload): Payload => ({
    type: 'content_block_delta',
    index,
    delta: value,
  });
  const stop = (index: number): Payload => ({ type: 'content_block_stop', index });
  const caller = { type: 'direct' };
  const usage = { input_tokens: 15, cache_creation_input_tokens: 0, cache_read_input_tokens: 5 };
  return [
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'made-up',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...usage, output_tokens: 1 },
      },
    },
    start(0, { type: 'thinking', thinking: '', signature: '' }),
    delta(0, { type: 'thinking_delta', thinking: 'Look it up.' }),
    delta(0, { type: 'signature_delta', signature: 'c2VhbA==' }),
    stop(0),
    start(1, { type: 'text', text: '', citations: null }),
    delta(1, { type: 'text_delta', text: 'Three courts, ' }),
    delta(1, { type: 'text_delta', text: 'three tongues.' }),
    delta(1, {
      type: 'citations_delta',
      citation: {
        type: 'web_search_result_location',
        url: 'https://example.org/a',
        title: 'A',
        cited_text: 'Three',
        encrypted_index: 'aW5kZXg=',
      },
    }),
    stop(1),
    start(2, { type: 'tool_use', id: 'call_1', name: 'look_up', input: {}, caller }),
    delta(2, { type: 'input_json_delta', partial_json: '{"word":' }),
    delta(2, { type: 'input_json_delta', partial_json: '"dragoman"}' }),
    stop(2),
    start(3, { type: 'tool_use', id: 'call_2', name: 'now', input: {}, caller }),
    stop(3),
    {
      type: 'message_delta',
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { ...usage, output_tokens: 12, output_tokens_details: { thinking_tokens: 4 } },
    },
    { type: 'message_stop' },
  ];
}

function responses(): Payload[] {
  const response = (status: string, output: Payload[], usage: Payload | null): Payload => ({
    id: 'resp_1',
    object: 'response',
    created_at: 1_700_000_000,
    completed_at: status === 'completed' ? 1_700_000_001 : null,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    max_tool_calls: null,
    model: 'made-up',
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    prompt_cache_key: null,
    reasoning: { effort: null, summary: null },
    safety_identifier: null,
    service_tier: 'default',
    store: false,
    temperature: 1,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: [],
    top_logprobs: 0,
    top_p: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    truncation: 'disabled',
    usage,
    metadata: {},
  });
  const annotation = {
    type: 'url_citation',
    url: 'https://example.org/a',
    title: 'A',
    start_index: 0,
    end_index: 5,
  };
  const text = (value: string): Payload => ({
    type: 'output_text',
    text: value,
    annotations: value === '' ? [] : [annotation],
    logprobs: [],
  });
  const said = 'Three courts, three tongues.';
  const seal = 'c2VhbA==';
  const thought = { type: 'summary_text', text: 'Look it up.' };
  const reasoning = (summary: Payload[]): Payload => ({
    id: 'rs_1',
    type: 'reasoning',
    summary,
    encrypted_content: seal,
  });
  const message = (status: string, content: Payload[]): Payload => ({
    id: 'msg_1',
    type: 'message',
    status,
    role: 'assistant',
    content,
  });
  const call = (n: number, name: string, status: string, args: string): Payload => ({
    id: `fc_${n}`,
    type: 'function_call',
    status,
    call_id: `call_${n}`,
    name,
    arguments: args,
  });
  const word = '{"word":"dragoman"}';
  const at = (output_index: number, type: string, fields: Payload): Payload => ({
    type: `response.${type}`,
    output_index,
    ...fields,
  });
  const events = [
    { type: 'response.created', response: response('in_progress', [], null) },
    { type: 'response.in_progress', response: response('in_progress', [], null) },
    at(0, 'output_item.added', { item: { ...reasoning([]), encrypted_content: '' } }),
    at(0, 'reasoning_summary_part.added', {
      item_id: 'rs_1',
      summary_index: 0,
      part: { ...thought, text: '' },
    }),
    at(0, 'reasoning_summary_text.delta', { item_id: 'rs_1', summary_index: 0, delta: 'Look it up.' }),
    at(0, 'reasoning_summary_text.done', { item_id: 'rs_1', summary_index: 0, text: 'Look it up.' }),
    at(0, 'reasoning_summary_part.done', { item_id: 'rs_1', summary_index: 0, part: thought }),
    at(0, 'output_item.done', { item: reasoning([thought]) }),
    at(1, 'output_item.added', { item: message('in_progress', []) }),
    at(1, 'content_part.added', { item_id: 'msg_1', content_index: 0, part: text('') }),
    at(1, 'output_text.delta', { item_id: 'msg_1', content_index: 0, delta: 'Three courts, ', logprobs: [] }),
    at(1, 'output_text.delta', { item_id: 'msg_1', content_index: 0, delta: 'three tongues.', logprobs: [] }),
    at(1, 'output_text.annotation.added', {
      item_id: 'msg_1',
      content_index: 0,
      annotation_index: 0,
      annotation,
    }),
    at(1, 'output_text.done', { item_id: 'msg_1', content_index: 0, text: said, logprobs: [] }),
    at(1, 'content_part.done', { item_id: 'msg_1', content_index: 0, part: text(said) }),
    at(1, 'output_item.done', { item: message('completed', [text(said)]) }),
    at(2, 'output_item.added', { item: call(1, 'look_up', 'in_progress', '') }),
    at(2, 'function_call_arguments.delta', { item_id: 'fc_1', delta: '{"word":' }),
    at(2, 'function_call_arguments.delta', { item_id: 'fc_1', delta: '"dragoman"}' }),
    at(2, 'function_call_arguments.done', { item_id: 'fc_1', arguments: word }),
    at(2, 'output_item.done', { item: call(1, 'look_up', 'completed', word) }),
    at(3, 'output_item.added', { item: call(2, 'now', 'in_progress', '') }),
    at(3, 'function_call_arguments.delta', { item_id: 'fc_2', delta: '{}' }),
    at(3, 'function_call_arguments.done', { item_id: 'fc_2', arguments: '{}' }),
    at(3, 'output_item.done', { item: call(2, 'now', 'completed', '{}') }),
    {
      type: 'response.completed',
      response: response(
        'completed',
        [
          reasoning([thought]),
          message('completed', [text(said)]),
          call(1, 'look_up', 'completed', word),
          call(2, 'now', 'completed', '{}'),
        ],
        {
          input_tokens: 20,
          input_tokens_details: { cached_tokens: 5, cache_write_tokens: 0 },
          output_tokens: 12,
          output_tokens_details: { reasoning_tokens: 4 },
          total_tokens: 32,
        },
      ),
    },
  ];
  return events.map((event, sequence_number) => ({ ...event, sequence_number }));
}
