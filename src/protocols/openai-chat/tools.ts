import { asObject, asString, isObject } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { ToolChoice, TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import type { WireTool } from '../repairs/tool-names.ts';
import { customSchema } from '../repairs/custom-input.ts';
import {
  booleanField,
  leftover,
  missing,
  objectField,
  own,
  restore,
  stringField,
  wrongType,
} from './fields.ts';

const functionKeys = new Set(['name', 'description', 'parameters', 'strict']);
const customKeys = new Set(['name', 'description', 'format']);
const toolKeys = { function: new Set(['type', 'function']), custom: new Set(['type', 'custom']) };

/** Reads one entry of `tools`. Types other than `function` and `custom` are hosted tools of that server. */
export function decodeTool(value: Json, path: string): Tool {
  if (!isObject(value)) return wrongType(path, 'an object', value);
  if (value.type === 'function') {
    const body = objectField(value, 'function', `${path}.function`) ?? missing(`${path}.function`);
    const tool = decodeFunction(body, `${path}.function`);
    const outer = leftover(value, toolKeys.function)?.[own];
    if (outer) tool.extras = { [own]: { ...outer, ...wrapped('function', tool) } };
    else if (tool.extras) tool.extras = { [own]: wrapped('function', tool) };
    if (isObject(value.cache_control)) tool.cache = { ttl: asString(value.cache_control.ttl) };
    return tool;
  }
  if (value.type === 'custom') {
    const body = objectField(value, 'custom', `${path}.custom`) ?? missing(`${path}.custom`);
    const tool: Tool = { family: 'custom', name: toolName(body, `${path}.custom.name`) };
    const description = stringField(body, 'description', `${path}.custom.description`);
    const format = objectField(body, 'format', `${path}.custom.format`);
    if (description !== undefined) tool.description = description;
    if (format) tool.format = flatFormat(format);
    tool.extras = leftover(body, customKeys);
    const outer = leftover(value, toolKeys.custom)?.[own];
    if (outer || tool.extras) tool.extras = { [own]: { ...outer, ...wrapped('custom', tool) } };
    return tool;
  }
  const name = asString(value.type) ?? '';
  return { family: 'other', name, wire: { protocol: own, value } };
}

/** Reads `web_search_options`: the one tool that this protocol hosts, told by a member of its own. */
export const decodeWebSearch = (options: JsonObject): Tool => ({
  family: 'web_search',
  name: 'web_search',
  wire: { protocol: own, value: options },
});

/** Reads a function's own object; this is also an entry of the legacy `functions`. */
export function decodeFunction(body: JsonObject, path: string): Tool {
  const tool: Tool = { family: 'function', name: toolName(body, `${path}.name`) };
  const description = stringField(body, 'description', `${path}.description`);
  const schema = objectField(body, 'parameters', `${path}.parameters`);
  const strict = booleanField(body, 'strict', `${path}.strict`);
  if (description !== undefined) tool.description = description;
  if (schema) tool.schema = schema;
  if (strict !== undefined) tool.strict = strict;
  const extras = leftover(body, functionKeys);
  if (extras) tool.extras = extras;
  return tool;
}

const toolName = (body: JsonObject, path: string): string => stringField(body, 'name', path) ?? missing(path);

const wrapped = (key: string, tool: Tool): JsonObject =>
  tool.extras?.[own] ? { [key]: tool.extras[own] } : {};

/** Chat nests a grammar one level deeper than the turn does. */
const flatFormat = (format: JsonObject): JsonObject =>
  format.type === 'grammar' && isObject(format.grammar) ? { type: 'grammar', ...format.grammar } : format;

function nestedFormat(format: JsonObject): JsonObject {
  if (format.type !== 'grammar' || isObject(format.grammar)) return format;
  const { type: _type, ...grammar } = format;
  return { type: 'grammar', grammar };
}

export function encodeTool({ wireName, tool }: WireTool, custom: boolean): JsonObject {
  if (tool.family === 'custom' && custom) {
    const body: JsonObject = { name: wireName };
    if (tool.description !== undefined) body.description = tool.description;
    if (tool.format) body.format = nestedFormat(tool.format);
    return restore({ type: 'custom', custom: body }, tool.extras);
  }
  const body: JsonObject = { name: wireName };
  if (tool.description !== undefined) body.description = tool.description;
  if (tool.family === 'custom') {
    body.parameters = customSchema(tool);
    return { type: 'function', function: body };
  }
  if (tool.schema) body.parameters = tool.schema;
  if (tool.strict !== undefined) body.strict = tool.strict;
  return restore({ type: 'function', function: body }, tool.extras);
}

const modes = new Set(['auto', 'none', 'required']);

/** Reads `tool_choice`, or the legacy `function_call` in its place. */
export function decodeToolChoice(body: JsonObject): ToolChoice | undefined {
  const choice = body.tool_choice;
  if (choice !== undefined && choice !== null) return readChoice(choice);
  const legacy = body.function_call;
  if (legacy === undefined || legacy === null) return undefined;
  if (isObject(legacy)) {
    const name = stringField(legacy, 'name', 'function_call.name') ?? missing('function_call.name');
    return { mode: 'one', name, family: 'function' };
  }
  if (typeof legacy !== 'string') return wrongType('function_call', 'a string or an object', legacy);
  return readChoice(legacy);
}

function readChoice(choice: Json): ToolChoice {
  if (typeof choice === 'string') {
    if (modes.has(choice)) return { mode: choice as ToolChoice['mode'] };
    const mode = choice === 'any' ? 'required' : 'auto';
    return { mode, wire: { protocol: own, value: choice } };
  }
  if (!isObject(choice)) return wrongType('tool_choice', 'a string or an object', choice);
  const wire = { protocol: own, value: choice } as const;
  if (choice.type === 'function' || choice.type === 'custom') {
    const path = `tool_choice.${choice.type}`;
    const target = objectField(choice, choice.type, path) ?? missing(path);
    const name = stringField(target, 'name', `${path}.name`) ?? missing(`${path}.name`);
    return { mode: 'one', name, family: choice.type };
  }
  if (choice.type === 'allowed_tools') {
    const allowed = objectField(choice, 'allowed_tools', 'tool_choice.allowed_tools');
    const names: string[] = [];
    for (const entry of Array.isArray(allowed?.tools) ? allowed.tools : []) {
      const tool = asObject(entry);
      const name = asString(asObject(tool?.function)?.name) ?? asString(asObject(tool?.custom)?.name);
      if (name !== undefined) names.push(name);
    }
    return { mode: allowed?.mode === 'required' ? 'required' : 'auto', allowed: names, wire };
  }
  return { mode: 'auto', wire };
}

/**
 * Writes `tool_choice` for the tools that go up. `renamed` says that some have another name there, so that a
 * choice kept whole would miss them.
 */
export function encodeToolChoice(
  request: TurnRequest,
  tools: readonly WireTool[],
  custom: boolean,
  renamed: boolean,
  ledger: Ledger,
): Json | undefined {
  const choice = request.toolChoice;
  if (!choice) return undefined;
  if (choice.wire?.protocol === own && !renamed) return choice.wire.value;
  const isOwn = request.protocol === own;
  if (!isOwn && choice.wire && choice.mode === 'auto' && !choice.allowed) {
    ledger.loseWhen('toolChoice', 'unknown');
  }
  if (tools.length === 0 && !isOwn) {
    if (choice.mode !== 'auto' && choice.mode !== 'none') {
      loseChoice(choice, ledger);
    }
    return undefined;
  }
  if (choice.mode === 'one') {
    const target = find(tools, choice.name);
    if (!target && !isOwn) {
      loseChoice(choice, ledger);
      return undefined;
    }
    const type = custom && (target?.tool.family ?? choice.family) === 'custom' ? 'custom' : 'function';
    return { type, [type]: { name: target?.wireName ?? choice.name ?? '' } };
  }
  if (choice.allowed && choice.mode !== 'none') {
    const allowed: Json[] = [];
    for (const name of choice.allowed) {
      const target = find(tools, name);
      if (!target) continue;
      const type = custom && target.tool.family === 'custom' ? 'custom' : 'function';
      allowed.push({ type, [type]: { name: target.wireName } });
    }
    if (allowed.length === 0 && !isOwn) {
      ledger.loseWhen('toolChoice', 'missing');
      return undefined;
    }
    return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools: allowed } };
  }
  return choice.mode;
}

/** A choice among tools that cannot be offered. */
function loseChoice({ family = 'function', name }: ToolChoice, ledger: Ledger): void {
  if (family === 'function' || family === 'custom') ledger.loseWhen('toolChoice', 'missing', undefined, name);
  else ledger.lose('toolChoice.hosted', undefined, name);
}

const find = (tools: readonly WireTool[], name: string | undefined): WireTool | undefined =>
  tools.find((entry) => entry.tool.name === name) ?? tools.find((entry) => entry.wireName === name);
