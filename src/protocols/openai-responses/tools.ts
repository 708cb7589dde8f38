import {
  asArray,
  asBoolean,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Tool } from '../../turn/part.ts';
import type { ToolChoice } from '../../turn/request.ts';
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
export function encodeTool(
  tool: Tool,
  name: string,
  fromOwn: boolean,
  note: (note: Note) => void,
): JsonObject | undefined {
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
      const tools = (tool.tools ?? []).map((inner) => encodeTool(inner, inner.name, fromOwn, note));
      const inside = tools.filter((inner) => inner !== undefined);
      return { type: 'namespace', name, description: tool.description ?? '', tools: inside, ...more };
    }
    case 'web_search':
      return webSearch(tool, note);
    default:
      note({
        path: `tools.${tool.name}`,
        action: 'dropped',
        why: `the hosted tool ${tool.name} does not exist in the Responses protocol`,
        weight: 'degrade',
      });
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

/** Writes `tool_choice`; `wireName` gives the names that the tools have on the wire. */
export function encodeToolChoice(
  choice: ToolChoice,
  tools: readonly Tool[],
  wireName: (name: string) => string,
): Json {
  if (choice.wire?.protocol === own) return choice.wire.value;
  const typeOf = (name: string) =>
    tools.some((tool) => tool.name === name && tool.family === 'custom') ? 'custom' : 'function';
  if (choice.allowed !== undefined) {
    const allowed = choice.allowed.map((name) => ({ type: typeOf(name), name: wireName(name) }));
    return { type: 'allowed_tools', mode: choice.mode === 'required' ? 'required' : 'auto', tools: allowed };
  }
  if (choice.mode !== 'one' || choice.name === undefined)
    return choice.mode === 'one' ? 'required' : choice.mode;
  if (choice.family === 'web_search') return { type: 'web_search' };
  const type = choice.family === 'custom' ? 'custom' : typeOf(choice.name);
  return { type, name: wireName(choice.name) };
}

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

/** Anthropic's `web_search_20250305` and its successors. */
function webSearch(tool: Tool, note: (note: Note) => void): JsonObject {
  const from = tool.wire?.value ?? {};
  const out: JsonObject = { type: 'web_search' };
  const domains = asArray(from.allowed_domains);
  if (domains.length > 0) out.filters = { allowed_domains: domains };
  const place = asObject(from.user_location);
  if (place !== undefined) out.user_location = { ...place, type: 'approximate' };
  for (const key of ['blocked_domains', 'max_uses']) {
    if (from[key] === undefined || from[key] === null) continue;
    note({
      path: `tools.${tool.name}.${key}`,
      action: 'dropped',
      why: `web search has no ${key} in the Responses protocol`,
      weight: 'degrade',
    });
  }
  return out;
}
