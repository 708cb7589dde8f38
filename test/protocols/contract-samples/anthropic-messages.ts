import type { Json, JsonObject } from '../../../src/turn/json.ts';
import { pdf, png, schema, value, type Sample, type Samples } from './sample.ts';

const hi: JsonObject = { role: 'user', content: 'Hi' };
const text = (words: string): JsonObject => ({ type: 'text', text: words });
const content = (...blocks: JsonObject[]): Sample => ({
  with: { messages: [{ role: 'user', content: [text('See'), ...blocks] }] },
});
const answered = (...blocks: JsonObject[]): Sample => ({
  with: { messages: [hi, { role: 'assistant', content: [...blocks, text('Well')] }, hi] },
});
const document = (more: JsonObject): JsonObject => ({
  type: 'document',
  source: { type: 'base64', media_type: 'application/pdf', data: pdf },
  ...more,
});
const image: JsonObject = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };
const use = (more: JsonObject = {}): JsonObject => ({
  type: 'tool_use',
  id: 'toolu_1',
  name: 'look',
  input: { a: 1 },
  ...more,
});
const result = (more: JsonObject = {}): JsonObject => ({
  type: 'tool_result',
  tool_use_id: 'toolu_1',
  content: 'seen',
  ...more,
});
const called = (call: JsonObject, answer: JsonObject): Sample => ({
  with: {
    messages: [hi, { role: 'assistant', content: [text('Well'), call] }, { role: 'user', content: [answer] }],
  },
});
const plainCall = called(use(), result({ content: 'else' })).with;

const look = (more: JsonObject = {}): JsonObject => ({ name: 'look', input_schema: schema, ...more });
const offered = (...tools: Json[]): Sample => ({ with: { tools: [look(), ...tools] } });
const inTool = (more: JsonObject): Sample => ({ with: { tools: [look({ type: 'custom', ...more })] } });
const search = (more: JsonObject): Sample => ({
  with: { tools: [{ type: 'web_search_20250305', name: 'web_search', ...more }] },
});

const settings: Samples = {
  model: { with: { model: 'm' }, without: { model: 'other' } },
  max_tokens: { with: { max_tokens: 900 }, without: { max_tokens: 800 } },
  ...value('temperature', 0.5),
  ...value('top_p', 0.5),
  ...value('top_k', 5),
  ...value('stop_sequences', ['END']),
  ...value('stream', true),
  'thinking.type': { with: { thinking: { type: 'adaptive' } }, without: {} },
  'thinking.budget_tokens': {
    with: { thinking: { type: 'enabled', budget_tokens: 4000 } },
    without: { thinking: { type: 'enabled' } },
  },
  'thinking.display': {
    with: { thinking: { type: 'enabled', budget_tokens: 4000, display: 'omitted' } },
  },
  'thinking.block_binding': {
    with: {
      thinking: {
        type: 'enabled',
        budget_tokens: 4000,
        block_binding: { prefix_mismatch_behavior: 'drop_block' },
      },
    },
  },
  ...value('output_config.effort', 'high'),
  ...value('output_config.format', { type: 'json_schema', schema }),
  ...value('output_config.task_budget', { type: 'tokens', total: 9000 }),
  ...value('output_format', { type: 'json_schema', schema }),
  ...value('cache_control', { type: 'ephemeral' }),
  ...value('metadata.user_id', 'u'),
  ...value('service_tier', 'standard_only'),
  ...value('speed', 'fast'),
  ...value('container', 'container_1'),
  'context_management.edits[type=clear_tool_uses_*]': {
    with: { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
  },
  'context_management.edits[type=clear_thinking_*]': {
    with: { context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] } },
  },
  'context_management.edits[type=compact_*]': {
    with: { context_management: { edits: [{ type: 'compact_20260112' }] } },
  },
  ...value('compaction', { type: 'summarize' }),
  ...value('thread', { type: 'continue', previous_message_id: 'msg_1' }),
  ...value('fallbacks', [{ model: 'other' }]),
  ...value('fallback_credit_token', 'x'),
  ...value('billing_policy', { type: 'billing_policy', bill_to: 'self' }),
  ...value('diagnostics', { previous_message_id: 'msg_1' }),
  ...value('inference_geo', 'eu'),
  ...value('user_profile_id', 'u'),
};

