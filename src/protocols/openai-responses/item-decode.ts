import {
  asArray,
  asObject,
  asString,
  isObject,
  parseObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type {
  CompactionPart,
  Part,
  ReasoningPart,
  Seal,
  ToolCallPart,
  ToolOutput,
  ToolResultPart,
} from '../../turn/part.ts';
import type { ToolNames } from '../protocol.ts';
import { unpackSeal } from '../seal.ts';
import { decodeContent } from './content.ts';
import { decodeTool } from './tools.ts';
import { fusedWire, hostedCalls, hostedOutputs, leftover, originOf, own, wireExtras } from './wire.ts';

/** Where an item comes from. */
export interface ItemSource {
  /** The provider whose reply holds the item; absent for items that a client sent. */
  readonly issuer?: string;
  readonly names?: ToolNames;
  /** An id for a call that came without one. */
  callId(index: number): string;
}

/**
 * The parts of one item, in order. A message gives one part for each piece of content, a fused hosted call
 * its call and its result, any other item one part. Kinds that are not modelled come back as `native`.
 */
export function itemParts(item: JsonObject, index: number, source: ItemSource): Part[] {
  const type = typeOf(item);
  switch (type) {
    case 'message':
    case 'agent_message':
      return messageParts(item, index, type);
    case 'reasoning':
      return [reasoning(item, index, source)];
    case 'function_call':
    case 'custom_tool_call':
      return [call(item, index, source, type === 'custom_tool_call')];
    case 'function_call_output':
    case 'custom_tool_call_output':
      return [callOutput(item, index, source, type === 'custom_tool_call_output')];
    case 'mcp_list_tools':
      return [{ kind: 'tool_change', item: originOf(item, index), wire: { protocol: own, value: item } }];
    case 'additional_tools':
    case 'tool_search_output': {
      const add = asArray(item.tools).filter(isObject).map(decodeTool);
      return [
        { kind: 'tool_change', add, item: originOf(item, index), wire: { protocol: own, value: item } },
      ];
    }
    case 'mcp_approval_request':
      return [{ kind: 'approval_ask', item: originOf(item, index), wire: { protocol: own, value: item } }];
    case 'mcp_approval_response':
      return [{ kind: 'approval_answer', item: originOf(item, index), wire: { protocol: own, value: item } }];
    case 'compaction':
      return [compaction(item, index, source)];
    case 'item_reference':
      if (typeof item.id !== 'string') return [native(item, index, type)];
      return [{ kind: 'reference', refersTo: item.id, item: { index } }];
    default:
      return hostedCalls.has(type)
        ? hostedParts(item, index, source, type)
        : hostedOutputs.has(type)
          ? [hostedOutput(item, index, source, type)]
          : [native(item, index, type)];
  }
}

/** An item's type; messages may leave it out. */
export const typeOf = (item: JsonObject): string =>
  asString(item.type) ?? (item.role !== undefined && item.content !== undefined ? 'message' : '');

const messageMembers = new Set(['type', 'id', 'role', 'status', 'phase', 'content']);
const agentMembers = new Set(['id', 'status', 'phase', 'content']);
const reasoningMembers = new Set(['type', 'id', 'status', 'summary', 'content', 'encrypted_content']);
const callMembers = new Set(['type', 'id', 'call_id', 'name', 'namespace', 'arguments', 'input', 'status']);
const outputMembers = new Set(['type', 'id', 'call_id', 'output', 'status']);

function messageParts(item: JsonObject, index: number, type: string): Part[] {
  const origin = originOf(item, index);
  const content: Json[] = Array.isArray(item.content) ? item.content : item.content ? [item.content] : [];
  if (content.length === 0) return [native(item, index, type)];
  const parts = content.map((value) => decodeContent(value, origin));
  const left = leftover(item, type === 'message' ? messageMembers : agentMembers);
  const first = parts[0];
  if (left !== undefined && first !== undefined) {
    first.extras = wireExtras(left, first.extras?.[own]?.content as JsonObject | undefined);
  }
  return parts;
}

function reasoning(item: JsonObject, index: number, source: ItemSource): ReasoningPart {
  const origin = originOf(item, index);
  const part: ReasoningPart = { kind: 'reasoning', item: origin };
  if (origin.id !== undefined) part.id = origin.id;
  const content = asArray(item.content).filter(isObject);
  const text = content.map((entry) => asString(entry.text) ?? '').join('\n\n');
  if (text !== '') part.text = text;
  const summary = asArray(item.summary).filter(isObject);
  if (summary.length > 0) part.summary = summary.map((entry) => asString(entry.text) ?? '');
  const sealed = typeof item.encrypted_content === 'string' ? item.encrypted_content : '';
  const seal = readSeal(sealed, source);
  if (seal !== undefined) {
    part.seal = seal.seal;
    if (seal.seal.protocol !== own) {
      // Our own wrapping of another maker's reasoning: the id in it is the maker's, the item's is ours.
      if (seal.id === undefined) delete part.id;
      else part.id = seal.id;
    }
    if (part.text === undefined && part.summary === undefined) part.hidden = true;
  }
  const left = leftover(item, reasoningMembers);
  if (left !== undefined) part.extras = wireExtras(left);
  return part;
}

function readSeal(value: string, source: ItemSource): { seal: Seal; id?: string } | undefined {
  if (source.issuer === undefined) return unpackSeal(value, own);
  return value === '' ? undefined : { seal: { protocol: own, issuer: source.issuer, value } };
}

function call(item: JsonObject, index: number, source: ItemSource, custom: boolean): ToolCallPart {
  const wireName = asString(item.name) ?? '';
  const known = source.names?.get(wireName);
  const input = custom ? item.input : item.arguments;
  const namespace = known?.namespace ?? asString(item.namespace);
  const part: ToolCallPart = {
    kind: 'tool_call',
    callId: asString(item.call_id) || source.callId(index),
    family: custom ? 'custom' : 'function',
    name: known?.name ?? wireName,
    input: typeof input === 'string' ? input : isObject(input) ? JSON.stringify(input) : '',
    inputAs: custom ? 'text' : 'json',
    by: 'client',
    item: originOf(item, index),
  };
  if (namespace !== undefined) part.namespace = namespace;
  const left = leftover(item, callMembers);
  if (left !== undefined) part.extras = wireExtras(left);
  return part;
}

function callOutput(item: JsonObject, index: number, source: ItemSource, custom: boolean): ToolResultPart {
  const part: ToolResultPart = {
    kind: 'tool_result',
    callId: asString(item.call_id) || source.callId(index),
    family: custom ? 'custom' : 'function',
    output: toolOutput(item.output),
    outcome: item.status === 'incomplete' ? 'partial' : 'ok',
    by: 'client',
    item: originOf(item, index),
  };
  const left = leftover(item, outputMembers);
  if (left !== undefined) part.extras = wireExtras(left);
  return part;
}

function toolOutput(value: Json | undefined): ToolOutput {
  if (typeof value === 'string') return { as: 'text', text: value };
  if (Array.isArray(value))
    return { as: 'parts', parts: value.map((entry) => decodeContent(entry, undefined)) };
  return { as: 'json', value: value ?? null };
}

function hostedParts(item: JsonObject, index: number, source: ItemSource, type: string): Part[] {
  const kind = hostedCalls.get(type)!;
  const callId = asString(item.call_id) || asString(item.id) || source.callId(index);
  const origin = originOf(item, index);
  const part: ToolCallPart = {
    kind: 'tool_call',
    callId,
    family: kind.family,
    name: (type === 'mcp_call' && asString(item.name)) || kind.name,
    input: hostedInput(item, kind.input, type),
    inputAs: 'json',
    by: runBy(item, type),
    item: origin,
    wire: { protocol: own, value: item },
  };
  if (type === 'mcp_call' && typeof item.server_label === 'string') part.namespace = item.server_label;
  if (!kind.fused) return [part];
  const failed = item.status === 'failed' || (item.error !== undefined && item.error !== null);
  return [
    part,
    {
      kind: 'tool_result',
      callId,
      family: kind.family,
      name: part.name,
      output: { as: 'json', value: hostedResult(item, type) },
      outcome: failed ? 'error' : item.status === 'incomplete' ? 'partial' : 'ok',
      by: 'server',
      item: origin,
      wire: fusedWire,
    },
  ];
}

/** Tool search and shell run on either side, as the item says. */
function runBy(item: JsonObject, type: string): 'client' | 'server' {
  if (type === 'tool_search_call') return item.execution === 'client' ? 'client' : 'server';
  if (type === 'shell_call') {
    const place = asString(asObject(item.environment)?.type);
    return place?.startsWith('container') ? 'server' : 'client';
  }
  return hostedCalls.get(type)!.by;
}

function hostedInput(item: JsonObject, member: string, type: string): string {
  // Some servers tell a hosted call's arguments as a function call does.
  if (typeof item.arguments === 'string') return item.arguments;
  const value = item[member] ?? (type === 'computer_call' ? item.actions : undefined);
  if (value === undefined || value === null) return '{}';
  if (isObject(value)) return JSON.stringify(value);
  return JSON.stringify({ [member]: value });
}

/** What a fused item says of its result. */
function hostedResult(item: JsonObject, type: string): Json {
  switch (type) {
    case 'web_search_call':
      return { status: item.status, sources: asArray(asObject(item.action)?.sources) };
    case 'file_search_call':
      return { status: item.status, results: asArray(item.results) };
    case 'code_interpreter_call':
      return { status: item.status, outputs: asArray(item.outputs) };
    case 'mcp_call':
      return { output: item.output ?? null, error: item.error ?? null };
    default:
      return { status: item.status, output_format: item.output_format, result: item.result ?? null };
  }
}

function hostedOutput(item: JsonObject, index: number, source: ItemSource, type: string): ToolResultPart {
  const kind = hostedOutputs.get(type)!;
  return {
    kind: 'tool_result',
    callId: asString(item.call_id) || asString(item.id) || source.callId(index),
    family: kind.family,
    output: type === 'computer_call_output' ? screenshot(item.output) : toolOutputOrJson(item.output),
    outcome: item.status === 'failed' ? 'error' : item.status === 'incomplete' ? 'partial' : 'ok',
    by: kind.by,
    item: originOf(item, index),
    wire: { protocol: own, value: item },
  };
}

const toolOutputOrJson = (value: Json | undefined): ToolOutput =>
  typeof value === 'string' ? { as: 'text', text: value } : { as: 'json', value: value ?? null };

const screenshot = (value: Json | undefined): ToolOutput =>
  isObject(value)
    ? { as: 'parts', parts: [decodeContent(value, undefined)] }
    : { as: 'json', value: value ?? null };

function compaction(item: JsonObject, index: number, source: ItemSource): CompactionPart {
  const origin = originOf(item, index);
  const sealed = readSeal(asString(item.encrypted_content) ?? '', source);
  const part: CompactionPart = { kind: 'compaction', item: origin, wire: { protocol: own, value: item } };
  if (sealed === undefined) return part;
  if (sealed.seal.protocol === own) return { ...part, seal: sealed.seal };
  // Another protocol's compaction, wrapped by the encoder of this surface.
  const value = parseObject(sealed.seal.value);
  if (value === undefined) return part;
  const { protocol } = sealed.seal;
  return { ...part, summary: asString(value.content), wire: { protocol, value } };
}

const native = (item: JsonObject, index: number, type: string): Part => ({
  kind: 'native',
  protocol: own,
  type,
  value: item,
  item: originOf(item, index),
});
