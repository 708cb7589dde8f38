import type { Json, JsonObject } from '../../../src/turn/json.ts';
import { pdf, png, schema, value, type Sample, type Samples } from './sample.ts';

const hi: JsonObject = { role: 'user', content: 'Hi' };
const said = (...more: JsonObject[]): Sample => ({ with: { messages: [hi, ...more] } });
const content = (...parts: JsonObject[]): Sample => ({
  with: { messages: [{ role: 'user', content: [{ type: 'text', text: 'See' }, ...parts] }] },
});
const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
const file = { file_data: `data:application/pdf;base64,${pdf}` };
const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } };
const result = { role: 'tool', tool_call_id: 'c1', content: 'seen' };
const assistant = (more: JsonObject): JsonObject => ({ role: 'assistant', content: 'Well', ...more });

const look = (more: JsonObject = {}): JsonObject => ({
  type: 'function',
  function: { name: 'look', parameters: schema, ...more },
});
const offered = (...tools: Json[]): Sample => ({ with: { tools: [look(), ...tools] } });
const free = (more: JsonObject = {}): JsonObject => ({ type: 'custom', custom: { name: 'say', ...more } });
const format = (more: JsonObject): Sample => ({
  with: { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, ...more } } },
});

const settings: Samples = {
  model: { with: { model: 'm' }, without: { model: 'other' } },
  ...value('temperature', 0.5),
  ...value('top_p', 0.5),
  ...value('top_k', 5),
  ...value('seed', 7),
  ...value('frequency_penalty', 0.5),
  ...value('presence_penalty', 0.5),
  ...value('logit_bias', { '50256': -100 }),
  ...value('logprobs', true),
  top_logprobs: { with: { logprobs: true, top_logprobs: 2 } },
  ...value('stop', ['END']),
  ...value('n', 2),
  ...value('max_completion_tokens', 900),
  ...value('max_tokens', 900),
  ...value('reasoning_effort', 'high', { 'anthropic-messages': 'asBudget' }),
  ...value('reasoning.effort', 'high', { 'anthropic-messages': 'asBudget' }),
  ...value('reasoning.max_tokens', 4000),
  ...value('reasoning.enabled', true, { 'openai-chat': 'default', 'openai-responses': 'default' }),
  'response_format.type': { with: { response_format: { type: 'json_object' } }, without: {} },
  'response_format.json_schema.schema': { ...format({}), without: {} },
  'response_format.json_schema.name': format({}),
  'response_format.json_schema.description': format({ description: 'A place' }),
  'response_format.json_schema.strict': format({ strict: false }),
  ...value('verbosity', 'low'),
  ...value('modalities', ['text', 'audio']),
  ...value('audio', { voice: 'alloy', format: 'wav' }),
  ...value('prediction', { type: 'content', content: 'x' }),
  ...value('moderation', { model: 'omni-moderation-latest' }),
  ...value('prompt_cache_key', 'k'),
  ...value('prompt_cache_retention', '24h'),
  ...value('prompt_cache_options', { mode: 'implicit' }),
  ...value('store', true),
  ...value('stream', true),
  'stream_options.include_usage': { with: { stream: true, stream_options: { include_usage: true } } },
  'stream_options.include_obfuscation': {
    with: { stream: true, stream_options: { include_obfuscation: false } },
  },
  ...value('service_tier', 'default'),
  ...value('user', 'u'),
  ...value('safety_identifier', 's'),
  metadata: { with: { store: true, metadata: { a: 'b' } } },
};

const tools: Samples = {
  'tools[type=function]': offered(look({ name: 'two' })),
  'tools[type=function].function.description': { with: { tools: [look({ description: 'Looks' })] } },
  'tools[type=function].function.parameters': { with: { tools: [look()] } },
  'tools[type=function].function.strict': { with: { tools: [look({ strict: true })] } },
  'tools[type=custom]': offered(free()),
  'tools[type=custom].custom.description': offered(free({ description: 'Says' })),
  'tools[type=custom].custom.format': offered(
    free({ format: { type: 'grammar', grammar: { syntax: 'regex', definition: 'a+' } } }),
  ),
  'tools[].cache_control': { with: { tools: [{ ...look(), cache_control: { type: 'ephemeral' } }] } },
  'functions[]': { with: { functions: [{ name: 'old', parameters: schema }] }, without: {} },
  'functions[].description': { with: { functions: [{ name: 'old', description: 'd' }] } },
  'functions[].parameters': { with: { functions: [{ name: 'old', parameters: schema }] } },
  web_search_options: { with: { web_search_options: {} } },
  'web_search_options.user_location': {
    with: {
      web_search_options: { user_location: { type: 'approximate', approximate: { city: 'Oslo' } } },
    },
  },
  'web_search_options.search_context_size': {
    with: { web_search_options: { search_context_size: 'low' } },
  },
  tool_choice: {
    with: { tools: [look()], tool_choice: { type: 'function', function: { name: 'look' } } },
  },
  'tool_choice.allowed_tools': {
    with: {
      tools: [look(), look({ name: 'two' })],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'look' } }] },
      },
    },
    without: { tools: [look(), look({ name: 'two' })], tool_choice: 'required' },
  },
  function_call: { with: { functions: [{ name: 'old' }], function_call: { name: 'old' } } },
  parallel_tool_calls: { with: { tools: [look()], parallel_tool_calls: false } },
};

