import { asObject, asString, isObject, rest } from '../../turn/json.ts';
import type { JsonObject } from '../../turn/json.ts';
import { refuse } from '../../turn/failure.ts';
import type { Output, Reasoning, Sampling, TurnRequest } from '../../turn/request.ts';
import {
  arrayField,
  booleanField,
  missing,
  numberField,
  objectField,
  own,
  stringField,
  wrongType,
} from './fields.ts';
import { decodeMessages } from './message-decode.ts';
import { decodeFunction, decodeTool, decodeToolChoice, decodeWebSearch } from './tools.ts';

/** Every top-level member that the turn has a place for; the others travel as extras. */
const known = new Set([
  'model',
  'messages',
  'tools',
  'functions',
  'tool_choice',
  'function_call',
  'parallel_tool_calls',
  'temperature',
  'top_p',
  'top_k',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'stop',
  'n',
  'max_tokens',
  'max_completion_tokens',
  'reasoning_effort',
  'reasoning',
  'response_format',
  'verbosity',
  'modalities',
  'audio',
  'prediction',
  'prompt_cache_key',
  'prompt_cache_retention',
  'store',
  'stream',
  'stream_options',
  'service_tier',
  'user',
  'safety_identifier',
  'metadata',
  'web_search_options',
]);

/** Reads a Chat Completions request. Throws for wrong types with the vendor's words; keeps what is unknown. */
export function decodeRequest(body: JsonObject): TurnRequest {
  const model = stringField(body, 'model');
  if (model === undefined || model === '') refuse('you must provide a model parameter', 'model');
  const messages = arrayField(body, 'messages') ?? missing('messages');
  if (messages.length === 0) {
    refuse(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      'messages',
      { code: 'empty_array' },
    );
  }

  const functions = arrayField(body, 'functions');
  const tools = (arrayField(body, 'tools') ?? []).map((tool, i) => decodeTool(tool, `tools[${i}]`));
  functions?.forEach((entry, i) => {
    if (!isObject(entry)) wrongType(`functions[${i}]`, 'an object', entry);
    else tools.push(decodeFunction(entry, `functions[${i}]`));
  });
  const search = objectField(body, 'web_search_options');
  if (search) tools.push(decodeWebSearch(search));

  const stream = booleanField(body, 'stream') ?? false;
  const options = objectField(body, 'stream_options');
  const extras = rest(body, known);
  const optionsLeft = options && rest(options, new Set(['include_usage']));

  const request: TurnRequest = {
    protocol: own,
    model: model!,
    instructions: [],
    turns: decodeMessages(messages),
    tools,
    sampling: decodeSampling(body),
    delivery: { stream, includeUsage: options ? options.include_usage === true : undefined },
    meta: {},
    extras: {},
  };
  if (extras || optionsLeft) {
    request.extras[own] = optionsLeft ? { ...extras, stream_options: optionsLeft } : extras;
  }
  const toolChoice = decodeToolChoice(body);
  if (toolChoice) request.toolChoice = toolChoice;
  const parallel = booleanField(body, 'parallel_tool_calls');
  // The legacy form has one call a message, so more than one could not be answered.
  if (parallel !== undefined) request.parallelTools = parallel;
  else if (functions && body.tools === undefined) request.parallelTools = false;
  const limit = numberField(body, 'max_completion_tokens') ?? numberField(body, 'max_tokens');
  if (limit !== undefined) request.outputTokensMax = limit;
  const reasoning = decodeReasoning(body);
  if (reasoning) request.reasoning = reasoning;
  const output = decodeOutput(body);
  if (output) request.output = output;

  const key = stringField(body, 'prompt_cache_key');
  const retention = stringField(body, 'prompt_cache_retention');
  if (key !== undefined || retention !== undefined) request.cache = { key, retention };
  const store = booleanField(body, 'store');
  if (store !== undefined) request.state = { store };

  const tier = stringField(body, 'service_tier');
  const user = stringField(body, 'user');
  const safetyId = stringField(body, 'safety_identifier');
  const labels = objectField(body, 'metadata');
  if (tier !== undefined) request.meta.tier = tier;
  if (user !== undefined) request.meta.user = user;
  if (safetyId !== undefined) request.meta.safetyId = safetyId;
  if (labels) request.meta.labels = labels;
  return request;
}

