import { refuse } from '../../turn/failure.ts';
import { asNumber, asObject, asString, isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type { Part, Tool } from '../../turn/part.ts';
import type { Output, Reasoning, Turn, TurnRequest } from '../../turn/request.ts';
import { unpackSeal } from '../seal.ts';
import { decodeContent, type SealReader } from './block-decode.ts';
import { decodeCacheControl } from './cache.ts';
import { ownExtras, protocolId } from './names.ts';
import { spell } from './spelling.ts';
import { decodeTool, decodeToolChoice } from './tools.ts';

/** Members that are read below; everything else is kept in `extras`. */
const known: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'metadata',
  'stop_sequences',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'mcp_servers',
  'tool_choice',
  'thinking',
  'output_config',
  'output_format',
  'service_tier',
  'cache_control',
  'thread',
]);

/**
 * Reads the body of `POST /v1/messages` (or of `count_tokens`, which has no `max_tokens`).
 * @throws FailureError status 400 for what no upstream could make sense of, in the API's own words, and for
 * `thread`, whose history only the vendor's servers hold.
 */
export function decodeRequest(body: JsonObject): TurnRequest {
  if (body.thread !== undefined && body.thread !== null) {
    refuse(
      'thread: this gateway does not keep threads for this model; send the whole conversation in messages',
      'thread',
    );
  }
  const tools = decodeTools(body);
  const request: TurnRequest = {
    protocol: protocolId,
    model: decodeModel(body.model),
    instructions: decodeSystem(body.system),
    turns: decodeMessages(body.messages),
    tools,
    sampling: decodeSampling(body),
    delivery: { stream: decodeStream(body.stream) },
    meta: {},
    extras: {},
  };
  const max = number(body, 'max_tokens');
  if (max !== undefined) request.outputTokensMax = max;
  const choice = object(body, 'tool_choice');
  if (choice !== undefined) Object.assign(request, decodeToolChoice(choice));
  const reasoning = decodeReasoning(object(body, 'thinking'), asObject(body.output_config));
  if (reasoning !== undefined) request.reasoning = reasoning;
  const output = decodeOutput(object(body, 'output_config'), body.output_format);
  if (output !== undefined) request.output = output;
  const cache = asObject(body.cache_control);
  if (cache !== undefined) request.cache = { mark: decodeCacheControl(cache) };
  const tier = asString(body.service_tier);
  if (tier !== undefined) request.meta.tier = tier;

  const extras: JsonObject = rest(body, known) ?? {};
  const metadata = object(body, 'metadata');
  if (metadata !== undefined) {
    const user = asString(metadata.user_id);
    if (user !== undefined) request.meta.user = user;
    const more = rest(metadata, new Set(user === undefined ? [] : ['user_id']));
    if (more !== undefined) extras.metadata = more;
    else if (user === undefined) spell(request, { metadata });
  }
  for (const key in body) {
    if (body[key] !== null) continue;
    delete extras[key];
    spell(request, { [key]: null });
  }
  for (const key of ['tools', 'mcp_servers', 'stop_sequences']) {
    const value = body[key];
    if (Array.isArray(value) && value.length === 0) spell(request, { [key]: [] });
  }
  if (body.stream === false) spell(request, { stream: false });
  if (isObject(body.output_config) && Object.keys(body.output_config).length === 0) {
    spell(request, { output_config: {} });
  }
  if (Object.keys(extras).length > 0) request.extras = ownExtras(extras) ?? {};
  return request;
}

const unpack: SealReader = (value) => unpackSeal(value, protocolId);

function decodeModel(value: Json | undefined): string {
  if (value === undefined) refuse('model: Field required', 'model');
  if (typeof value !== 'string') refuse('model: Input should be a valid string', 'model');
  if (value === '') refuse('model: String should have at least 1 character', 'model');
  return value;
}

function decodeStream(value: Json | undefined): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') refuse('stream: Input should be a valid boolean', 'stream');
  return value;
}

function decodeSystem(value: Json | undefined): Part[] {
  if (value === undefined || value === null) return [];
  const parts = decodeContent(value, 'system', unpack);
  if (Array.isArray(value)) spell(parts, { form: 'list' });
  return parts;
}

function decodeMessages(value: Json | undefined): Turn[] {
  if (value === undefined) refuse('messages: Field required', 'messages');
  if (!Array.isArray(value)) refuse('messages: Input should be a valid list', 'messages');
  if (value.length === 0) refuse('messages: at least one message is required', 'messages');
  return value.map((message, i) => decodeMessage(message, `messages.${i}`));
}

const messageKeys: ReadonlySet<string> = new Set(['role', 'content']);

