import type { Json, JsonObject } from '../../../src/turn/json.ts';
import { pdf, png, schema, value, type Sample, type Samples } from './sample.ts';

const hi: JsonObject = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] };
const items = (...more: JsonObject[]): Sample => ({
  with: { input: [hi, ...more] },
  without: { input: [hi] },
});
const inItem = (...more: JsonObject[]): Sample => ({ with: { input: [hi, ...more] } });
const content = (...parts: JsonObject[]): Sample => ({
  with: {
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'See' }, ...parts] }],
  },
});
const output = (more: JsonObject): JsonObject => ({
  type: 'message',
  role: 'assistant',
  id: 'msg_1',
  status: 'completed',
  content: [{ type: 'output_text', text: 'Well', annotations: [], ...more }],
});
const call: JsonObject = { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"a":1}' };
const result: JsonObject = { type: 'function_call_output', call_id: 'c1', output: 'seen' };
const file = { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` };

const look = (more: JsonObject = {}): JsonObject => ({
  type: 'function',
  name: 'look',
  parameters: schema,
  strict: false,
  ...more,
});
const offered = (...tools: Json[]): Sample => ({ with: { tools: [look(), ...tools] } });
const inTool = (more: JsonObject): Sample => ({ with: { tools: [look(more)] } });
const search = (more: JsonObject): Sample => ({ with: { tools: [{ type: 'web_search', ...more }] } });
const format = (more: JsonObject): Sample => ({
  with: { text: { format: { type: 'json_schema', name: 'n', schema, ...more } } },
});
const wish = (word: string): Sample => ({ with: { include: [word] }, without: {} });

const settings: Samples = {
  model: { with: { model: 'm' }, without: { model: 'other' } },
  ...value('instructions', 'Be kind.'),
  ...value('temperature', 0.5),
  ...value('top_p', 0.5),
  ...value('top_logprobs', 2),
  ...value('frequency_penalty', 0.5),
  ...value('presence_penalty', 0.5),
  ...value('max_output_tokens', 900),
  ...value('reasoning.effort', 'high', { 'anthropic-messages': 'asBudget' }),
  'reasoning.summary': {
    with: { reasoning: { effort: 'high', summary: 'auto' } },
    without: { reasoning: { effort: 'high' } },
  },
  'reasoning.generate_summary': {
    with: { reasoning: { effort: 'high', generate_summary: 'auto' } },
  },
  ...value('reasoning.mode', 'pro'),
  ...value('reasoning.context', 'all_turns'),
  'text.format.type': { with: { text: { format: { type: 'json_object' } } }, without: {} },
  'text.format.schema': { ...format({}), without: {} },
  'text.format.name': format({}),
  'text.format.description': format({ description: 'A place' }),
  'text.format.strict': format({ strict: false }),
  ...value('text.verbosity', 'low'),
  ...value('prompt_cache_key', 'k'),
  ...value('prompt_cache_retention', '24h'),
  ...value('prompt_cache_options', { mode: 'implicit' }),
  ...value('store', true),
  ...value('previous_response_id', 'resp_1'),
  ...value('conversation', 'conv_1'),
  ...value('prompt', { id: 'pmpt_1' }),
  ...value('stream', true),
  'stream_options.include_obfuscation': {
    with: { stream: true, stream_options: { include_obfuscation: false } },
  },
  ...value('service_tier', 'default'),
  ...value('user', 'u'),
  ...value('safety_identifier', 's'),
  metadata: { with: { store: true, metadata: { a: 'b' } } },
  ...value('background', true),
  ...value('max_tool_calls', 3),
  ...value('truncation', 'auto'),
  ...value('context_management', [{ type: 'compaction', compact_threshold: 1000 }]),
  ...value('moderation', { model: 'omni-moderation-latest' }),
  ...value('access_programs', { cyber: 'x' }),
  ...value('image', { context_compression: 'auto' }),
  include: wish('file_search_call.results'),
  'include[reasoning.encrypted_content]': wish('reasoning.encrypted_content'),
  'include[message.output_text.logprobs]': wish('message.output_text.logprobs'),
  'include[message.input_image.image_url]': wish('message.input_image.image_url'),
};

const tools: Samples = {
  'tools[type=function]': offered(look({ name: 'two' })),
  'tools[type=function].parameters': { with: { tools: [look()] } },
  'tools[type=function].strict': inTool({ strict: true }),
  'tools[type=function].output_schema': inTool({ output_schema: schema }),
  'tools[type=custom]': offered({ type: 'custom', name: 'say' }),
  'tools[type=custom].format': offered({
    type: 'custom',
    name: 'say',
    format: { type: 'grammar', syntax: 'regex', definition: 'a+' },
  }),
  'tools[type=function|custom].description': inTool({ description: 'Looks' }),
  'tools[type=function|custom].defer_loading': inTool({ defer_loading: true }),
  'tools[type=function|custom].async': inTool({ async: true }),
  'tools[type=function|custom].allowed_callers': inTool({ allowed_callers: ['programmatic'] }),
  'tools[type=namespace]': offered({
    type: 'namespace',
    name: 'ns',
    description: '',
    tools: [look({ name: 'in' })],
  }),
  'tools[type=namespace].tools': {
    with: { tools: [{ type: 'namespace', name: 'ns', description: '', tools: [look()] }] },
    without: { tools: [{ type: 'namespace', name: 'ns', description: '', tools: [] }] },
  },
  'tools[type=namespace].description': offered({
    type: 'namespace',
    name: 'ns',
    description: 'Things',
    tools: [look({ name: 'in' })],
  }),
  'tools[type=web_search*]': offered({ type: 'web_search' }),
  'tools[type=web_search*].filters': search({ filters: { allowed_domains: ['a.example'] } }),
  'tools[type=web_search*].user_location': search({ user_location: { type: 'approximate', city: 'Oslo' } }),
  'tools[type=web_search*].search_context_size': search({ search_context_size: 'low' }),
  'tools[type=web_search*].external_web_access': search({ external_web_access: false }),
  'tools[type=web_search*].search_content_types': search({ search_content_types: ['image'] }),
  'tools[type=file_search]': offered({ type: 'file_search', vector_store_ids: ['vs_1'] }),
  'tools[type=computer|computer_use*]': offered({ type: 'computer' }),
  'tools[type=mcp]': offered({ type: 'mcp', server_label: 's', server_url: 'https://a.example' }),
  'tools[type=code_interpreter]': offered({ type: 'code_interpreter', container: { type: 'auto' } }),
  'tools[type=programmatic_tool_calling]': offered({ type: 'programmatic_tool_calling' }),
  'tools[type=image_generation]': offered({ type: 'image_generation' }),
  'tools[type=local_shell]': offered({ type: 'local_shell' }),
  'tools[type=shell]': offered({ type: 'shell', environment: { type: 'local' } }),
  'tools[type=apply_patch]': offered({ type: 'apply_patch' }),
  'tools[type=tool_search]': offered({ type: 'tool_search' }),
  tool_choice: { with: { tools: [look()], tool_choice: { type: 'function', name: 'look' } } },
  'tool_choice.tools': {
    with: {
      tools: [look(), look({ name: 'two' })],
      tool_choice: {
        type: 'allowed_tools',
        mode: 'required',
        tools: [{ type: 'function', name: 'look' }],
      },
    },
    without: { tools: [look(), look({ name: 'two' })], tool_choice: 'required' },
  },
  'tool_choice.mode': {
    with: {
      tools: [look(), look({ name: 'two' })],
      tool_choice: {
        type: 'allowed_tools',
        mode: 'required',
        tools: [{ type: 'function', name: 'look' }],
      },
    },
    without: { tools: [look(), look({ name: 'two' })], tool_choice: 'required' },
  },
  'tool_choice.server_label': {
    with: {
      tools: [look(), { type: 'mcp', server_label: 's', server_url: 'https://a.example' }],
      tool_choice: { type: 'mcp', server_label: 's' },
    },
    without: { tools: [look(), { type: 'mcp', server_label: 's', server_url: 'https://a.example' }] },
    cases: { 'anthropic-messages': 'missing' },
  },
  parallel_tool_calls: { with: { tools: [look()], parallel_tool_calls: false } },
};

const conversation: Samples = {
  input: { with: { input: 'Hello' }, without: { input: 'Bye' } },
  'input[role=user|assistant]': {
    with: { input: [hi, { role: 'user', content: 'More' }] },
    without: { input: [hi] },
  },
  'input[role=system]': { with: { input: [{ role: 'system', content: 'S' }, hi] } },
  'input[role=developer]': { with: { input: [{ role: 'developer', content: 'D' }, hi] } },
  'input[type=message]': items({ type: 'message', role: 'user', content: 'More' }),
  'input[type=message].phase': inItem({ ...output({}), phase: 'final_answer' }, hi),
  'input[].id': inItem(output({}), hi),
  'input[type=message|reasoning|function_call*|custom_tool_call*].status': inItem(output({}), hi),
  'input[type=message].content[type=text]': content({ type: 'text', text: 'this' }),
  'input[type=message].content[type=input_video]': content({
    type: 'input_video',
    video_url: 'data:video/mp4;base64,YQ==',
  }),
  'input[type=message].content[type=input_text|output_text]': {
    with: content({ type: 'input_text', text: 'this' }).with,
    without: content().with,
  },
  'input[type=message].content[type=output_text].annotations': inItem(
    output({
      annotations: [
        { type: 'url_citation', url: 'https://a.example', title: 'A', start_index: 0, end_index: 4 },
      ],
    }),
    hi,
  ),
  'input[type=message].content[type=output_text].logprobs': inItem(
    output({ logprobs: [{ token: 'W', logprob: -1, bytes: [87], top_logprobs: [] }] }),
    hi,
  ),
  'input[type=message].content[type=refusal]': {
    with: {
      input: [hi, { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No' }] }, hi],
    },
    without: { input: [hi, hi] },
  },
  'input[type=message].content[type=input_image]': content({
    type: 'input_image',
    image_url: `data:image/png;base64,${png}`,
  }),
  'input[type=message].content[type=input_image].detail': content({
    type: 'input_image',
    image_url: 'https://a.example/b.png',
    detail: 'low',
  }),
  'input[type=message].content[type=input_image].file_id': {
    ...content({ type: 'input_image', file_id: 'file-1' }),
    without: content().with,
  },
  'input[type=message].content[type=input_file]': content(file),
  'input[type=message].content[type=input_file].filename': content({ ...file, filename: 'facts.pdf' }),
  'input[type=message].content[type=input_file].detail': content({ ...file, detail: 'low' }),
  'input[type=message].content[type=input_file].file_url': {
    ...content({ type: 'input_file', file_url: 'https://a.example/b.pdf' }),
    without: content().with,
  },
  'input[type=message].content[type=input_file].file_id': {
    ...content({ type: 'input_file', file_id: 'file-1' }),
    without: content().with,
  },
  'input[type=message].content[type=input_audio]': content({
    type: 'input_audio',
    input_audio: { data: 'UklGRg==', format: 'wav' },
  }),
  'input[type=message].content[].prompt_cache_breakpoint': content({
    type: 'input_text',
    text: 'x',
    prompt_cache_breakpoint: { mode: 'explicit' },
  }),
  'input[type=reasoning]': {
    with: {
      input: [hi, { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] }, output({}), hi],
    },
    without: { input: [hi, output({}), hi] },
  },
  'input[type=reasoning].encrypted_content': {
    with: { input: [hi, { type: 'reasoning', summary: [], encrypted_content: 'x' }, output({}), hi] },
    without: { input: [hi, output({}), hi] },
  },
  'input[type=function_call]': items(call, result),
  'input[type=custom_tool_call]': items(
    { type: 'custom_tool_call', call_id: 'c1', name: 'say', input: 'x' },
    { type: 'custom_tool_call_output', call_id: 'c1', output: 'said' },
  ),
  'input[type=function_call|custom_tool_call].namespace': inItem({ ...call, namespace: 'ns' }, result),
  'input[type=function_call|custom_tool_call].async': inItem({ ...call, async: true }, result),
  'input[type=function_call*|custom_tool_call*].caller': inItem(
    { ...call, caller: { type: 'program', caller_id: 'p' } },
    result,
  ),
  'input[type=function_call_output|custom_tool_call_output]': {
    with: { input: [hi, call, result] },
    without: { input: [hi, call, { ...result, output: 'else' }] },
  },
  'input[type=function_call_output|custom_tool_call_output].output': {
    with: { input: [hi, call, result] },
    without: { input: [hi, call, { ...result, output: 'else' }] },
  },
  'input[type=function_call_output].name': inItem(call, { ...result, name: 'look' }),
  'input[type=function_call_output].namespace': inItem(call, { ...result, namespace: 'ns' }),
  'input[type=web_search_call]': items({
    type: 'web_search_call',
    id: 'ws_1',
    status: 'completed',
    action: { type: 'search', query: 'x' },
  }),
  'input[type=file_search_call]': items({
    type: 'file_search_call',
    id: 'fs_1',
    status: 'completed',
    queries: ['x'],
    results: null,
  }),
  'input[type=code_interpreter_call]': items({
    type: 'code_interpreter_call',
    id: 'ci_1',
    status: 'completed',
    container_id: 'c',
    code: '1',
    outputs: null,
  }),
  'input[type=image_generation_call]': items({
    type: 'image_generation_call',
    id: 'ig_1',
    status: 'completed',
    result: png,
  }),
  'input[type=mcp_call]': items({
    type: 'mcp_call',
    id: 'mcp_1',
    server_label: 's',
    name: 'n',
    arguments: '{}',
    output: 'x',
  }),
  'input[type=tool_search_call]': items({
    type: 'tool_search_call',
    id: 'ts_1',
    status: 'completed',
    execution: 'server',
    arguments: '{}',
  }),
  'input[type=program]': items({ type: 'program', id: 'p_1', call_id: 'c1', code: '1', fingerprint: 'f' }),
  'input[type=computer_call]': items(
    {
      type: 'computer_call',
      id: 'cc_1',
      call_id: 'c1',
      status: 'completed',
      action: { type: 'screenshot' },
      pending_safety_checks: [],
    },
    {
      type: 'computer_call_output',
      call_id: 'c1',
      output: { type: 'computer_screenshot', image_url: `data:image/png;base64,${png}` },
    },
  ),
  'input[type=local_shell_call]': items(
    {
      type: 'local_shell_call',
      id: 'ls_1',
      call_id: 'c1',
      status: 'completed',
      action: { type: 'exec', command: ['ls'], env: {} },
    },
    { type: 'local_shell_call_output', id: 'c1', call_id: 'c1', output: 'a' },
  ),
  'input[type=shell_call]': items(
    { type: 'shell_call', id: 'sh_1', call_id: 'c1', status: 'completed', action: { commands: ['ls'] } },
    {
      type: 'shell_call_output',
      call_id: 'c1',
      output: [{ stdout: 'a', stderr: '', outcome: { type: 'exit', exit_code: 0 } }],
    },
  ),
  'input[type=apply_patch_call]': items(
    {
      type: 'apply_patch_call',
      id: 'ap_1',
      call_id: 'c1',
      status: 'completed',
      operation: { type: 'delete_file', path: 'a' },
    },
    { type: 'apply_patch_call_output', call_id: 'c1', status: 'completed', output: 'done' },
  ),
  'input[type=computer_call_output|local_shell_call_output|shell_call_output|apply_patch_call_output]': {
    with: {
      input: [
        hi,
        {
          type: 'local_shell_call',
          id: 'ls_1',
          call_id: 'c1',
          status: 'completed',
          action: { type: 'exec' },
        },
        { type: 'local_shell_call_output', call_id: 'c1', output: 'a' },
      ],
    },
    without: {
      input: [
        hi,
        {
          type: 'local_shell_call',
          id: 'ls_1',
          call_id: 'c1',
          status: 'completed',
          action: { type: 'exec' },
        },
        { type: 'local_shell_call_output', call_id: 'c1', output: 'b' },
      ],
    },
  },
  'input[type=program_output]': items({
    type: 'program_output',
    id: 'po_1',
    call_id: 'c1',
    result: 'x',
    status: 'completed',
  }),
  'input[type=mcp_list_tools]': items({ type: 'mcp_list_tools', id: 'ml_1', server_label: 's', tools: [] }),
  'input[type=mcp_approval_request|mcp_approval_response]': items(
    { type: 'mcp_approval_request', id: 'ma_1', server_label: 's', name: 'n', arguments: '{}' },
    { type: 'mcp_approval_response', approval_request_id: 'ma_1', approve: true },
  ),
  'input[type=additional_tools|tool_search_output]': items({
    type: 'additional_tools',
    role: 'developer',
    tools: [look({ name: 'late' })],
  }),
  'input[type=additional_tools|tool_search_output].tools': items({
    type: 'additional_tools',
    role: 'developer',
    tools: [look({ name: 'late' })],
  }),
  'input[type=compaction]': items({ type: 'compaction', id: 'cmp_1', encrypted_content: 'x' }),
  'input[type=compaction_trigger]': items({ type: 'compaction_trigger' }),
  'input[type=item_reference]': items({ type: 'item_reference', id: 'msg_9' }),
  'input[type=configuration_update]': items({ type: 'configuration_update', reasoning: { effort: 'low' } }),
};

/** A sample for each field of Responses. */
export const samples: Samples = { ...settings, ...tools, ...conversation };
export const minimal: JsonObject = { model: 'm', input: [hi] };
