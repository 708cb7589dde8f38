import type { Extras, ProtocolId, ToolFamily } from '../../turn/part.ts';
import { entryOf, type JsonObject } from '../../turn/json.ts';

export const protocolId = 'anthropic-messages' satisfies ProtocolId;

/** Server tool calls by `server_tool_use.name`, and results by their type without `_tool_result`. */
const families: Readonly<Record<string, ToolFamily>> = {
  web_search: 'web_search',
  web_fetch: 'web_fetch',
  code_execution: 'code',
  bash_code_execution: 'code',
  text_editor_code_execution: 'code',
  tool_search: 'tool_search',
  tool_search_tool_regex: 'tool_search',
  tool_search_tool_bm25: 'tool_search',
  advisor: 'advisor',
  mcp: 'mcp',
};

export const serverFamily = (name: string): ToolFamily => entryOf(families, name) ?? 'other';

/** Versioned tools (`web_search_20250305`) by the head of their `type`. */
const versioned: readonly (readonly [head: string, family: ToolFamily])[] = [
  ['web_search_', 'web_search'],
  ['web_fetch_', 'web_fetch'],
  ['code_execution_', 'code'],
  ['bash_', 'shell'],
  ['text_editor_', 'editor'],
  ['computer_', 'computer'],
  ['browser_', 'computer'],
  ['memory_', 'memory'],
  ['tool_search_tool_', 'tool_search'],
  ['mcp_toolset', 'mcp'],
  ['advisor_', 'advisor'],
];

export const toolTypeFamily = (type: string): ToolFamily =>
  versioned.find(([head]) => type.startsWith(head))?.[1] ?? 'other';

/** Extras of this protocol, or nothing when there are none to keep. */
export const ownExtras = (members: JsonObject | undefined): Extras | undefined =>
  members === undefined ? undefined : { [protocolId]: members };
