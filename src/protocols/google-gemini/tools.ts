import { refuse } from '../../turn/failure.ts';
import { asArray, asString, entryOf, isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { ToolChoice } from '../../turn/request.ts';
import { camel, camelObject, ownExtras, protocolId, toolFamily } from './names.ts';
import { jsonSchemaOf } from './open-api-schema.ts';
import { spell, spelling } from './spelling.ts';

const functionKeys: ReadonlySet<string> = new Set([
  'name',
  'description',
  'parameters',
  'parametersJsonSchema',
]);

/** Reads `tools`. One entry may hold functions and hosted tools beside one another. */
export function decodeTools(value: Json | undefined): Tool[] {
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((entry, i) => {
    if (!isObject(entry)) refuse(`Invalid value at 'tools[${i}]'`, `tools[${i}]`);
    const { functionDeclarations, ...hosted } = camel(entry);
    const declared = Array.isArray(functionDeclarations)
      ? functionDeclarations
      : functionDeclarations === undefined
        ? []
        : [functionDeclarations];
    const functions = declared.map((one, j) =>
      decodeFunction(one, `tools[${i}].function_declarations[${j}]`),
    );
    return [...functions, ...Object.keys(hosted).map((key) => hostedTool(key, hosted[key]!))];
  });
}

function decodeFunction(value: Json, path: string): Tool {
  if (!isObject(value)) refuse(`Invalid value at '${path}'`, path);
  const declared = camel(value);
  const name = asString(declared.name);
  if (!name)
    refuse(`* GenerateContentRequest.${path}.name: [FIELD_INVALID] must not be empty`, `${path}.name`);
  const tool: Tool = { family: 'function', name };
  const description = asString(declared.description);
  if (description !== undefined) tool.description = description;
  if (isObject(declared.parametersJsonSchema)) tool.schema = declared.parametersJsonSchema;
  else if (isObject(declared.parameters)) {
    tool.schema = jsonSchemaOf(declared.parameters);
    spell(tool, { parameters: declared.parameters });
  }
  const extras = rest(declared, functionKeys);
  if (extras !== undefined) tool.extras = ownExtras(extras);
  return tool;
}

const hostedTool = (member: string, value: Json): Tool => ({
  family: toolFamily(member),
  name: member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  wire: { protocol: protocolId, value: { [member]: value } },
});

/** Writes the tools of a request that came in this protocol: the functions together, each hosted tool by itself. */
export function encodeOwnTools(tools: readonly Tool[]): JsonObject[] {
  const functionDeclarations = tools.filter(({ wire }) => wire === undefined).map(ownFunction);
  const hosted = tools.flatMap(({ wire }) => (wire === undefined ? [] : [{ ...wire.value }]));
  return functionDeclarations.length === 0 ? hosted : [{ functionDeclarations }, ...hosted];
}

function ownFunction(tool: Tool): JsonObject {
  const out: JsonObject = { name: tool.name };
  if (tool.description !== undefined) out.description = tool.description;
  const spelt = spelling(tool);
  if (spelt?.parameters !== undefined) out.parameters = spelt.parameters;
  else if (tool.schema !== undefined) out.parametersJsonSchema = tool.schema;
  return Object.assign(out, tool.extras?.[protocolId]);
}

const modes: Readonly<Record<string, ToolChoice['mode']>> = { AUTO: 'auto', ANY: 'required', NONE: 'none' };
const choiceKeys: ReadonlySet<string> = new Set(['mode', 'allowedFunctionNames']);

/** Reads `toolConfig.functionCallingConfig`; nothing when it leaves the choice to the model's default. */
export function decodeToolChoice(value: Json | undefined): ToolChoice | undefined {
  const config = camelObject(value);
  if (config === undefined) return undefined;
  const word = asString(config.mode)?.toUpperCase();
  const names = asArray(config.allowedFunctionNames).filter((name) => typeof name === 'string');
  const mode = word === undefined ? undefined : entryOf(modes, word);
  if (
    rest(config, choiceKeys) !== undefined ||
    (word !== undefined && mode === undefined && word !== 'VALIDATED')
  ) {
    return { mode: mode ?? 'auto', wire: { protocol: protocolId, value: config } };
  }
  // Validated calls are what every mode of other protocols gives.
  const choice: ToolChoice = { mode: mode ?? 'auto' };
  if (word === 'VALIDATED') spell(choice, { mode: word });
  else if (word === undefined) spell(choice, { mode: null });
  if (names.length === 1 && mode === 'required') return { mode: 'one', name: names[0]! };
  if (names.length > 0) choice.allowed = names;
  return choice;
}

/** Writes a `functionCallingConfig`; `wireName` gives a tool's name on the wire. */
export function encodeToolChoice(choice: ToolChoice, wireName: (name: string) => string): JsonObject {
  if (choice.wire?.protocol === protocolId && isObject(choice.wire.value)) return choice.wire.value;
  const allowed = choice.mode === 'one' ? [choice.name ?? ''] : choice.allowed;
  // Names may only stand beside ANY and VALIDATED; the second leaves it to the model whether to call.
  const word =
    choice.mode === 'none'
      ? 'NONE'
      : choice.mode === 'auto'
        ? allowed === undefined
          ? 'AUTO'
          : 'VALIDATED'
        : 'ANY';
  const spelt = spelling(choice)?.mode;
  const out: JsonObject = {};
  if (spelt !== null) out.mode = spelt ?? word;
  if (allowed !== undefined && word !== 'NONE')
    out.allowedFunctionNames = allowed.map((name) => wireName(name));
  return out;
}