const conversation: Samples = {
  'messages[role=user|assistant]': {
    with: { messages: [hi, assistant({}), { role: 'user', content: 'More' }] },
    without: { messages: [hi] },
  },
  'messages[role=system]': { with: { messages: [{ role: 'system', content: 'S' }, hi] } },
  'messages[role=developer]': { with: { messages: [{ role: 'developer', content: 'D' }, hi] } },
  'messages[].name': { with: { messages: [{ ...hi, name: 'bob' }] } },
  'messages[].content[type=text]': content({ type: 'text', text: 'this' }),
  'messages[].content[type=image_url]': content(image),
  'messages[].content[type=image_url].image_url.detail': content({
    type: 'image_url',
    image_url: { url: 'https://a.example/b.png', detail: 'low' },
  }),
  'messages[].content[type=input_audio]': content({
    type: 'input_audio',
    input_audio: { data: 'UklGRg==', format: 'wav' },
  }),
  'messages[].content[type=file]': content({ type: 'file', file: { ...file, filename: 'a.pdf' } }),
  'messages[].content[type=file].file.filename': {
    ...content({ type: 'file', file: { ...file, filename: 'facts.pdf' } }),
  },
  'messages[].content[type=file].file.file_id': {
    ...content({ type: 'file', file: { file_id: 'file-1' } }),
    without: content().with,
  },
  'messages[].content[type=refusal]': said(
    assistant({
      content: [
        { type: 'text', text: 'Hm' },
        { type: 'refusal', refusal: 'No' },
      ],
    }),
    hi,
  ),
  'messages[].content[].prompt_cache_breakpoint': content({
    type: 'text',
    text: 'x',
    prompt_cache_breakpoint: { mode: 'explicit' },
  }),
  'messages[].content[].cache_control': content({
    type: 'text',
    text: 'x',
    cache_control: { type: 'ephemeral' },
  }),
  'messages[role=assistant].refusal': said(assistant({ refusal: 'No' }), hi),
  'messages[role=assistant].audio': said(assistant({ audio: { id: 'audio_1' } }), hi),
  'messages[role=assistant].annotations': said(
    assistant({
      annotations: [
        {
          type: 'url_citation',
          url_citation: { url: 'https://a.example', title: 'A', start_index: 0, end_index: 4 },
        },
      ],
    }),
    hi,
  ),
  'messages[role=assistant].tool_calls[type=function]': {
    with: { messages: [hi, assistant({ tool_calls: [call] }), result] },
    without: { messages: [hi, assistant({}), hi] },
  },
  'messages[role=assistant].tool_calls[type=custom]': {
    with: {
      messages: [
        hi,
        assistant({ tool_calls: [{ id: 'c1', type: 'custom', custom: { name: 'say', input: 'x' } }] }),
        result,
      ],
    },
    without: { messages: [hi, assistant({}), hi] },
  },
  'messages[role=assistant].function_call': {
    with: {
      messages: [
        hi,
        assistant({ function_call: { name: 'old', arguments: '{}' } }),
        { role: 'function', name: 'old', content: 'done' },
      ],
    },
    without: { messages: [hi, assistant({}), hi] },
  },
  'messages[role=assistant].reasoning_content': said(assistant({ reasoning_content: 'hm' }), hi),
  'messages[role=assistant].reasoning': said(assistant({ reasoning: 'hm' }), hi),
  'messages[role=assistant].reasoning_text': said(assistant({ reasoning_text: 'hm' }), hi),
  'messages[role=assistant].reasoning_details': said(
    assistant({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'x', index: 0 }] }),
    hi,
  ),
  'messages[role=assistant].reasoning_opaque': said(assistant({ reasoning_opaque: 'x' }), hi),
  'messages[role=tool]': {
    with: { messages: [hi, assistant({ tool_calls: [call] }), result] },
    without: { messages: [hi, assistant({ tool_calls: [call] }), { ...result, content: 'else' }] },
  },
  'messages[role=function]': {
    with: {
      messages: [
        hi,
        assistant({ function_call: { name: 'old', arguments: '{}' } }),
        { role: 'function', name: 'old', content: 'done' },
      ],
    },
    without: {
      messages: [
        hi,
        assistant({ function_call: { name: 'old', arguments: '{}' } }),
        { role: 'function', name: 'old', content: 'else' },
      ],
    },
  },
};

/** A sample for each field of Chat Completions. */
export const samples: Samples = { ...settings, ...tools, ...conversation };
export const minimal: JsonObject = { model: 'm', messages: [hi] };
