import { entryOf, type JsonObject } from '../../turn/json.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import { placesOf } from '../places.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { allTools, wireTools } from '../repairs/tool-names.ts';
import { messagesTiers } from '../tiers.ts';
import { schemaInWords } from '../words.ts';
import { cacheControl } from './cache.ts';
import { conversation } from './conversation.ts';
import { encodeForeignChoice, encodeForeignTools } from './foreign-tools.ts';
import { maxTokens, outputTokensDefault } from './limits.ts';
import { compiledSchema } from './output-schema.ts';
import { chooseThinking } from './thinking.ts';

/** The longest tool name the API takes, in characters. */
const nameCharsMax = 128;

/** The longest `metadata.user_id`. */
const userCharsMax = 512;

/** Marks the API takes in one request. */
const cacheMarksMax = 4;

/** Writes a request that came in another protocol. */
export function encodeForeignRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const ledger = createLedger(request.protocol, 'anthropic-messages');
  const wire = wireTools(allTools(request), { nameCharsMax, custom: false });
  const { system, messages } = conversation(request, target, wire.wireName, ledger);
  const tools = encodeForeignTools(request, wire.tools, placesOf(request), ledger);
  const asked = maxTokens(request, target, ledger);
  const limit = asked ?? target.abilities.outputTokensMax ?? outputTokensDefault;
  if (asked === undefined && target.abilities.outputTokensMax === undefined) {
    ledger.repair('max_tokens', `a limit is required: ${limit} tokens`);
  }

  const body: JsonObject = { model: target.model, max_tokens: limit };
  if (system !== undefined) body.system = system;
  body.messages = messages;
  if (tools.length > 0) body.tools = tools;
  for (const name of wire.repeated) {
    ledger.repair(`tools.${name}`, 'it is offered more than once and sent once');
  }
  const choice = encodeForeignChoice(request, tools, wire.wireName, ledger);
  if (choice) body.tool_choice = choice;
  chooseThinking(body, request, target, asked !== undefined, ledger);
  writeSampling(body, request, target, ledger);
  writeOutput(body, request, target, ledger);
  writeMeta(body, request, ledger);
  if (request.cache?.mark) body.cache_control = cacheControl(request.cache.mark);
  if (request.delivery.stream) body.stream = true;
  writeState(request, ledger);
  capCacheMarks(body, ledger);
  return { body, notes: ledger.notes, names: wire.names };
}

function writeSampling(
  body: JsonObject,
  { sampling }: TurnRequest,
  target: EncodeTarget,
  ledger: Ledger,
): void {
  const fixed = target.abilities.fixedSampling === true;
  const { thinking } = body as { thinking?: JsonObject };
  const thinks = thinking !== undefined && thinking.type !== 'disabled';
  let { temperature, topP, topK } = sampling;
  // 1 is what the model does anyway, and newer models refuse the two together.
  if (topP === 1) topP = undefined;
  if ((fixed || thinks) && temperature === 1) temperature = undefined;
  if (temperature !== undefined && (fixed || thinks)) {
    ledger.loseWhen('sampling.temperature', fixed ? 'fixed' : 'thinking');
    temperature = undefined;
  }
  if (temperature !== undefined && temperature > 1) {
    ledger.loseWhen('sampling.temperature', 'scale');
    temperature = 1;
  }
  if (topP !== undefined && (fixed || (thinks && topP < 0.95))) {
    ledger.loseWhen('sampling.topP', fixed ? 'fixed' : 'thinking');
    topP = undefined;
  }
  if (temperature !== undefined && topP !== undefined) {
    ledger.loseWhen('sampling.topP', 'beside');
    topP = undefined;
  }
  if (topK !== undefined && (fixed || thinks)) {
    ledger.loseWhen('sampling.topK', fixed ? 'fixed' : 'thinking');
    topK = undefined;
  }
  if (temperature !== undefined) body.temperature = temperature;
  if (topP !== undefined) body.top_p = topP;
  if (topK !== undefined) body.top_k = topK;
  if (sampling.stop !== undefined) {
    const stop = sampling.stop.filter((sequence) => sequence.trim() !== '');
    if (stop.length < sampling.stop.length) ledger.loseWhen('sampling.stop', 'blank');
    if (stop.length > 0) body.stop_sequences = stop;
  }
  for (const member of ['seed', 'frequencyPenalty', 'presencePenalty', 'logitBias', 'topLogprobs'] as const) {
    if (sampling[member] !== undefined) ledger.lose(`sampling.${member}`);
  }
  if (sampling.logprobs) ledger.lose('sampling.logprobs');
  if (sampling.choices !== undefined && sampling.choices !== 1) ledger.lose('sampling.choices');
}

