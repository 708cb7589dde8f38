import { refuse } from '../../turn/failure.ts';
import { asBoolean, asString, entryOf, isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { ToolChoice, TurnRequest } from '../../turn/request.ts';
import { cacheControl, decodeCacheControl, plainCacheControl } from './cache.ts';
import { ownExtras, protocolId, toolTypeFamily } from './names.ts';
import { spell, spelling } from './spelling.ts';

const functionKeys: ReadonlySet<string> = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'strict',
  'defer_loading',
  'cache_control',
]);

/** Reads a tool on offer: the client's own (`type` absent or `custom`), or a versioned one, kept whole. */
export function decodeTool(value: Json | undefined, path: string): Tool {
  if (!isObject(value)) refuse(`${path}: Input should be an object`, path);
  const type = asString(value.type);
  const name = asString(value.name);
  const cache = isObject(value.cache_control) ? value.cache_control : undefined;
  const own = (type === undefined || type === 'custom') && name !== undefined && isObject(value.input_schema);
  const { cache_control, ...whole } = value;
  const tool: Tool = own
    ? { family: 'function', name }
    : {
        family: type === undefined ? 'other' : toolTypeFamily(type),
        name: name ?? type ?? '',
        wire: { protocol: protocolId, value: whole },
      };
  if (own) {
    const description = asString(value.description);
    const strict = asBoolean(value.strict);
    if (description !== undefined) tool.description = description;
    if (strict !== undefined) tool.strict = strict;
    tool.schema = value.input_schema as JsonObject;
    if (type === 'custom') spell(tool, { type });
    const extras = rest(value, functionKeys);
    if (extras !== undefined) tool.extras = ownExtras(extras);
    for (const key of functionKeys) if (value[key] === null) spell(tool, { [key]: null });
  } else if (cache_control === null) {
    spell(tool, { cache_control });
  }
  const defer = asBoolean(value.defer_loading);
  if (defer !== undefined) tool.defer = defer;
  if (cache !== undefined) {
    tool.cache = decodeCacheControl(cache);
    if (!plainCacheControl(cache)) {
      tool.extras = ownExtras({ ...tool.extras?.[protocolId], cache_control: cache });
    }
  }
  return tool;
}

/** Writes a tool that came in this protocol. */
export function encodeOwnTool(tool: Tool): JsonObject {
  const out: JsonObject = tool.wire ? { ...tool.wire.value } : { name: tool.name };
  if (!tool.wire) {
    if (tool.description !== undefined) out.description = tool.description;
    out.input_schema = tool.schema ?? { type: 'object' };
    if (tool.strict !== undefined) out.strict = tool.strict;
    if (tool.defer !== undefined) out.defer_loading = tool.defer;
  }
  Object.assign(out, tool.extras?.[protocolId], spelling(tool));
  if (tool.cache && !out.cache_control) out.cache_control = cacheControl(tool.cache);
  return out;
}

const choiceKeys: ReadonlySet<string> = new Set(['type', 'name', 'disable_parallel_tool_use']);
const modes: Readonly<Record<string, ToolChoice['mode']>> = {
  auto: 'auto',
  any: 'required',
  tool: 'one',
  none: 'none',
};

/** Reads `tool_choice`, which also says whether calls may come in parallel. */
export function decodeToolChoice(value: JsonObject): Pick<TurnRequest, 'toolChoice' | 'parallelTools'> {
  const type = asString(value.type);
  const mode = type === undefined ? undefined : entryOf(modes, type);
  const toolChoice: ToolChoice = { mode: mode ?? 'auto' };
  const name = asString(value.name);
  if (name !== undefined) toolChoice.name = name;
  if (mode === undefined || rest(value, choiceKeys)) toolChoice.wire = { protocol: protocolId, value };
  const single = asBoolean(value.disable_parallel_tool_use);
  return single === undefined ? { toolChoice } : { toolChoice, parallelTools: !single };
}

/** Writes `tool_choice`; `toolName` gives a tool's name on the wire. */
export function encodeToolChoice(
  choice: ToolChoice | undefined,
  parallel: boolean | undefined,
  toolName: (name: string) => string,
): JsonObject | undefined {
  if (choice?.wire?.protocol === protocolId && isObject(choice.wire.value)) return choice.wire.value;
  if (choice === undefined && parallel !== false) return undefined;
  const type =
    choice?.mode === 'one' ? 'tool' : choice?.mode === 'required' ? 'any' : (choice?.mode ?? 'auto');
  const out: JsonObject = { type };
  if (type === 'tool' && choice?.name !== undefined) out.name = toolName(choice.name);
  if (parallel !== undefined && type !== 'none') out.disable_parallel_tool_use = !parallel;
  return out;
}