const tools: Samples = {
  'tools[]': offered(look({ name: 'two' })),
  'tools[type=custom]': offered(look({ type: 'custom', name: 'two' })),
  'tools[type=custom].description': inTool({ description: 'Looks' }),
  'tools[type=custom].input_schema': {
    ...inTool({}),
    without: inTool({ input_schema: { type: 'object', properties: {} } }).with,
  },
  'tools[type=custom].strict': inTool({ strict: true }),
  'tools[type=custom].defer_loading': inTool({ defer_loading: true }),
  'tools[type=custom].eager_input_streaming': inTool({ eager_input_streaming: true }),
  'tools[type=custom].input_examples': inTool({ input_examples: [{ city: 'Oslo' }] }),
  'tools[type=custom].allowed_callers': inTool({ allowed_callers: ['code_execution_20250825'] }),
  'tools[].cache_control': inTool({ cache_control: { type: 'ephemeral' } }),
  'tools[type=web_search_*]': offered({ type: 'web_search_20250305', name: 'web_search' }),
  'tools[type=web_search_*].allowed_domains': search({ allowed_domains: ['a.example'] }),
  'tools[type=web_search_*].user_location': search({
    user_location: { type: 'approximate', city: 'Oslo' },
  }),
  'tools[type=web_search_*].blocked_domains': search({ blocked_domains: ['a.example'] }),
  'tools[type=web_search_*].max_uses': search({ max_uses: 3 }),
  'tools[type=web_search_*].allowed_callers': search({ allowed_callers: ['code_execution_20250825'] }),
  'tools[type=web_search_*].defer_loading': search({ defer_loading: true }),
  'tools[type=web_search_*].strict': search({ strict: true }),
  'tools[type=web_search_*].response_inclusion': search({ response_inclusion: 'x' }),
  'tools[type=web_fetch_*]': offered({ type: 'web_fetch_20250910', name: 'web_fetch' }),
  'tools[type=code_execution_*]': offered({ type: 'code_execution_20250825', name: 'code_execution' }),
  'tools[type=bash_*]': offered({ type: 'bash_20250124', name: 'bash' }),
  'tools[type=text_editor_*]': offered({
    type: 'text_editor_20250728',
    name: 'str_replace_based_edit_tool',
  }),
  'tools[type=computer_*|browser_*]': offered({
    type: 'computer_20250124',
    name: 'computer',
    display_height_px: 100,
    display_width_px: 100,
  }),
  'tools[type=memory_*]': offered({ type: 'memory_20250818', name: 'memory' }),
  'tools[type=tool_search_tool_*]': offered({
    type: 'tool_search_tool_bm25_20251119',
    name: 'tool_search_tool_bm25',
  }),
  'tools[type=advisor_*]': offered({ type: 'advisor_20260301', name: 'advisor', model: 'm' }),
  'tools[type=mcp_toolset]': offered({ type: 'mcp_toolset', mcp_server_name: 's' }),
  'mcp_servers[]': {
    with: { mcp_servers: [{ type: 'url', name: 's', url: 'https://a.example' }] },
    without: {},
  },
  tool_choice: { with: { tools: [look()], tool_choice: { type: 'tool', name: 'look' } } },
  'tool_choice.disable_parallel_tool_use': {
    with: { tools: [look()], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  },
};

const blocks: Samples = {
  system: { with: { system: 'Be kind.' } },
  'messages[role=user|assistant]': {
    with: { messages: [hi, { role: 'assistant', content: 'Well' }, { role: 'user', content: 'More' }] },
    without: { messages: [hi] },
  },
  'messages[role=system]': { with: { messages: [hi, { role: 'system', content: 'S' }] } },
  'messages[role=system].clear_at': {
    with: { messages: [hi, { role: 'system', content: 'S', clear_at: 'x' }] },
  },
  'messages[role=system].output_config': {
    with: { messages: [hi, { role: 'system', content: 'S', output_config: { effort: 'low' } }] },
  },
  'messages[].content[type=text]': content(text('this')),
  'messages[].content[type=text].citations': {
    with: answered({
      ...text('Cited'),
      citations: [
        {
          type: 'char_location',
          cited_text: 'x',
          document_index: 0,
          document_title: null,
          start_char_index: 0,
          end_char_index: 1,
        },
      ],
    }).with,
  },
  'messages[].content[].cache_control': content({ ...text('x'), cache_control: { type: 'ephemeral' } }),
  'messages[].content[type=image]': content(image),
  'messages[].content[type=image].transformations': content({
    ...image,
    transformations: { oversized_image: 'x' },
  }),
  'messages[].content[type=document]': content(document({})),
  'messages[].content[type=image|document].source.file_id': {
    ...content({ type: 'document', source: { type: 'file', file_id: 'file_1' } }),
    without: content().with,
  },
  'messages[].content[type=document].source.url': {
    ...content({ type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' } }),
    without: content().with,
  },
  'messages[].content[type=document].source.content': {
    ...content({ type: 'document', source: { type: 'content', content: [text('one'), text('two')] } }),
    without: content().with,
  },
  'messages[].content[type=document].title': content(document({ title: 'Facts' })),
  'messages[].content[type=document].context': content(document({ context: 'Of old' })),
  'messages[].content[type=document].citations': content(document({ citations: { enabled: true } })),
  'messages[].content[type=search_result]': content({
    type: 'search_result',
    source: 'https://a.example',
    title: 'A',
    content: [text('found')],
  }),
  'messages[].content[type=search_result].content': {
    ...content({ type: 'search_result', source: 's', title: 'A', content: [text('found')] }),
    without: content().with,
  },
  'messages[].content[type=search_result].citations': content({
    type: 'search_result',
    source: 's',
    title: 'A',
    content: [text('found')],
    citations: { enabled: true },
  }),
  'messages[].content[type=thinking]': answered({ type: 'thinking', thinking: 'hm', signature: '' }),
  'messages[].content[type=thinking].signature': {
    ...answered({ type: 'thinking', thinking: '', signature: 'x' }),
    without: answered().with,
  },
  'messages[].content[type=redacted_thinking]': answered({ type: 'redacted_thinking', data: 'x' }),
  'messages[].content[type=tool_use]': {
    ...called(use(), result()),
    without: { messages: [hi, { role: 'assistant', content: [text('Well')] }, hi] },
  },
  'messages[].content[type=tool_use].caller': called(
    use({ caller: { type: 'code_execution_20250825', tool_id: 'x' } }),
    result(),
  ),
  'messages[].content[type=tool_use|tool_result].toolset_name': called(use({ toolset_name: 'b' }), result()),
  'messages[].content[type=tool_result]': { ...called(use(), result()), without: plainCall },
  'messages[].content[type=tool_result].content': { ...called(use(), result()), without: plainCall },
  'messages[].content[type=tool_result].content[type=image]': called(
    use(),
    result({ content: [text('seen'), image] }),
  ),
  'messages[].content[type=tool_result].is_error': called(use(), result({ is_error: true })),
  'messages[].content[type=tool_result].content[type=tool_reference]': called(
    use(),
    result({ content: [text('seen'), { type: 'tool_reference', tool_name: 'two' }] }),
  ),
  'messages[].content[type=tool_result].content[type=browser_state]': called(
    use(),
    result({ content: [text('seen'), { type: 'browser_state', tabs: [] }] }),
  ),
  'messages[].content[type=server_tool_use|mcp_tool_use]': answered({
    type: 'server_tool_use',
    id: 'srvtoolu_1',
    name: 'web_search',
    input: { query: 'x' },
  }),
  'messages[].content[type=web_search_tool_result|web_fetch_tool_result|code_execution_tool_result|bash_code_execution_tool_result|text_editor_code_execution_tool_result|tool_search_tool_result|advisor_tool_result|mcp_tool_result]':
    answered({ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] }),
  'messages[].content[type=container_upload]': content({ type: 'container_upload', file_id: 'file_1' }),
  'messages[].content[type=compaction]': answered({ type: 'compaction', content: 'So far' }),
  'messages[].content[type=tool_addition]': {
    with: {
      messages: [
        hi,
        {
          role: 'system',
          content: [
            text('New'),
            {
              type: 'tool_addition',
              tool: { type: 'tool_definition', definition: look({ name: 'late' }) },
            },
          ],
        },
      ],
    },
  },
  'messages[].content[type=tool_removal]': {
    with: {
      messages: [
        hi,
        {
          role: 'system',
          content: [text('New'), { type: 'tool_removal', tool: { type: 'tool_reference', name: 'look' } }],
        },
      ],
    },
  },
  'messages[].content[type=mcp_tool_listing]': answered({
    type: 'mcp_tool_listing',
    mcp_server_name: 's',
    tools: [],
  }),
  'messages[].content[type=fallback]': answered({
    type: 'fallback',
    from: { model: 'a' },
    to: { model: 'b' },
  }),
};

/** A sample for each field of Messages. */
export const samples: Samples = { ...settings, ...tools, ...blocks };
export const minimal: JsonObject = { model: 'm', max_tokens: 64_000, messages: [hi] };
