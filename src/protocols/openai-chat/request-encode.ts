import type { Json, JsonObject } from '../../turn/json.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { allTools, wireTools } from '../repairs/tool-names.ts';
import { own } from './fields.ts';
import { encodeMessages } from './message-encode.ts';
import { Losses } from './notes.ts';
import { encodeTool, encodeToolChoice } from './tools.ts';

const toolNameCharsMax = 64;
const stopCountMax = 4;
const userCharsMax = 64;

/** Writes a request for a Chat Completions upstream. */
export function encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const losses = new Losses();
  const custom = target.abilities.modernChat === true;
  const offered = allTools(request);
  const wire = wireTools(offered, { nameCharsMax: toolNameCharsMax, custom });
  const body: JsonObject = {
    model: target.model,
    messages: encodeMessages({ request, target, custom, wireName: wire.wireName, losses }),
  };

  const tools: Json[] = wire.tools.map((entry) => encodeTool(entry, custom));
  for (const name of wire.repeated) {
    losses.add(`tools.${name}`, 'repaired', `the tool ${name} is offered more than once and sent once`);
  }
  offered.forEach((tool, i) => {
    if (tool.family === 'namespace' && tool.description) {
      losses.add(`tools[${i}].description`, 'dropped', 'namespaces are flattened');
    }
    if (tool.family !== 'namespace') losses.foreign(tool.extras, `tools[${i}].`);
    if (tool.defer) losses.add(`tools[${i}]`, 'dropped', 'chat loads every tool at once');
    if (tool.cache && tool.extras?.[own] === undefined) {
      losses.add(`tools[${i}].cache_control`, 'dropped', 'cache marks are not sent to this upstream');
    }
    if (tool.family === 'function' || tool.family === 'custom' || tool.family === 'namespace') return;
    if (tool.wire?.protocol === own) tools.push(tool.wire.value);
    else losses.add(`tools[${i}]`, 'dropped', `chat has no hosted tool like ${tool.name}`, 'degrade');
  });
  if (tools.length > 0) body.tools = tools;
  const choice = encodeToolChoice(request, wire.tools, custom, wire.names !== undefined, losses);
  if (choice !== undefined) body.tool_choice = choice;
  // The API refuses the field without tools.
  if (request.parallelTools !== undefined && (tools.length > 0 || request.protocol === own)) {
    body.parallel_tool_calls = request.parallelTools;
  }

  encodeSampling(request, target, body, losses);
  encodeReasoning(request, body, losses);
  encodeOutput(request, target, body, losses);
  encodeMeta(request, target, body, losses);
  restoreExtras(request, body);
  losses.foreign(request.extras);
  return { body, notes: losses.notes, names: wire.names };
}

function encodeSampling(request: TurnRequest, target: EncodeTarget, body: JsonObject, losses: Losses): void {
  const { sampling } = request;
  const set = (key: string, value: Json | undefined) => {
    if (value !== undefined) body[key] = value;
  };
  set('temperature', sampling.temperature);
  set('top_p', sampling.topP);
  if (sampling.topK !== undefined) {
    if (request.protocol === own) body.top_k = sampling.topK;
    else losses.add('top_k', 'dropped', 'chat has no top_k', 'degrade');
  }
  set('seed', sampling.seed);
  set('frequency_penalty', sampling.frequencyPenalty);
  set('presence_penalty', sampling.presencePenalty);
  set('logit_bias', sampling.logitBias);
  // `top_logprobs` is refused unless `logprobs` is on, which other protocols imply by it.
  const implied = sampling.topLogprobs !== undefined && request.protocol !== own ? true : undefined;
  set('logprobs', sampling.logprobs ?? implied);
  set('top_logprobs', sampling.topLogprobs);
  set('n', sampling.choices);
  if (sampling.stop) {
    const over = target.abilities.modernChat && sampling.stop.length > stopCountMax;
    if (over) losses.add('stop', 'clamped', `only ${stopCountMax} stop sequences are accepted`, 'degrade');
    body.stop = over ? sampling.stop.slice(0, stopCountMax) : sampling.stop;
  }
  if (request.outputTokensMax !== undefined) {
    body[target.abilities.modernChat ? 'max_completion_tokens' : 'max_tokens'] = request.outputTokensMax;
  }
  if (request.delivery.stream) {
    body.stream = true;
    // Asked for in any case: the record needs the counts, and the client's surface leaves them out if not wanted.
    body.stream_options = { include_usage: true };
  }
}