function decodeSampling(body: JsonObject): Sampling {
  const sampling: Sampling = {};
  const set = <K extends keyof Sampling>(key: K, value: Sampling[K] | undefined) => {
    if (value !== undefined) sampling[key] = value;
  };
  set('temperature', numberField(body, 'temperature'));
  set('topP', numberField(body, 'top_p'));
  set('topK', numberField(body, 'top_k'));
  set('seed', numberField(body, 'seed'));
  set('frequencyPenalty', numberField(body, 'frequency_penalty'));
  set('presencePenalty', numberField(body, 'presence_penalty'));
  set('logitBias', objectField(body, 'logit_bias'));
  set('logprobs', booleanField(body, 'logprobs'));
  set('topLogprobs', numberField(body, 'top_logprobs'));
  set('choices', numberField(body, 'n'));
  const stop = body.stop;
  if (typeof stop === 'string') sampling.stop = [stop];
  else if (Array.isArray(stop)) {
    sampling.stop = stop.map((text, i) =>
      typeof text === 'string' ? text : wrongType(`stop[${i}]`, 'a string', text),
    );
  } else if (stop !== undefined && stop !== null) wrongType('stop', 'a string or an array', stop);
  return sampling;
}

/** `reasoning_effort`, and the `reasoning` object that compatible servers take beside or instead of it. */
function decodeReasoning(body: JsonObject): Reasoning | undefined {
  const effort = stringField(body, 'reasoning_effort');
  const object = asObject(body.reasoning);
  if (effort === undefined && body.reasoning === undefined) return undefined;
  const reasoning: Reasoning = {};
  const word = effort ?? asString(object?.effort);
  if (word !== undefined) reasoning.effort = word;
  if (typeof object?.max_tokens === 'number') reasoning.budgetTokens = object.max_tokens;
  if (object?.enabled === false) reasoning.mode = 'off';
  if (object?.enabled === true) reasoning.mode = 'on';
  if (body.reasoning !== undefined) reasoning.extras = { [own]: { reasoning: body.reasoning } };
  return reasoning;
}

const schemaKeys = new Set(['name', 'description', 'schema', 'strict']);

function decodeOutput(body: JsonObject): Output | undefined {
  const output: Output = {};
  const extras: JsonObject = {};
  const format = objectField(body, 'response_format');
  if (format?.type === 'text') output.format = { type: 'text' };
  else if (format?.type === 'json_object') output.format = { type: 'json' };
  else if (format?.type === 'json_schema') {
    const path = 'response_format.json_schema';
    const schema = objectField(format, 'json_schema', path) ?? missing(path);
    output.format = {
      type: 'schema',
      name: stringField(schema, 'name', `${path}.name`),
      description: stringField(schema, 'description', `${path}.description`),
      schema: objectField(schema, 'schema', `${path}.schema`),
      strict: booleanField(schema, 'strict', `${path}.strict`),
    };
    const left = rest(schema, schemaKeys);
    if (left) extras.response_format = { json_schema: left };
  } else if (format) extras.response_format = format;

  const verbosity = stringField(body, 'verbosity');
  if (verbosity !== undefined) output.verbosity = verbosity;
  const modalities = arrayField(body, 'modalities');
  if (modalities) {
    output.modalities = modalities.map((word, i) =>
      typeof word === 'string' ? word : wrongType(`modalities[${i}]`, 'a string', word),
    );
  }
  const audio = objectField(body, 'audio');
  if (audio) extras.audio = audio;
  const prediction = objectField(body, 'prediction');
  if (prediction) extras.prediction = prediction;
  if (Object.keys(extras).length > 0) output.extras = { [own]: extras };
  return Object.keys(output).length > 0 ? output : undefined;
}