function writeOutput(body: JsonObject, { output }: TurnRequest, target: EncodeTarget, ledger: Ledger): void {
  if (output?.verbosity !== undefined) ledger.lose('output.verbosity');
  if (output?.modalities?.some((modality) => modality !== 'text')) ledger.lose('output.modalities');
  const format = output?.format;
  if (format === undefined || format.type === 'text') return;
  if (format.type === 'json') {
    ledger.lose('format.json');
    return;
  }
  if (format.schema === undefined) {
    ledger.loseWhen('format.schema', 'absent');
    return;
  }
  const compiled = target.abilities.outputSchema === false ? undefined : compiledSchema(format.schema);
  if (compiled === undefined) {
    ledger.loseWhen('format.schema', target.abilities.outputSchema === false ? 'unable' : 'recursive');
    instruct(body, schemaInWords(format));
    return;
  }
  const { schema, closed, moved } = compiled;
  const effort = body.output_config as JsonObject | undefined;
  body.output_config = { ...effort, format: { type: 'json_schema', schema } };
  if (closed) ledger.loseWhen('format.schema', 'closed');
  if (moved.length > 0) ledger.loseWhen('format.schema', 'keywords', undefined, moved.join(', '));
  if (format.name !== undefined) ledger.lose('format.name');
  if (format.description !== undefined) ledger.lose('format.description');
  if (format.strict === false) ledger.lose('format.strict');
}

/** Adds words to the system prompt. */
function instruct(body: JsonObject, words: string): void {
  const { system } = body;
  if (system === undefined) body.system = words;
  else if (Array.isArray(system)) body.system = [...system, { type: 'text', text: words }];
  else body.system = `${String(system)}\n\n${words}`;
}

function writeMeta(body: JsonObject, { meta }: TurnRequest, ledger: Ledger): void {
  const user = meta.safetyId ?? meta.user;
  if (user !== undefined && user.length <= userCharsMax) body.metadata = { user_id: user };
  else if (user !== undefined) {
    ledger.loseWhen(meta.safetyId === undefined ? 'meta.user' : 'meta.safetyId', 'long');
  }
  if (meta.safetyId !== undefined && meta.user !== undefined && meta.safetyId !== meta.user) {
    ledger.loseWhen('meta.user', 'beside');
  }
  if (meta.labels !== undefined) ledger.lose('meta.labels');
  const tier = meta.tier && entryOf(messagesTiers, meta.tier);
  if (tier) body.service_tier = tier;
  else if (meta.tier !== undefined) ledger.loseWhen('meta.tier', 'unknown', undefined, meta.tier);
}

function writeState(request: TurnRequest, ledger: Ledger): void {
  const { state, cache } = request;
  if (state?.store === true) ledger.lose('state.store');
  if (state?.previousId !== undefined) ledger.lose('state.previousId');
  if (cache?.key !== undefined) ledger.lose('cache.key');
  if (cache?.retention !== undefined) ledger.lose('cache.retention');
  ledger.foreignRequest(request);
}

/** How long the API keeps what is marked. */
const cacheTtls: ReadonlySet<unknown> = new Set(['5m', '1h']);

/** Keeps the last marks: they lie deepest in the conversation and cover the earlier ones. */
function capCacheMarks(body: JsonObject, ledger: Ledger): void {
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
  ledger.loseWhen(
    'parts.cache',
    'many',
    undefined,
    `${marked.length - most} of ${marked.length} are left out`,
  );
}
