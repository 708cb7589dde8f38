import type { Field } from '../contract.ts';
import { drop, emulate } from '../treatments.ts';

const caller = ['caller', 'caller.type', 'caller.tool_id'];

/** What stands in `system` and `messages`. */
export const blocks: readonly Field[] = [
  { path: 'system', is: 'instructions', like: 'messages[].content' },
  { path: 'messages[role=user|assistant]', is: 'turns', inside: ['content'] },
  { path: 'messages[role=system]', is: 'turns.system', inside: ['content'] },
  {
    path: 'messages[role=system].clear_at',
    elsewhere: drop('a message stays in the context', 'degrade'),
  },
  {
    path: 'messages[role=system].output_config',
    elsewhere: drop('settings cannot change within a conversation', 'degrade'),
    inside: ['effort'],
  },
  { path: 'messages[].content[type=text]', is: 'parts.text', inside: ['text'] },
  { path: 'messages[].content[type=text].citations', is: 'parts.citations', inside: ['*'], usual: [[]] },
  { path: 'messages[].content[].cache_control', is: 'parts.cache', inside: ['type', 'ttl'] },
  {
    path: 'messages[].content[type=image]',
    is: 'parts.image',
    inside: ['source', 'source.type', 'source.data', 'source.media_type', 'source.url'],
  },
  {
    path: 'messages[].content[type=image].transformations',
    elsewhere: drop('how an image is fitted cannot be chosen'),
    inside: ['oversized_image'],
  },
  {
    path: 'messages[].content[type=document]',
    is: 'parts.document',
    inside: ['source', 'source.type', 'source.data', 'source.media_type'],
  },
  { path: 'messages[].content[type=image|document].source.file_id', is: 'parts.file_id' },
  { path: 'messages[].content[type=document].source.url', is: 'parts.url' },
  {
    path: 'messages[].content[type=document].source.content',
    is: 'parts.parts_document',
    like: 'messages[].content',
  },
  { path: 'messages[].content[type=document].title', is: 'parts.title' },
  { path: 'messages[].content[type=document].context', is: 'parts.context' },
  {
    path: 'messages[].content[type=document].citations',
    is: 'parts.citable',
    inside: ['enabled'],
    usual: [{ enabled: false }],
  },
  { path: 'messages[].content[type=search_result]', is: 'parts.search_result', inside: ['source', 'title'] },
  {
    path: 'messages[].content[type=search_result].content',
    is: 'parts.search_result',
    like: 'messages[].content',
  },
  {
    path: 'messages[].content[type=search_result].citations',
    is: 'parts.citable',
    inside: ['enabled'],
    usual: [{ enabled: false }],
  },
  { path: 'messages[].content[type=thinking]', is: 'parts.reasoning', inside: ['thinking'] },
  { path: 'messages[].content[type=thinking].signature', is: 'parts.seal' },
  { path: 'messages[].content[type=redacted_thinking]', is: 'parts.seal', inside: ['data'] },
  {
    path: 'messages[].content[type=tool_use]',
    is: 'parts.tool_call',
    inside: ['id', 'name', 'input', 'input.*'],
  },
  {
    path: 'messages[].content[type=tool_use].caller',
    elsewhere: drop('tools are called by the model alone'),
    inside: ['type', 'tool_id'],
    usual: [{ type: 'direct' }],
  },
  {
    path: 'messages[].content[type=tool_use|tool_result].toolset_name',
    elsewhere: drop('there are no toolsets at this upstream'),
  },
  { path: 'messages[].content[type=tool_result]', is: 'parts.tool_result', inside: ['tool_use_id'] },
  {
    path: 'messages[].content[type=tool_result].content',
    is: 'parts.tool_result',
    like: 'messages[].content',
  },
  { path: 'messages[].content[type=tool_result].content[type=image]', is: 'parts.result_media' },
  { path: 'messages[].content[type=tool_result].is_error', is: 'parts.result_error', usual: [false] },
  {
    path: 'messages[].content[type=tool_result].content[type=tool_reference]',
    elsewhere: emulate('a tool that was found is told by its name'),
    inside: ['tool_name'],
  },
  {
    path: 'messages[].content[type=tool_result].content[type=browser_state]',
    elsewhere: drop('the state of a browser has no counterpart', 'degrade'),
    inside: ['tabs', 'tabs[]', 'tabs[].*', 'state_changes', 'state_changes[]', 'state_changes[].*'],
  },
  {
    path: 'messages[].content[type=server_tool_use|mcp_tool_use]',
    is: 'parts.hosted_call',
    inside: ['id', 'name', 'input', 'input.*', 'server_name', ...caller],
  },
  {
    path: 'messages[].content[type=web_search_tool_result|web_fetch_tool_result|code_execution_tool_result|bash_code_execution_tool_result|text_editor_code_execution_tool_result|tool_search_tool_result|advisor_tool_result|mcp_tool_result]',
    is: 'parts.hosted_result',
    inside: ['tool_use_id', 'is_error', 'content', 'content.*', 'content[]', 'content[].*', ...caller],
  },
  { path: 'messages[].content[type=container_upload]', is: 'parts.file_id', inside: ['file_id'] },
  {
    path: 'messages[].content[type=compaction]',
    is: 'parts.compaction',
    inside: [
      'content',
      'encrypted_content',
      'signature',
      'tool_changes',
      'tool_changes[]',
      'tool_changes[].*',
    ],
  },
  {
    path: 'messages[].content[type=tool_addition]',
    is: 'parts.tool_change',
    inside: ['tool', 'tool.type', 'tool.name', 'tool.server_name', 'tool.definition', 'tool.definition.*'],
  },
  {
    path: 'messages[].content[type=tool_removal]',
    elsewhere: drop('a tool that was on offer stays on offer', 'degrade'),
    inside: ['tool', 'tool.type', 'tool.name', 'tool.server_name'],
  },
  {
    path: 'messages[].content[type=mcp_tool_listing]',
    elsewhere: drop('what another provider’s servers offer cannot be told'),
    inside: ['mcp_server_name', 'tools', 'tools[]', 'tools[].*'],
  },
  {
    path: 'messages[].content[type=fallback]',
    is: 'parts.notice',
    inside: ['from', 'from.model', 'to', 'to.model', 'trigger', 'trigger.*'],
  },
];
