import {
  asArray,
  asBoolean,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { ToolChoice } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import { leftover, own, toolFamilies } from './wire.ts';

/** Reads a tool definition, of the request or of an `additional_tools` item. */
export function decodeTool(value: JsonObject): Tool {
  const type = asString(value.type) ?? '';
  const name = asString(value.name);
  if (type === 'function' && name !== undefined) {
    const tool: Tool = { family: 'function', name, ...described(value) };
    const schema = asObject(value.parameters);
    if (schema !== undefined) tool.schema = schema;
    const strict = asBoolean(value.strict);
    if (strict !== undefined) tool.strict = strict;
    return withRest(tool, value, functionMembers);
  }
  if (type === 'custom' && name !== undefined) {
    const tool: Tool = { family: 'custom', name, ...described(value) };
    const format = asObject(value.format);
    if (format !== undefined) tool.format = format;
    return withRest(tool, value, customMembers);
  }
  if (type === 'namespace' && name !== undefined) {
    const tools = asArray(value.tools).filter(isObject).map(decodeTool);
    return withRest({ family: 'namespace', name, ...described(value), tools }, value, namespaceMembers);
  }
  return {
    family: toolFamilies.get(type) ?? 'other',
    name: asString(value.server_label) ?? name ?? type,
    wire: { protocol: own, value },
  };
}

/**
 * Writes a tool; `undefined` when it has no form here. `fromOwn` tells whether the client wrote it in this
 * protocol, where a missing `strict` means "if possible"; everywhere else it means no.
 */
export function encodeTool(tool: Tool, name: string, fromOwn: boolean): JsonObject | undefined {
  if (tool.wire?.protocol === own) return tool.wire.value;
  const more = tool.extras?.[own];
  const description = tool.description === undefined ? undefined : { description: tool.description };
  const defer = tool.defer ? { defer_loading: true } : undefined;
  switch (tool.family) {
    case 'function': {
      const parameters = tool.schema ?? (fromOwn ? null : { type: 'object', properties: {} });
      const strict = tool.strict ?? (fromOwn ? undefined : false);
      return {
        type: 'function',
        name,
        ...description,
        parameters,
        ...(strict === undefined ? undefined : { strict }),
        ...defer,
        ...more,
      };
    }
    case 'custom': {
      const format = tool.format === undefined ? undefined : { format: tool.format };
      return { type: 'custom', name, ...description, ...format, ...defer, ...more };
    }
    case 'namespace': {
      const tools = (tool.tools ?? []).map((inner) => encodeTool(inner, inner.name, fromOwn));
      const inside = tools.filter((inner) => inner !== undefined);
      return { type: 'namespace', name, description: tool.description ?? '', tools: inside, ...more };
    }
    case 'web_search':
      return webSearch(tool);
    default:
      return undefined;
  }
}

/** Reads `tool_choice` in any of its forms. */
export function decodeToolChoice(value: Json): ToolChoice | undefined {
  if (value === 'auto' || value === 'none' || value === 'required') return { mode: value };
  if (!isObject(value)) return undefined;
  const name = asString(value.name);
  switch (value.type) {
    case 'function':
      return { mode: 'one', name, ...choiceWire(value, 2) };
    case 'custom':
      return { mode: 'one', name, family: 'custom', ...choiceWire(value, 2) };
    case 'allowed_tools': {
      const tools = asArray(value.tools).filter(isObject);
      const allowed = tools.map(
        (tool) => asString(tool.name) ?? asString(tool.server_label) ?? asString(tool.type),
      );
      return {
        mode: value.mode === 'required' ? 'required' : 'auto',
        allowed: allowed.filter((entry) => entry !== undefined),
        wire: { protocol: own, value },
      };
    }
    default: {
      const type = asString(value.type) ?? '';
      return {
        mode: 'one',
        name: asString(value.server_label) ?? name ?? type,
        family: toolFamilies.get(type) ?? 'other',
        wire: { protocol: own, value },
      };
    }
  }
}

/**
 * Writes `tool_choice`; `wireName` gives the names that the tools have on the wire. `offered` are the tools of a
 * request that came in another protocol: its choice goes up when it is among them, else there is none and a note.
 */
export function encodeToolChoice(
  choice: ToolChoice,
  offered: readonly Tool[] | undefined,
  wireName: (name: string) => string,
  ledger: Ledger,
): Json | undefined {
  if (choice.wire?.protocol === own) return choice.wire.value;
  const find = (name: string | undefined) => offered?.find((tool) => tool.name === name);
  const written = (name: string, family: Tool['family'] | undefined): JsonObject =>
    family === 'web_search'
      ? { type: 'web_search' }
      : { type: family === 'custom' ? 'custom' : 'function', name: wireName(name) };
  if (choice.allowed !== undefined) {
    const tools = choice.allowed.flatMap((name) => {
      const tool = find(name);
      return tool || !offered ? [written(name, tool?.family)] : [];
    });
    if (tools.length === 0) return lost(ledger, 'missing');
    return { type: 'allowed_tools', mode: choice.mode === 'required' ? 'required' : 'auto', tools };
  }
  if (choice.wire && choice.mode === 'auto') return lost(ledger, 'unknown');
  if (choice.mode !== 'one') return choice.mode;
  if (choice.name === undefined) return 'required';
  const tool = find(choice.name);
  if (offered && !tool) return lost(ledger, 'missing', choice.name);
  return written(choice.name, tool?.family ?? choice.family);
}

const lost = (ledger: Ledger, name: string, detail?: string): undefined =>
  void ledger.loseWhen('toolChoice', name, undefined, detail);

const functionMembers = new Set(['type', 'name', 'description', 'parameters', 'strict', 'defer_loading']);
const customMembers = new Set(['type', 'name', 'description', 'format', 'defer_loading']);
const namespaceMembers = new Set(['type', 'name', 'description', 'tools']);

function described(value: JsonObject): Pick<Tool, 'description' | 'defer'> {
  const out: Pick<Tool, 'description' | 'defer'> = {};
  if (typeof value.description === 'string') out.description = value.description;
  if (value.defer_loading === true) out.defer = true;
  return out;
}

function withRest(tool: Tool, value: JsonObject, known: ReadonlySet<string>): Tool {
  const left = leftover(value, known);
  return left === undefined ? tool : { ...tool, extras: { [own]: left } };
}

/** Keeps a choice whole when it says more than its name. */
function choiceWire(value: JsonObject, modelled: number): Pick<ToolChoice, 'wire'> {
  return Object.keys(value).length > modelled ? { wire: { protocol: own, value } } : {};
}

/** Another vendor's web search; the members that have a counterpart. */
function webSearch(tool: Tool): JsonObject {
  const from = tool.wire?.value ?? {};
  const out: JsonObject = { type: 'web_search' };
  const domains = asArray(from.allowed_domains);
  if (domains.length > 0) out.filters = { allowed_domains: domains };
  const given = asObject(from.user_location);
  const place = asObject(given?.approximate) ?? given;
  if (place !== undefined) out.user_location = { ...place, type: 'approximate' };
  if (tool.wire?.protocol === 'openai-chat' && from.search_context_size !== undefined) {
    out.search_context_size = from.search_context_size;
  }
  return out;
}
