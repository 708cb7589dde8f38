import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { ProtocolId } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { allTools, wireTools } from '../repairs/tool-names.ts';
import { cacheControl } from './cache.ts';
import { conversation } from './conversation.ts';
import { encodeForeignChoice, encodeForeignTools } from './foreign-tools.ts';
import { maxTokens, outputTokensDefault } from './limits.ts';
import { closedSchema } from './output-schema.ts';
import { chooseThinking } from './thinking.ts';

/** The longest tool name the API takes, in characters. */
const nameCharsMax = 128;

/** The longest `metadata.user_id`. */
const userCharsMax = 512;

/** Marks the API takes in one request. */
const cacheMarksMax = 4;

/** Writes a request that came in another protocol. */
export function encodeForeignRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const notes: Note[] = [];
  const wire = wireTools(allTools(request), { nameCharsMax, custom: false });
  const { system, messages } = conversation(request, target, wire.wireName, notes);
  const tools = encodeForeignTools(request, wire.tools, notes);
  const asked = maxTokens(request, target, notes);
  const limit = asked ?? target.abilities.outputTokensMax ?? outputTokensDefault;
  if (asked === undefined && target.abilities.outputTokensMax === undefined) {
    add(notes, 'max_tokens', 'repaired', `a limit is required: ${limit} tokens`, 'note');
  }

  const body: JsonObject = { model: target.model, max_tokens: limit };
  if (system !== undefined) body.system = system;
  body.messages = messages;
  if (tools.length > 0) body.tools = tools;
  for (const name of wire.repeated) {
    add(notes, `tools.${name}`, 'repaired', 'it is offered more than once and sent once', 'note');
  }
  const choice = encodeForeignChoice(request, tools, wire.wireName, notes);
  if (choice) body.tool_choice = choice;
  chooseThinking(body, request, target, asked !== undefined, notes);
  writeSampling(body, request, notes);
  writeFormat(body, request, notes);
  writeMeta(body, request, notes);
  if (request.cache?.mark) body.cache_control = cacheControl(request.cache.mark);
  if (request.delivery.stream) body.stream = true;
  noteTheRest(request, notes);
  capCacheMarks(body, notes);
  return { body, notes, names: wire.names };
}

function writeSampling(body: JsonObject, { sampling }: TurnRequest, notes: Note[]): void {
  const thinking = body.thinking !== undefined;
  let { temperature, topP } = sampling;
  if (temperature !== undefined && temperature > 1) {
    add(notes, 'temperature', 'clamped', 'the scale ends at 1', 'degrade');
    temperature = 1;
  }
  if (thinking && temperature !== undefined && temperature !== 1) {
    add(notes, 'temperature', 'dropped', 'it cannot be set while the model thinks', 'degrade');
    temperature = 1;
  }
  if (thinking && topP !== undefined && topP < 0.95) {
    add(notes, 'top_p', 'dropped', 'below 0.95 it cannot be set while the model thinks', 'degrade');
    topP = undefined;
  }
  // Newer models refuse the two together, and 1 is what they do anyway.
  if (topP === 1) topP = undefined;
  if (thinking && temperature === 1) temperature = undefined;
  if (temperature !== undefined && topP !== undefined) {
    add(notes, 'top_p', 'dropped', 'only one of temperature and top_p can be set', 'degrade');
    topP = undefined;
  }
  if (temperature !== undefined) body.temperature = temperature;
  if (topP !== undefined) body.top_p = topP;
  if (sampling.topK !== undefined) {
    if (thinking) add(notes, 'top_k', 'dropped', 'it cannot be set while the model thinks', 'degrade');
    else body.top_k = sampling.topK;
  }
  if (sampling.stop !== undefined) {
    const stop = sampling.stop.filter((sequence) => sequence.trim() !== '');
    if (stop.length < sampling.stop.length) {
      add(notes, 'stop', 'dropped', 'a stop sequence cannot be white space alone', 'degrade');
    }
    if (stop.length > 0) body.stop_sequences = stop;
  }
  const dropped: readonly [member: keyof typeof sampling, path: string][] = [
    ['seed', 'seed'],
    ['frequencyPenalty', 'frequency_penalty'],
    ['presencePenalty', 'presence_penalty'],
    ['logitBias', 'logit_bias'],
    ['topLogprobs', 'top_logprobs'],
  ];
  for (const [member, path] of dropped) {
    if (sampling[member] !== undefined) add(notes, path, 'dropped', 'no counterpart', 'degrade');
  }
  if (sampling.logprobs) add(notes, 'logprobs', 'dropped', 'no counterpart', 'degrade');
  if (sampling.choices !== undefined && sampling.choices !== 1) {
    add(notes, 'n', 'dropped', 'there is one reply to a request', 'degrade');
  }
}