/** `system` messages stand among the others; they may have an empty list as content, or none. */
function decodeMessage(message: Json, path: string): Turn {
  if (!isObject(message)) refuse(`${path}: Input should be an object`, path);
  const role = message.role;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    refuse(`${path}.role: Input should be 'user', 'assistant' or 'system'`, `${path}.role`);
  }
  const { content } = message;
  const absent = role === 'system' && (content === undefined || content === null);
  const at = `${path}.content`;
  if (content === undefined && !absent) refuse(`${at}: Field required`, at);
  const turn: Turn = { role, parts: absent ? [] : decodeContent(content, at, unpack) };
  spell(turn, { form: absent ? 'absent' : typeof content === 'string' ? 'string' : 'list' });
  const extras = rest(message, messageKeys);
  if (extras !== undefined) turn.extras = ownExtras(extras);
  return turn;
}

function decodeTools(body: JsonObject): Tool[] {
  const tools = list(body, 'tools').map((tool, i) => decodeTool(tool, `tools.${i}`));
  list(body, 'mcp_servers').forEach((server, i) => {
    if (!isObject(server)) refuse(`mcp_servers.${i}: Input should be an object`, `mcp_servers.${i}`);
    const wire = { protocol: protocolId, value: server } as const;
    tools.push({ family: 'mcp', name: asString(server.name) ?? '', wire });
  });
  return tools;
}

function decodeSampling(body: JsonObject): TurnRequest['sampling'] {
  const sampling: TurnRequest['sampling'] = {};
  const temperature = number(body, 'temperature');
  const topP = number(body, 'top_p');
  const topK = number(body, 'top_k');
  if (temperature !== undefined) sampling.temperature = temperature;
  if (topP !== undefined) sampling.topP = topP;
  if (topK !== undefined) sampling.topK = topK;
  const stop = list(body, 'stop_sequences');
  stop.forEach((item, i) => {
    const at = `stop_sequences.${i}`;
    if (typeof item !== 'string') refuse(`${at}: Input should be a valid string`, at);
  });
  if (stop.length > 0) sampling.stop = stop as string[];
  return sampling;
}

const thinkingModes: Readonly<Record<string, Reasoning['mode']>> = {
  enabled: 'on',
  adaptive: 'adaptive',
  disabled: 'off',
};
const thinkingKeys: ReadonlySet<string> = new Set(['type', 'budget_tokens', 'display']);

function decodeReasoning(
  thinking: JsonObject | undefined,
  config: JsonObject | undefined,
): Reasoning | undefined {
  const effort = asString(config?.effort);
  if (thinking === undefined && effort === undefined) return undefined;
  const reasoning: Reasoning = {};
  if (effort !== undefined) reasoning.effort = effort;
  if (thinking === undefined) return reasoning;
  const mode = typeof thinking.type === 'string' ? thinkingModes[thinking.type] : undefined;
  const budget = asNumber(thinking.budget_tokens);
  const show = asString(thinking.display);
  if (mode !== undefined) reasoning.mode = mode;
  if (budget !== undefined) reasoning.budgetTokens = budget;
  if (show !== undefined) reasoning.show = show;
  const extras: JsonObject = rest(thinking, thinkingKeys) ?? {};
  if (mode === undefined && thinking.type !== undefined) extras.type = thinking.type;
  if (thinking.display === null) extras.display = null;
  if (Object.keys(extras).length > 0) reasoning.extras = ownExtras(extras);
  return reasoning;
}

const configKeys: ReadonlySet<string> = new Set(['effort', 'format']);

function decodeOutput(config: JsonObject | undefined, legacy: Json | undefined): Output | undefined {
  const output: Output = {};
  const extras: JsonObject = (config && rest(config, configKeys)) ?? {};
  if (config?.effort !== undefined && typeof config.effort !== 'string') extras.effort = config.effort;
  const format = asObject(config?.format) ?? asObject(legacy);
  if (format?.type === 'json_schema' && isObject(format.schema)) {
    output.format = { type: 'schema', schema: format.schema };
    if (typeof format.name === 'string') output.format.name = format.name;
    if (format !== config?.format) spell(output, { output_format: format });
    else if (Object.keys(format).length !== 2) spell(output, { format });
  } else if (config?.format !== undefined) {
    extras.format = config.format;
  } else if (legacy !== undefined && legacy !== null) {
    spell(output, { output_format: legacy });
  }
  if (Object.keys(extras).length > 0) output.extras = ownExtras(extras);
  return output.format || output.extras || legacy ? output : undefined;
}

function number(body: JsonObject, key: string): number | undefined {
  const value = body[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') refuse(`${key}: Input should be a valid number`, key);
  return value;
}

function list(body: JsonObject, key: string): Json[] {
  const value = body[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) refuse(`${key}: Input should be a valid list`, key);
  return value;
}

function object(body: JsonObject, key: string): JsonObject | undefined {
  const value = body[key];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) refuse(`${key}: Input should be a valid dictionary`, key);
  return value;
}
