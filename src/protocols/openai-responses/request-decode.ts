import {
  asArray,
  asBoolean,
  asNumber,
  asObject,
  asString,
  isObject,
  rest,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import { refuse } from '../../turn/failure.ts';
import type { Part } from '../../turn/part.ts';
import type { Output, OutputFormat, Reasoning, Turn, TurnRequest } from '../../turn/request.ts';
import { itemParts, typeOf, type ItemSource } from './item-decode.ts';
import { decodeTool, decodeToolChoice } from './tools.ts';
import { leftover, own, hostedOutputs } from './wire.ts';

/** Reads the body of `POST /responses`. Unknown members stay in `extras`. */
export function decodeRequest(body: JsonObject): TurnRequest {
  const model = checked(body, 'model', 'string') as string | undefined;
  if (model === undefined || model === '') missing('model');
  const request: TurnRequest = {
    protocol: own,
    model,
    instructions: [],
    turns: turnsOf(body),
    tools: toolsOf(body),
    sampling: {},
    delivery: { stream: checked(body, 'stream', 'boolean') === true },
    meta: {},
    extras: {},
  };
  const instructions = checked(body, 'instructions', 'string') as string | undefined;
  if (instructions !== undefined) request.instructions = [{ kind: 'text', text: instructions }];
  if (body.tool_choice !== undefined && body.tool_choice !== null) {
    const choice = decodeToolChoice(body.tool_choice);
    if (choice === undefined) wrongType('tool_choice', 'one of a string or object', body.tool_choice);
    request.toolChoice = choice;
  }
  request.parallelTools = checked(body, 'parallel_tool_calls', 'boolean') as boolean | undefined;
  request.outputTokensMax = checked(body, 'max_output_tokens', 'number') as number | undefined;
  request.sampling = {
    temperature: checked(body, 'temperature', 'number') as number | undefined,
    topP: checked(body, 'top_p', 'number') as number | undefined,
    topLogprobs: checked(body, 'top_logprobs', 'number') as number | undefined,
    // Open Responses has the penalties; the vendor's own API does not.
    frequencyPenalty: checked(body, 'frequency_penalty', 'number') as number | undefined,
    presencePenalty: checked(body, 'presence_penalty', 'number') as number | undefined,
    logprobs: asArray(body.include).includes(logprobsWish) ? true : undefined,
  };
  request.reasoning = reasoningOf(checked(body, 'reasoning', 'object') as JsonObject | undefined);
  request.output = outputOf(checked(body, 'text', 'object') as JsonObject | undefined);
  const key = checked(body, 'prompt_cache_key', 'string') as string | undefined;
  const retention = checked(body, 'prompt_cache_retention', 'string') as string | undefined;
  if (key !== undefined || retention !== undefined) request.cache = { key, retention };
  const store = checked(body, 'store', 'boolean') as boolean | undefined;
  const previousId = checked(body, 'previous_response_id', 'string') as string | undefined;
  if (store !== undefined || previousId !== undefined) request.state = { store, previousId };
  request.meta = {
    tier: checked(body, 'service_tier', 'string') as string | undefined,
    user: checked(body, 'user', 'string') as string | undefined,
    safetyId: checked(body, 'safety_identifier', 'string') as string | undefined,
    labels: checked(body, 'metadata', 'object') as JsonObject | undefined,
  };
  checked(body, 'include', 'array');
  const left = rest(body, modelled);
  if (left !== undefined) request.extras = { [own]: left };
  return request;
}

/** The entry of `include` that asks for log-probabilities. */
export const logprobsWish = 'message.output_text.logprobs';

const modelled = new Set([
  'model',
  'input',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_logprobs',
  'frequency_penalty',
  'presence_penalty',
  'reasoning',
  'text',
  'prompt_cache_key',
  'prompt_cache_retention',
  'store',
  'previous_response_id',
  'service_tier',
  'user',
  'safety_identifier',
  'metadata',
  'stream',
]);

/** In a conversation that the server keeps, there may be no input at all. */
const inputFree = ['previous_response_id', 'prompt', 'conversation'];

function turnsOf(body: JsonObject): Turn[] {
  const { input } = body;
  if (typeof input === 'string') return [{ role: 'user', parts: [{ kind: 'text', text: input }] }];
  if (input === undefined || input === null) {
    if (inputFree.some((key) => body[key] !== undefined && body[key] !== null)) return [];
    refuse(
      `One of "input" or "previous_response_id" or 'prompt' or 'conversation_id' must be provided.`,
      undefined,
      { code: 'missing_required_parameter' },
    );
  }
  if (!Array.isArray(input)) wrongType('input', 'one of a string or array', input);
  const turns: Turn[] = [];
  const source: ItemSource = { callId: (index) => `call_${index}` };
  let outputs: Turn | undefined;
  input.forEach((item, index) => {
    if (!isObject(item)) wrongType(`input[${index}]`, 'an object', item);
    const parts = itemParts(item, index, source);
    const last = turns.at(-1);
    switch (sideOf(item, parts)) {
      case 'assistant':
        if (last?.role === 'assistant') last.parts.push(...parts);
        else turns.push({ role: 'assistant', parts });
        break;
      case 'output':
        if (last !== undefined && last === outputs) last.parts.push(...parts);
        else turns.push((outputs = { role: 'user', parts }));
        break;
      case 'message':
        turns.push({ role: roleOf(item), parts });
        break;
    }
  });
  return turns;
}

const assistantTypes = new Set([
  'reasoning',
  'function_call',
  'custom_tool_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'compaction',
  'item_reference',
]);
const outputTypes = new Set(['function_call_output', 'custom_tool_call_output', 'mcp_approval_response']);

/** Who speaks in an item: the model, the client with a result, or someone with a message of their own. */
function sideOf(item: JsonObject, parts: readonly Part[]): 'assistant' | 'output' | 'message' {
  const type = typeOf(item);
  if (type === 'message') return item.role === 'assistant' ? 'assistant' : 'message';
  if (assistantTypes.has(type)) return 'assistant';
  if (outputTypes.has(type)) return 'output';
  if (type === 'tool_search_output') return item.execution === 'client' ? 'output' : 'assistant';
  const hostedResult = hostedOutputs.get(type);
  if (hostedResult !== undefined) return hostedResult.by === 'client' ? 'output' : 'assistant';
  if (parts[0]?.kind === 'tool_call') return 'assistant';
  if (type.endsWith('_call')) return 'assistant';
  return type.endsWith('_output') ? 'output' : 'message';
}

function roleOf(item: JsonObject): Turn['role'] {
  const { role } = item;
  if (role === 'system' || role === 'developer' || role === 'assistant') return role;
  return 'user';
}

function toolsOf(body: JsonObject): TurnRequest['tools'] {
  const tools = (checked(body, 'tools', 'array') as Json[] | undefined) ?? [];
  return tools.map((tool, index) => {
    if (!isObject(tool)) wrongType(`tools[${index}]`, 'an object', tool);
    return decodeTool(tool);
  });
}

const reasoningMembers = new Set(['effort', 'summary', 'generate_summary']);

function reasoningOf(value: JsonObject | undefined): Reasoning | undefined {
  if (value === undefined) return undefined;
  const out: Reasoning = {};
  const effort = asString(value.effort);
  if (effort !== undefined) {
    out.effort = effort;
    out.mode = effort === 'none' ? 'off' : 'on';
  }
  const show = asString(value.summary) ?? asString(value.generate_summary);
  if (show !== undefined) out.show = show;
  const left = leftover(value, reasoningMembers);
  if (left !== undefined) out.extras = { [own]: left };
  return out;
}

const textMembers = new Set(['verbosity', 'format']);
const schemaMembers = new Set(['type', 'name', 'description', 'schema', 'strict']);

function outputOf(value: JsonObject | undefined): Output | undefined {
  if (value === undefined) return undefined;
  const out: Output = {};
  const verbosity = asString(value.verbosity);
  if (verbosity !== undefined) out.verbosity = verbosity;
  const extras: JsonObject = leftover(value, textMembers) ?? {};
  const format = asObject(value.format);
  if (format !== undefined) {
    const read = formatOf(format);
    // A format that is not modelled goes back whole; of a known one, only what is left over.
    const left = read === undefined ? format : leftover(format, schemaMembers);
    if (read !== undefined) out.format = read;
    if (left !== undefined) extras.format = left;
  }
  if (Object.keys(extras).length > 0) out.extras = { [own]: extras };
  return out;
}

function formatOf(format: JsonObject): OutputFormat | undefined {
  switch (format.type) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema':
      return {
        type: 'schema',
        name: asString(format.name),
        description: asString(format.description),
        schema: asObject(format.schema),
        strict: asBoolean(format.strict),
      };
    default:
      return undefined;
  }
}

const expected = {
  string: 'a string',
  number: 'a decimal',
  boolean: 'a boolean',
  object: 'an object',
  array: 'an array',
} as const;

/** The member when it has the type; `undefined` when it is absent or null; a refusal otherwise. */
function checked(body: JsonObject, key: string, type: keyof typeof expected): Json | undefined {
  const value = body[key];
  if (value === undefined || value === null) return undefined;
  const fits =
    type === 'object'
      ? isObject(value)
      : type === 'array'
        ? Array.isArray(value)
        : type === 'number'
          ? asNumber(value) !== undefined
          : typeof value === type;
  if (!fits) wrongType(key, expected[type], value);
  return value;
}

function wrongType(param: string, wanted: string, value: Json | undefined): never {
  const got = Array.isArray(value) ? 'an array' : value === null ? 'null' : article(typeof value);
  refuse(`Invalid type for '${param}': expected ${wanted}, but got ${got} instead.`, param, {
    code: 'invalid_type',
  });
}

const article = (type: string): string => (type === 'object' ? 'an object' : `a ${type}`);

function missing(param: string): never {
  refuse(`Missing required parameter: '${param}'.`, param, { code: 'missing_required_parameter' });
}
