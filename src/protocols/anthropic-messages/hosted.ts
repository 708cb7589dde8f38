import { asArray, asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { ToolCallPart, ToolFamily, ToolOutput, ToolResultPart } from '../../turn/part.ts';
import { escapeCallId } from '../repairs/call-ids.ts';

/** Hosted families that have a block for a call and one for its result, whoever ran them. */
const names: { readonly [F in ToolFamily]?: string } = { web_search: 'web_search', code: 'code_execution' };

/**
 * A hosted call of another protocol, or its result, as a client of this one knows it: `server_tool_use` and
 * `…_tool_result`, or `mcp_tool_use` and `mcp_tool_result`. Nothing for families without such a pair.
 */
export function hostedBlock(
  part: ToolCallPart | ToolResultPart,
  input: Json | undefined,
): JsonObject | undefined {
  const mcp = part.family === 'mcp';
  const name = names[part.family];
  if (!mcp && name === undefined) return undefined;
  const prefix = mcp ? 'mcptoolu_' : 'srvtoolu_';
  // Unlike a client tool's, these ids have no hyphen.
  const escaped = escapeCallId(part.callId).replaceAll('-', '_');
  const id = escaped.startsWith(prefix) ? escaped : prefix + escaped;
  if (part.kind === 'tool_call') {
    if (!mcp) return { type: 'server_tool_use', id, name, input: input ?? {} };
    const server = part.namespace ?? asString(part.wire?.value.server_label) ?? '';
    return { type: 'mcp_tool_use', id, name: part.name, server_name: server, input: input ?? {} };
  }
  if (mcp) {
    const content = [{ type: 'text', text: outputText(part.output) }];
    return { type: 'mcp_tool_result', tool_use_id: id, is_error: part.outcome === 'error', content };
  }
  if (part.family === 'web_search') {
    return { type: 'web_search_tool_result', tool_use_id: id, content: pages(part.output) };
  }
  const content = {
    type: 'code_execution_result',
    stdout: outputText(part.output),
    stderr: '',
    return_code: part.outcome === 'error' ? 1 : 0,
    content: [],
  };
  return { type: 'code_execution_tool_result', tool_use_id: id, content };
}

/** The pages a search found, wherever the other protocol lists them; what they say is not known here. */
function pages(output: ToolOutput): JsonObject[] {
  const value = output.as === 'json' ? output.value : null;
  const object = asObject(value);
  const action = asObject(object?.action);
  const listed = [value, object?.sources, object?.results, action?.sources].find(Array.isArray);
  return asArray(listed)
    .filter(isObject)
    .filter((page) => typeof page.url === 'string')
    .map((page) => ({
      type: 'web_search_result',
      title: asString(page.title) ?? (page.url as string),
      url: page.url,
      encrypted_content: '',
      page_age: null,
    }));
}

/** The output as text: logs of code, the text of an MCP answer, or the JSON itself. */
function outputText(output: ToolOutput): string {
  if (output.as === 'text') return output.text;
  if (output.as === 'parts')
    return output.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
  const { value } = output;
  if (typeof value === 'string') return value;
  const said = asString(asObject(value)?.output) ?? asString(asObject(value)?.error);
  if (said !== undefined) return said;
  const items = Array.isArray(value) ? value : asArray(asObject(value)?.outputs ?? asObject(value)?.content);
  const texts = items.map((item) => asString(asObject(item)?.logs) ?? asString(asObject(item)?.text));
  if (texts.some((text) => text !== undefined)) return texts.map((text) => text ?? '').join('');
  return value === null ? '' : JSON.stringify(value);
}