function encodeReasoning(request: TurnRequest, body: JsonObject, losses: Losses): void {
  const { reasoning } = request;
  if (!reasoning) return;
  losses.foreign(reasoning.extras, 'reasoning.');
  const kept = reasoning.extras?.[own];
  if (kept) {
    Object.assign(body, kept);
    const inner = kept.reasoning;
    const same = typeof inner === 'object' && inner !== null && 'effort' in inner;
    if (reasoning.effort !== undefined && !same) body.reasoning_effort = reasoning.effort;
    return;
  }
  if (reasoning.effort !== undefined) {
    body.reasoning_effort = reasoning.effort;
    if (reasoning.budgetTokens !== undefined) {
      losses.add('thinking.budget_tokens', 'dropped', 'chat takes an effort, not a budget');
    }
  } else if (reasoning.mode === 'off') {
    losses.add('thinking', 'dropped', 'chat models reason as they do by default', 'degrade');
  } else if (reasoning.budgetTokens !== undefined) {
    body.reasoning_effort = effortFor(reasoning.budgetTokens);
    losses.add('thinking.budget_tokens', 'emulated', 'a reasoning budget goes up as an effort', 'degrade');
  } else if (reasoning.mode !== undefined) {
    losses.add('thinking', 'dropped', 'chat models reason as they do by default');
  }
  if (reasoning.show !== undefined) {
    losses.add('reasoning.summary', 'dropped', 'chat has no say in how reasoning is shown');
  }
}

const effortFor = (budgetTokens: number): string =>
  budgetTokens < 4096 ? 'low' : budgetTokens < 16384 ? 'medium' : 'high';

function encodeOutput(request: TurnRequest, target: EncodeTarget, body: JsonObject, losses: Losses): void {
  const { output } = request;
  if (!output) return;
  losses.foreign(output.extras);
  const { format } = output;
  if (format?.type === 'text') body.response_format = { type: 'text' };
  else if (format?.type === 'json') body.response_format = { type: 'json_object' };
  else if (format) {
    const schema: JsonObject = { name: format.name ?? 'response' };
    if (format.description !== undefined) schema.description = format.description;
    if (format.schema) schema.schema = format.schema;
    if (format.strict !== undefined) schema.strict = format.strict;
    body.response_format = { type: 'json_schema', json_schema: schema };
  }
  if (output.verbosity !== undefined) {
    if (request.protocol === own || target.abilities.modernChat) body.verbosity = output.verbosity;
    else losses.add('verbosity', 'dropped', 'this upstream may not know verbosity', 'degrade');
  }
  if (output.modalities) body.modalities = output.modalities;
  const kept = output.extras?.[own];
  for (const key in kept) {
    if (key === 'response_format') mergeFormat(body, kept.response_format as JsonObject);
    else body[key] = kept[key];
  }
}

/** A format that is not modelled stands whole; of a known one only the members beside it were kept. */
function mergeFormat(body: JsonObject, kept: JsonObject): void {
  const now = body.response_format as JsonObject | undefined;
  if (now === undefined) body.response_format = kept;
  else {
    now.json_schema = { ...(now.json_schema as JsonObject), ...(kept.json_schema as JsonObject) };
  }
}

/** Service tiers that mean the same in the protocol they come from. */
const tiers: Readonly<Record<string, string>> = { auto: 'auto', standard_only: 'default' };

function encodeMeta(request: TurnRequest, target: EncodeTarget, body: JsonObject, losses: Losses): void {
  const { meta, cache, state, protocol } = request;
  const isOwn = protocol === own;
  // Strict servers refuse members they do not know, so a foreign client's go only where they are known.
  const known = isOwn || target.abilities.modernChat === true;
  const isOpenAi = isOwn || protocol === 'openai-responses';
  const put = (key: string, value: Json | undefined, why: string, sendable = known) => {
    if (value === undefined) return;
    if (sendable) body[key] = value;
    else losses.add(key, 'dropped', why);
  };
  const unknownHere = 'this upstream may not know it';
  put('prompt_cache_key', cache?.key, `prompt_cache_key: ${unknownHere}`);
  put('prompt_cache_retention', cache?.retention, `prompt_cache_retention: ${unknownHere}`);
  if (cache?.mark) losses.add('cache_control', 'dropped', 'cache marks are not sent to this upstream');
  if (state?.store !== false || known) put('store', state?.store, `store: ${unknownHere}`);
  if (state?.previousId !== undefined) {
    losses.add('previous_response_id', 'dropped', 'chat upstreams keep no conversation', 'refuse');
  }
  if (meta.tier !== undefined) {
    const tier = isOpenAi ? meta.tier : tiers[meta.tier];
    if (tier !== undefined && known) body.service_tier = tier;
    else losses.add('service_tier', 'dropped', `service_tier ${meta.tier} is not known to this upstream`);
  }
  put(
    'user',
    meta.user,
    'user: too long for chat, or not known to this upstream',
    known && (isOwn || (meta.user?.length ?? 0) <= userCharsMax),
  );
  put('safety_identifier', meta.safetyId, `safety_identifier: ${unknownHere}`);
  // The API takes metadata only for completions that it stores.
  put(
    'metadata',
    meta.labels,
    'metadata is kept only with stored completions',
    isOwn || (known && state?.store === true),
  );
}

function restoreExtras(request: TurnRequest, body: JsonObject): void {
  const extras = request.extras[own];
  for (const key in extras) {
    if (key !== 'stream_options') body[key] = extras[key];
    else if (body.stream_options) {
      body.stream_options = {
        ...(extras.stream_options as JsonObject),
        ...(body.stream_options as JsonObject),
      };
    }
  }
}
