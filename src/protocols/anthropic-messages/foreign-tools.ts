import { asArray, asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import type { Places } from '../places.ts';
import { customSchema } from '../repairs/custom-input.ts';
import { allTools, type WireTool } from '../repairs/tool-names.ts';
import { cacheControl } from './cache.ts';
import { encodeToolChoice } from './tools.ts';

/**
 * Writes the tools of a request that came in another protocol: the client's own under their wire names, and
 * of the hosted ones web search, which both sides have.
 */
export function encodeForeignTools(
  request: TurnRequest,
  wired: readonly WireTool[],
  places: Places,
  ledger: Ledger,
): JsonObject[] {
  const out = wired.map(({ tool, wireName }) => clientTool(tool, wireName, places.tool(tool), ledger));
  for (const tool of allTools(request)) {
    if (tool.family === 'function' || tool.family === 'custom') continue;
    const place = places.tool(tool);
    ledger.foreign(tool.extras, place);
    if (tool.family === 'namespace') {
      if (tool.description) {
        ledger.loseField('tools[type=namespace].description', { at: `${place}.description` });
      }
      continue;
    }
    const hosted = tool.family === 'web_search' ? webSearch(tool, place, ledger) : undefined;
    if (hosted && out.some(({ name }) => name === hosted.name)) {
      ledger.loseWhen('tools.web_search', 'named', place);
    } else if (hosted) {
      out.push(hosted);
      ledger.wire(tool.wire!, place);
    } else ledger.lose(`tools.${tool.family}`, place, asString(tool.wire?.value.type) ?? tool.family);
  }
  return allowedOf(request, wired, out, ledger);
}

/**
 * A choice among some of the tools is made by offering no others: a model that may not call a tool must not be able
 * to. The upstream's cache of a prompt with all of them is lost by it.
 */
function allowedOf(
  { toolChoice: choice }: TurnRequest,
  wired: readonly WireTool[],
  out: JsonObject[],
  ledger: Ledger,
): JsonObject[] {
  if (choice?.allowed === undefined || choice.mode === 'none') return out;
  ledger.lose('toolChoice.allowed');
  const names = new Set<unknown>(choice.allowed);
  for (const { tool, wireName } of wired) if (names.has(tool.name)) names.add(wireName);
  return out.filter(({ name }) => names.has(name));
}

/** Writes the choice of a tool among those that are offered. */
export function encodeForeignChoice(
  { toolChoice: choice, parallelTools }: TurnRequest,
  tools: readonly JsonObject[],
  wireName: (name: string) => string,
  ledger: Ledger,
): JsonObject | undefined {
  const single = parallelTools === false ? false : undefined;
  if (tools.length === 0) {
    if (choice && choice.mode !== 'none' && choice.mode !== 'auto') ledger.loseWhen('toolChoice', 'missing');
    return undefined;
  }
  if (choice?.wire && choice.mode === 'auto' && choice.allowed === undefined)
    ledger.loseWhen('toolChoice', 'unknown');
  if (choice?.mode !== 'one') return encodeToolChoice(choice, single, wireName);
  const hosted =
    choice.family === 'web_search' ? tools.find(({ type }) => type === webSearchType) : undefined;
  const name = hosted ? asString(hosted.name)! : wireName(choice.name ?? '');
  if (tools.some((tool) => tool.name === name)) {
    return encodeToolChoice({ mode: 'one', name }, single, (given) => given);
  }
  const { family = 'function' } = choice;
  const isHosted = family !== 'function' && family !== 'custom';
  ledger.loseWhen(isHosted ? 'toolChoice.hosted' : 'toolChoice', 'missing', 'tool_choice', choice.name);
  return encodeToolChoice(undefined, single, wireName);
}

function clientTool(tool: Tool, wireName: string, place: string, ledger: Ledger): JsonObject {
  const out: JsonObject = { name: wireName };
  if (tool.description !== undefined) out.description = tool.description;
  out.input_schema = tool.family === 'custom' ? customSchema(tool) : objectSchema(tool, place, ledger);
  if (tool.cache) out.cache_control = cacheControl(tool.cache);
  if (tool.family === 'custom') {
    ledger.lose('tools.custom', place, tool.name);
    if (tool.format?.type === 'grammar') ledger.lose('tools.grammar', place, tool.name);
  }
  // The upstream compiles strict schemas and refuses many that other vendors take.
  if (tool.strict) ledger.lose('tools.strict', place);
  if (tool.defer) ledger.lose('tools.defer', place);
  ledger.foreign(tool.extras, place);
  return out;
}

/** The API wants `type: 'object'` at the top and no `anyOf`, `oneOf` or `allOf` beside it. */
function objectSchema(tool: Tool, place: string, ledger: Ledger): JsonObject {
  const schema = tool.schema ?? {};
  const joined = [...asArray(schema.anyOf), ...asArray(schema.oneOf), ...asArray(schema.allOf)];
  if (schema.type === 'object' && joined.length === 0) return schema;
  if (Object.keys(schema).length > 0) {
    ledger.loseWhen('tools.schema', joined.length > 0 ? 'union' : 'object', place, tool.name);
  }
  const { anyOf: _a, oneOf: _b, allOf: _c, ...out } = schema;
  out.type = 'object';
  if (joined.length > 0) {
    const properties: { [key: string]: Json | undefined } = { ...asObject(schema.properties) };
    for (const branch of joined) if (isObject(branch)) Object.assign(properties, asObject(branch.properties));
    out.properties = properties;
    delete out.additionalProperties;
  }
  out.properties ??= {};
  return out;
}

const webSearchType = 'web_search_20250305';

/** Another vendor's web search; the members that have a counterpart. */
function webSearch(tool: Tool, at: string, ledger: Ledger): JsonObject | undefined {
  const wire = tool.wire?.value;
  if (wire === undefined) return undefined;
  const out: JsonObject = { type: webSearchType, name: 'web_search' };
  const allowed = asObject(wire.filters)?.allowed_domains;
  if (Array.isArray(allowed) && allowed.length > 0) out.allowed_domains = allowed;
  const given = asObject(wire.user_location);
  const location = asObject(given?.approximate) ?? given;
  if (location !== undefined) {
    const place: JsonObject = { type: 'approximate' };
    for (const key of ['city', 'country', 'region', 'timezone']) {
      const name = location[key];
      if (typeof name !== 'string') continue;
      if (key === 'country' && name.length !== 2) {
        ledger.repair(`${at}.user_location`, `a country is named by two letters: ${name} is left out`);
      } else place[key] = name;
    }
    if (Object.keys(place).length > 1) out.user_location = place;
  }
  return out;
}