function writeFormat(body: JsonObject, { protocol, output }: TurnRequest, notes: Note[]): void {
  const format = output?.format;
  if (format === undefined || format.type === 'text') return;
  const path = protocol === 'openai-responses' ? 'text.format' : 'response_format.json_schema';
  if (format.type === 'json') {
    add(notes, path.split('.json')[0]!, 'dropped', 'JSON without a schema cannot be asked for', 'degrade');
    return;
  }
  if (format.schema === undefined) {
    add(notes, path, 'dropped', 'a format without its schema cannot be asked for', 'degrade');
    return;
  }
  const schema = closedSchema(format.schema);
  body.output_config = { format: { type: 'json_schema', schema } };
  if (schema !== format.schema) {
    const why = 'its objects hold no members beyond those described';
    add(notes, `${path}.schema`, 'repaired', why, 'degrade');
  }
  for (const member of ['name', 'description'] as const) {
    if (format[member] !== undefined) add(notes, `${path}.${member}`, 'dropped', 'no counterpart', 'note');
  }
  if (format.strict === false) {
    add(notes, `${path}.strict`, 'dropped', 'the schema is always enforced', 'note');
  }
}

function writeMeta(body: JsonObject, { meta }: TurnRequest, notes: Note[]): void {
  const user = meta.safetyId ?? meta.user;
  if (user !== undefined && user.length <= userCharsMax) body.metadata = { user_id: user };
  else if (user !== undefined) {
    add(notes, 'user', 'dropped', `a user id has ${userCharsMax} characters at most`, 'note');
  }
  if (meta.safetyId !== undefined && meta.user !== undefined && meta.safetyId !== meta.user) {
    add(notes, 'user', 'dropped', 'safety_identifier stands for the user', 'note');
  }
  if (meta.labels !== undefined) add(notes, 'metadata', 'dropped', 'no counterpart', 'note');
  if (meta.tier === 'default') body.service_tier = 'standard_only';
  else if (meta.tier === 'auto') body.service_tier = 'auto';
  else if (meta.tier !== undefined) {
    add(notes, 'service_tier', 'dropped', `${meta.tier} is not a tier of this upstream`, 'degrade');
  }
}

/** Members of other protocols whose loss can change the answer. */
const weighty: ReadonlySet<string> = new Set([
  'audio',
  'background',
  'conversation',
  'context_management',
  'functions',
  'function_call',
  'generationConfig',
  'include',
  'max_tool_calls',
  'prediction',
  'prompt',
  'safetySettings',
  'truncation',
  'web_search_options',
]);

function noteTheRest(request: TurnRequest, notes: Note[]): void {
  const { output, state, cache, reasoning } = request;
  const drop = (path: string, weight: Note['weight']) =>
    add(notes, path, 'dropped', 'no counterpart', weight);
  if (output?.verbosity !== undefined) drop('verbosity', 'degrade');
  if (output?.modalities?.some((modality) => modality !== 'text')) drop('modalities', 'refuse');
  if (state?.store === true) drop('store', 'note');
  if (state?.previousId !== undefined) drop('previous_response_id', 'refuse');
  if (cache?.key !== undefined) drop('prompt_cache_key', 'note');
  if (cache?.retention !== undefined) drop('prompt_cache_retention', 'note');
  if (reasoning?.show !== undefined) drop('reasoning.summary', 'note');
  for (const extras of [request.extras, output?.extras, reasoning?.extras]) {
    for (const protocol in extras) {
      const members = extras[protocol as ProtocolId];
      for (const key in members) {
        if (members[key] !== null) drop(key, weighty.has(key) ? 'degrade' : 'note');
      }
    }
  }
}

/** How long the API keeps what is marked. */
const cacheTtls: ReadonlySet<unknown> = new Set(['5m', '1h']);

/** Keeps the last marks: they lie deepest in the conversation and cover the earlier ones. */
function capCacheMarks(body: JsonObject, notes: Note[]): void {
  const marked: JsonObject[] = [];
  const look = (value: unknown): void => {
    if (!Array.isArray(value)) return;
    for (const item of value as JsonObject[]) {
      const mark = item.cache_control as JsonObject | undefined;
      if (mark) marked.push(item);
      if (mark?.ttl !== undefined && !cacheTtls.has(mark.ttl)) item.cache_control = { type: 'ephemeral' };
      look(item.content);
    }
  };
  look(body.tools);
  look(body.system);
  look(body.messages);
  const most = body.cache_control ? cacheMarksMax - 1 : cacheMarksMax;
  if (marked.length <= most) return;
  for (const item of marked.slice(0, marked.length - most)) delete item.cache_control;
  add(
    notes,
    'cache_control',
    'dropped',
    `the first ${marked.length - most} of ${marked.length} marks: ${cacheMarksMax} are allowed`,
    'note',
  );
}

function add(notes: Note[], path: string, action: Note['action'], why: string, weight: Note['weight']): void {
  notes.push({ path, action, why, weight });
}
