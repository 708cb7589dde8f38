import { asArray, asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Tool } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { customSchema } from '../repairs/custom-input.ts';
import { allTools, type WireTool } from '../repairs/tool-names.ts';
import { cacheControl } from './cache.ts';
import { protocolId } from './names.ts';
import { encodeToolChoice } from './tools.ts';

/**
 * Writes the tools of a request that came in another protocol: the client's own under their wire names, and
 * of the hosted ones web search, which both sides have.
 */
export function encodeForeignTools(
  request: TurnRequest,
  wired: readonly WireTool[],
  notes: Note[],
): JsonObject[] {
  const out = wired.map(({ tool, wireName }) => clientTool(tool, wireName, notes));
  for (const tool of allTools(request)) {
    if (tool.family === 'function' || tool.family === 'custom') continue;
    if (tool.family === 'namespace') {
      if (tool.description) drop(notes, `tools.${tool.name}.description`, 'namespaces are flattened', 'note');
      continue;
    }
    const hosted = tool.family === 'web_search' ? webSearch(tool, notes) : undefined;
    if (hosted && out.some(({ name }) => name === hosted.name)) {
      drop(notes, `tools.${tool.name}`, 'another tool has its name', 'degrade');
    } else if (hosted) out.push(hosted);
    else {
      notes.push({
        path: `tools.${tool.name}`,
        action: 'dropped',
        why: `the upstream does not host ${asString(tool.wire?.value.type) ?? tool.family}`,
        weight: 'degrade',
      });
    }
  }
  return out;
}

/** Writes the choice of a tool among those that are offered. */
export function encodeForeignChoice(
  { toolChoice: choice, parallelTools }: TurnRequest,
  tools: readonly JsonObject[],
  wireName: (name: string) => string,
  notes: Note[],
): JsonObject | undefined {
  const single = parallelTools === false ? false : undefined;
  const lose = (why: string) => drop(notes, 'tool_choice', why, 'degrade');
  if (tools.length === 0) {
    if (choice && choice.mode !== 'none' && choice.mode !== 'auto') lose('there is no tool to choose');
    return undefined;
  }
  if (choice?.allowed) lose('the choice cannot be narrowed to some of the tools');
  else if (choice?.wire && choice.mode === 'auto') lose('this kind of choice cannot be made');
  if (choice?.mode !== 'one') return encodeToolChoice(choice, single, wireName);
  const hosted =
    choice.family === 'web_search' ? tools.find(({ type }) => type === webSearchType) : undefined;
  const name = hosted ? asString(hosted.name)! : wireName(choice.name ?? '');
  if (tools.some((tool) => tool.name === name)) {
    return encodeToolChoice({ mode: 'one', name }, single, (given) => given);
  }
  lose(`the tool ${choice.name ?? ''} is not among those that are offered`);
  return encodeToolChoice(undefined, single, wireName);
}

function drop(notes: Note[], path: string, why: string, weight: Note['weight']): void {
  notes.push({ path, action: 'dropped', why, weight });
}

function clientTool(tool: Tool, wireName: string, notes: Note[]): JsonObject {
  const note = (member: string, why: string, weight: Note['weight']) =>
    drop(notes, `tools.${tool.name}.${member}`, why, weight);
  const out: JsonObject = { name: wireName };
  if (tool.description !== undefined) out.description = tool.description;
  out.input_schema = tool.family === 'custom' ? customSchema(tool) : objectSchema(tool, notes);
  if (tool.cache) out.cache_control = cacheControl(tool.cache);
  // The upstream compiles strict schemas and refuses many that other vendors take.
  if (tool.strict) note('strict', 'the schema is followed without being enforced', 'note');
  if (tool.defer) note('defer_loading', 'the tool is loaded from the start', 'note');
  for (const protocol in tool.extras) {
    if (protocol === protocolId) continue;
    for (const key in tool.extras[protocol as keyof typeof tool.extras]) note(key, 'no counterpart', 'note');
  }
  return out;
}

/** The API wants `type: 'object'` at the top and no `anyOf`, `oneOf` or `allOf` beside it. */
function objectSchema(tool: Tool, notes: Note[]): JsonObject {
  const schema = tool.schema ?? {};
  const joined = [...asArray(schema.anyOf), ...asArray(schema.oneOf), ...asArray(schema.allOf)];
  if (schema.type === 'object' && joined.length === 0) return schema;
  if (Object.keys(schema).length > 0) {
    notes.push({
      path: `tools.${tool.name}.parameters`,
      action: 'repaired',
      why: 'the schema must be that of one object',
      weight: joined.length > 0 ? 'degrade' : 'note',
    });
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

/** `web_search` and its previews on Responses; filters and location have the same members on both sides. */
function webSearch(tool: Tool, notes: Note[]): JsonObject | undefined {
  const wire = tool.wire?.value;
  if (wire === undefined) return undefined;
  const out: JsonObject = { type: webSearchType, name: 'web_search' };
  const allowed = asObject(wire.filters)?.allowed_domains;
  if (Array.isArray(allowed) && allowed.length > 0) out.allowed_domains = allowed;
  const location = asObject(wire.user_location);
  if (location !== undefined) {
    const place: JsonObject = { type: 'approximate' };
    for (const key of ['city', 'country', 'region', 'timezone']) {
      if (typeof location[key] === 'string') place[key] = location[key];
    }
    if (Object.keys(place).length > 1) out.user_location = place;
  }
  for (const key in wire) {
    if (key === 'type' || key === 'filters' || key === 'user_location' || wire[key] === null) continue;
    drop(notes, `tools.${tool.name}.${key}`, 'no counterpart', 'note');
  }
  return out;
}
