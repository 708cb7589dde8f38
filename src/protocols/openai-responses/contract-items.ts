import type { Field } from '../contract.ts';
import { drop, refused } from '../treatments.ts';

/** Says who has called, where a program may. */
const caller = ['caller', 'caller.type', 'caller.caller_id'];

const action = ['action', 'action.*'];

const hostedCall = (type: string, ...inside: string[]): Field => ({
  path: `input[type=${type}]`,
  is: 'parts.hosted_call',
  inside: ['status', ...inside],
});

/** Calls that the client carries out, of tools that only this protocol has. */
const ownCall = (type: string, ...inside: string[]): Field => ({
  path: `input[type=${type}]`,
  is: 'parts.vendor_call',
  inside: ['call_id', 'status', ...inside],
});

/** What stands in `input`. */
export const items: readonly Field[] = [
  { path: 'input', is: 'turns' },
  { path: 'input[role=user|assistant]', is: 'turns', inside: ['content'] },
  { path: 'input[role=system]', is: 'turns.system' },
  { path: 'input[role=developer]', is: 'turns.developer' },
  { path: 'input[type=message]', is: 'turns', inside: ['role', 'content'] },
  { path: 'input[type=message].phase', is: 'parts.item' },
  { path: 'input[].id', is: 'parts.item' },
  { path: 'input[type=message|reasoning|function_call*|custom_tool_call*].status', is: 'parts.item' },
  {
    path: 'input[type=message].content[type=input_text|output_text]',
    is: 'parts.text',
    inside: ['text'],
  },
  { path: 'input[type=message].content[type=text]', is: 'parts.text', inside: ['text'], beyond: true },
  {
    path: 'input[type=message].content[type=input_video]',
    is: 'parts.video',
    inside: ['video_url'],
    beyond: true,
  },
  {
    path: 'input[type=message].content[type=output_text].annotations',
    is: 'parts.citations',
    inside: ['*'],
    usual: [[]],
  },
  { path: 'input[type=message].content[type=output_text].logprobs', is: 'parts.logprobs', inside: ['*'] },
  { path: 'input[type=message].content[type=refusal]', is: 'parts.refusal', inside: ['refusal'] },
  { path: 'input[type=message].content[type=input_image]', is: 'parts.image', inside: ['image_url'] },
  { path: 'input[type=message].content[type=input_image].detail', is: 'parts.image_detail', usual: ['auto'] },
  { path: 'input[type=message].content[type=input_image].file_id', is: 'parts.file_id' },
  { path: 'input[type=message].content[type=input_file]', is: 'parts.document', inside: ['file_data'] },
  { path: 'input[type=message].content[type=input_file].filename', is: 'parts.title' },
  {
    path: 'input[type=message].content[type=input_file].detail',
    is: 'parts.image_detail',
    at: { 'openai-chat': drop('how closely a file is read cannot be chosen') },
    usual: ['auto'],
  },
  { path: 'input[type=message].content[type=input_file].file_url', is: 'parts.url' },
  {
    path: 'input[type=message].content[type=input_file].file_id',
    is: 'parts.file_id',
    at: { 'openai-chat': { fate: 'carry' } },
  },
  {
    path: 'input[type=message].content[type=input_audio]',
    is: 'parts.audio',
    inside: ['input_audio', 'input_audio.data', 'input_audio.format'],
    beyond: true,
  },
  {
    path: 'input[type=message].content[].prompt_cache_breakpoint',
    is: 'parts.cache',
    inside: ['mode', 'ttl'],
  },
  {
    path: 'input[type=reasoning]',
    is: 'parts.reasoning',
    inside: ['summary', 'summary[]', 'summary[].text', 'content', 'content[]', 'content[].text'],
  },
  { path: 'input[type=reasoning].encrypted_content', is: 'parts.seal' },
  {
    path: 'input[type=function_call]',
    is: 'parts.tool_call',
    inside: ['call_id', 'name', 'arguments'],
  },
  { path: 'input[type=custom_tool_call]', is: 'parts.custom_call', inside: ['call_id', 'name', 'input'] },
  { path: 'input[type=function_call|custom_tool_call].namespace', is: 'parts.call_namespace' },
  {
    path: 'input[type=function_call|custom_tool_call].async',
    elsewhere: drop('calls are waited for'),
    usual: [false],
  },
  {
    path: 'input[type=function_call*|custom_tool_call*].caller',
    elsewhere: drop('tools are called by the model alone'),
    inside: ['type', 'caller_id'],
    usual: [{ type: 'direct' }],
  },
  {
    path: 'input[type=function_call_output|custom_tool_call_output]',
    is: 'parts.tool_result',
    inside: ['call_id', 'output'],
  },
  {
    path: 'input[type=function_call_output|custom_tool_call_output].output',
    is: 'parts.tool_result',
    like: 'input[type=message].content',
  },
  {
    path: 'input[type=function_call_output].name',
    elsewhere: { fate: 'moot', why: 'the call says which tool it was' },
  },
  {
    path: 'input[type=function_call_output].namespace',
    elsewhere: { fate: 'moot', why: 'the call says which tool it was' },
  },
  hostedCall('web_search_call', ...action),
  hostedCall('file_search_call', 'queries', 'queries[]', 'results', 'results[]', 'results[].*'),
  hostedCall('code_interpreter_call', 'container_id', 'code', 'outputs', 'outputs[]', 'outputs[].*'),
  hostedCall(
    'image_generation_call',
    'result',
    'action',
    'background',
    'output_format',
    'quality',
    'revised_prompt',
    'size',
    'error',
    'error.*',
    'svg_usage',
    'svg_usage.*',
  ),
  hostedCall(
    'mcp_call',
    'server_label',
    'name',
    'arguments',
    'output',
    'error',
    'error.*',
    'approval_request_id',
  ),
  hostedCall('tool_search_call', 'call_id', 'execution', 'arguments'),
  {
    path: 'input[type=program]',
    is: 'parts.hosted_call',
    inside: ['call_id', 'code', 'fingerprint'],
  },
  ownCall(
    'computer_call',
    ...action,
    'actions',
    'actions[]',
    'actions[].*',
    'pending_safety_checks',
    'pending_safety_checks[]',
    'pending_safety_checks[].*',
  ),
  ownCall('local_shell_call', ...action),
  ownCall('shell_call', ...action, ...caller, 'environment', 'environment.*'),
  ownCall('apply_patch_call', ...caller, 'operation', 'operation.*'),
  {
    path: 'input[type=computer_call_output|local_shell_call_output|shell_call_output|apply_patch_call_output]',
    is: 'parts.vendor_result',
    inside: [
      'call_id',
      'status',
      'output',
      'output.*',
      'output[]',
      'output[].*',
      'max_output_length',
      'acknowledged_safety_checks',
      'acknowledged_safety_checks[]',
      'acknowledged_safety_checks[].*',
      ...caller,
    ],
  },
  { path: 'input[type=program_output]', is: 'parts.hosted_result', inside: ['call_id', 'result', 'status'] },
  {
    path: 'input[type=mcp_list_tools]',
    elsewhere: drop('what another provider’s servers offer cannot be told'),
    inside: ['server_label', 'tools', 'tools[]', 'tools[].*', 'error'],
  },
  {
    path: 'input[type=mcp_approval_request|mcp_approval_response]',
    is: 'parts.approval',
    inside: ['server_label', 'name', 'arguments', 'approval_request_id', 'approve', 'reason'],
  },
  {
    path: 'input[type=additional_tools|tool_search_output]',
    is: 'parts.tool_change',
    inside: ['tools', 'role', 'call_id', 'execution', 'status'],
  },
  {
    path: 'input[type=additional_tools|tool_search_output].tools',
    is: 'parts.tool_change',
    like: 'tools',
  },
  { path: 'input[type=compaction]', is: 'parts.sealed_compaction', inside: ['encrypted_content'] },
  {
    path: 'input[type=compaction_trigger]',
    elsewhere: refused(
      'without a store no summary can stand for what was said; with one, the model writes it',
    ),
  },
  { path: 'input[type=item_reference]', is: 'parts.reference', inside: ['id'] },
  {
    path: 'input[type=configuration_update]',
    elsewhere: drop('settings cannot change within a conversation', 'degrade'),
    inside: [
      'reasoning',
      'reasoning.effort',
      'text',
      'text.format',
      'text.format.type',
      'text.format.name',
      'text.format.description',
      'text.format.schema',
      'text.format.schema.*',
      'text.format.strict',
    ],
  },
];
