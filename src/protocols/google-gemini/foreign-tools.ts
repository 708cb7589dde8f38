import { asString, type JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import { placesOf } from '../places.ts';
import { customSchema } from '../repairs/custom-input.ts';
import { allTools, type WireTool } from '../repairs/tool-names.ts';
import { geminiParameters } from './gemini-schema.ts';
import { encodeToolChoice } from './tools.ts';

/** Tools that the API hosts, by the family they belong to. */
const hosts: { readonly [F in Tool['family']]?: string } = {
  web_search: 'googleSearch',
  web_fetch: 'urlContext',
  code: 'codeExecution',
};

/** Writes `tools` and `toolConfig` of a request that came in another protocol. */
export function encodeForeignTools(
  request: TurnRequest,
  wired: readonly WireTool[],
  wireName: (name: string) => string,
  ledger: Ledger,
): JsonObject {
  const offered = allTools(request);
  const placeOf = placesOf(request).tool;
  const functionDeclarations = wired.map((entry) => declaration(entry, placeOf(entry.tool), ledger));
  const hosted = new Map<string, JsonObject>();
  for (const tool of offered) {
    const at = placeOf(tool);
    if (tool.family === 'function' || tool.family === 'custom') continue;
    if (tool.family === 'namespace') {
      if (tool.description) {
        ledger.loseField('tools[type=namespace].description', { at: `${at}.description` });
      }
      continue;
    }
    const member = hosts[tool.family];
    if (member === undefined) {
      ledger.lose(`tools.${tool.family}`, at, asString(tool.wire?.value.type));
      continue;
    }
    hosted.set(member, {});
    if (tool.wire) ledger.wire(tool.wire, at);
  }
  const tools: JsonObject[] = functionDeclarations.length > 0 ? [{ functionDeclarations }] : [];
  for (const [member, settings] of hosted) tools.push({ [member]: settings });

  const out: JsonObject = {};
  if (tools.length > 0) out.tools = tools;
  const config = toolConfig(request, functionDeclarations, wireName, ledger);
  if (functionDeclarations.length > 0 && hosted.size > 0) {
    // The API refuses the two beside one another unless the hosted tools' steps may be told.
    config.includeServerSideToolInvocations = true;
  }
  if (Object.keys(config).length > 0) out.toolConfig = config;
  return out;
}

function declaration({ tool, wireName }: WireTool, at: string, ledger: Ledger): JsonObject {
  const out: JsonObject = { name: wireName };
  if (tool.description !== undefined) out.description = tool.description;
  if (tool.family === 'custom') {
    ledger.lose('tools.custom', at);
    if (tool.format?.type === 'grammar') ledger.lose('tools.grammar', at);
    out.parametersJsonSchema = customSchema(tool);
  } else {
    const { schema, changes } = geminiParameters(tool.schema ?? {});
    if (schema !== undefined) out.parametersJsonSchema = schema;
    for (const { name, detail } of changes) ledger.loseWhen('tools.schema', name, at, detail);
  }
  if (tool.strict === true) ledger.lose('tools.strict', at);
  if (tool.defer === true) ledger.lose('tools.defer', at);
  if (tool.cache !== undefined) ledger.lose('tools.cache', at);
  ledger.foreign(tool.extras, at);
  return out;
}

function toolConfig(
  { toolChoice: choice, parallelTools }: TurnRequest,
  functions: readonly JsonObject[],
  wireName: (name: string) => string,
  ledger: Ledger,
): JsonObject {
  if (parallelTools === false && functions.length > 0) ledger.lose('parallelTools');
  if (choice === undefined) return {};
  if (functions.length === 0) {
    if (choice.mode === 'required' || choice.mode === 'one') {
      if (choice.family !== undefined && choice.family !== 'function') ledger.lose('toolChoice.hosted');
      else ledger.loseWhen('toolChoice', 'missing');
    }
    return {};
  }
  const isOffered = (name: string): boolean => functions.some((one) => one.name === wireName(name));
  if (choice.mode === 'one' && !isOffered(choice.name ?? '')) {
    if (choice.family !== undefined && choice.family !== 'function' && choice.family !== 'custom') {
      ledger.lose('toolChoice.hosted');
    } else ledger.loseWhen('toolChoice', 'missing', undefined, choice.name);
    return {};
  }
  if (choice.wire !== undefined && choice.mode === 'auto' && choice.allowed === undefined) {
    ledger.loseWhen('toolChoice', 'unknown');
    return {};
  }
  const allowed = choice.allowed?.filter(isOffered);
  if (allowed !== undefined && allowed.length < choice.allowed!.length)
    ledger.loseWhen('toolChoice.allowed', 'missing');
  if (allowed?.length === 0) return {};
  const plain = {
    mode: choice.mode,
    ...(choice.name !== undefined && { name: choice.name }),
    ...(allowed && { allowed }),
  };
  return { functionCallingConfig: encodeToolChoice(plain, wireName) };
}
