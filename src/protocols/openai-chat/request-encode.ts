import type { Json, JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import { placesOf } from '../places.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { wantedReasoning } from '../reasoning.ts';
import { allTools, wireTools } from '../repairs/tool-names.ts';
import { openaiTier } from '../tiers.ts';
import { schemaInWords } from '../words.ts';
import { own } from './fields.ts';
import { encodeMessages } from './message-encode.ts';
import { encodeTool, encodeToolChoice } from './tools.ts';

const toolNameCharsMax = 64;
const stopCountMax = 4;
const userCharsMax = 64;

/** Writes a request for a Chat Completions upstream. */
export function encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const ledger = createLedger(request.protocol, own);
  const places = placesOf(request);
  const custom = target.abilities.modernChat === true;
  const offered = allTools(request);
  const wire = wireTools(offered, { nameCharsMax: toolNameCharsMax, custom });
  const body: JsonObject = {
    model: target.model,
    messages: encodeMessages({ request, target, custom, wireName: wire.wireName, ledger, places }),
  };

  const tools: Json[] = wire.tools.map((entry) => encodeTool(entry, custom));
  for (const name of wire.repeated) {
    ledger.repair(`tools.${name}`, `the tool ${name} is offered more than once and sent once`);
  }
  for (const tool of offered) {
    if (tool.family === 'web_search' && tool.wire?.protocol === own) {
      body.web_search_options = tool.wire.value;
    } else if (tool.wire?.protocol === own) tools.push(tool.wire.value);
    else accountTool(tool, custom, places.tool(tool), ledger);
  }
  if (tools.length > 0) body.tools = tools;
  const choice = encodeToolChoice(request, wire.tools, custom, wire.names !== undefined, ledger);
  if (choice !== undefined) body.tool_choice = choice;
  // The API refuses the field without tools.
  if (request.parallelTools !== undefined && (tools.length > 0 || request.protocol === own)) {
    body.parallel_tool_calls = request.parallelTools;
  }

  encodeSampling(request, target, body, ledger);
  encodeReasoning(request, target, body, ledger);
  encodeOutput(request, target, body, ledger);
  encodeMeta(request, target, body, ledger);
  restoreExtras(request, body);
  siblingMembers(request, target, body, ledger);
  ledger.foreignRequest(request);
  return { body, notes: ledger.notes, names: wire.names };
}

/** What a tool loses on the way, and the hosted tools themselves. */
function accountTool(tool: Tool, custom: boolean, place: string, ledger: Ledger): void {
  ledger.foreign(tool.extras, place);
  if (tool.family === 'namespace') {
    if (tool.description) {
      ledger.loseField('tools[type=namespace].description', { at: `${place}.description` });
    }
    for (const inner of tool.tools ?? []) accountTool(inner, custom, `${place}.tools.${inner.name}`, ledger);
    return;
  }
  if (tool.defer && tool.wire === undefined) ledger.lose('tools.defer', place);
  if (tool.cache && tool.extras?.[own] === undefined) ledger.lose('tools.cache', place);
  if (tool.family === 'custom' && !custom) {
    ledger.loseWhen('tools.custom', 'plain', place, tool.name);
    if (tool.format?.type === 'grammar') ledger.loseWhen('tools.grammar', 'plain', place, tool.name);
  } else if (tool.family !== 'function' && tool.family !== 'custom') {
    ledger.lose(`tools.${tool.family}`, place, tool.name);
  }
}

function encodeSampling(request: TurnRequest, target: EncodeTarget, body: JsonObject, ledger: Ledger): void {
  const { sampling } = request;
  const { abilities } = target;
  const set = (key: string, value: Json | undefined) => {
    if (value !== undefined) body[key] = value;
  };
  for (const [member, key] of [
    ['temperature', 'temperature'],
    ['topP', 'top_p'],
  ] as const) {
    const value = sampling[member];
    if (abilities.fixedSampling !== true || value === undefined) set(key, value);
    else if (value !== 1) ledger.loseWhen(`sampling.${member}`, 'fixed');
  }
  if (sampling.topK !== undefined) {
    if (request.protocol === own) body.top_k = sampling.topK;
    else ledger.lose('sampling.topK');
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
    const over = abilities.modernChat && sampling.stop.length > stopCountMax;
    if (over) ledger.loseWhen('sampling.stop', 'many');
    body.stop = over ? sampling.stop.slice(0, stopCountMax) : sampling.stop;
  }
  const asked = request.outputTokensMax;
  if (asked !== undefined) {
    const most = abilities.outputTokensMax ?? Infinity;
    if (asked > most) ledger.loseWhen('outputTokensMax', 'model', undefined, String(most));
    body[abilities.modernChat ? 'max_completion_tokens' : 'max_tokens'] = Math.min(asked, most);
  }
  if (request.delivery.stream) {
    body.stream = true;
    // Asked for in any case: the record needs the counts, and the client's surface leaves them out if not wanted.
    body.stream_options = { include_usage: true };
  }
}

function encodeReasoning(request: TurnRequest, target: EncodeTarget, body: JsonObject, ledger: Ledger): void {
  const { reasoning } = request;
  if (!reasoning) return;
  const kept = reasoning.extras?.[own];
  if (kept) {
    Object.assign(body, kept);
    const inner = kept.reasoning;
    const same = typeof inner === 'object' && inner !== null && 'effort' in inner;
    if (reasoning.effort !== undefined && !same) body.reasoning_effort = reasoning.effort;
    return;
  }
  const abilities = target.abilities.reasoning;
  const { wish, changes } = wantedReasoning(reasoning, ['effort'], abilities);
  if (reasoning.show !== undefined) ledger.lose('reasoning.show');
  if (wish.as === 'effort') body.reasoning_effort = wish.effort;
  else if (wish.as === 'off') {
    if (reasoning.effort === 'none' || abilities?.off === true || abilities?.efforts?.includes('none')) {
      body.reasoning_effort = 'none';
    } else {
      // Which models take `none` is theirs to say; their default is left alone.
      ledger.loseWhen(reasoning.mode === 'off' ? 'reasoning.mode' : 'reasoning.budgetTokens', 'unsure');
    }
  }
  ledger.reasoning(changes);
}

function encodeOutput(request: TurnRequest, target: EncodeTarget, body: JsonObject, ledger: Ledger): void {
  const { output } = request;
  if (!output) return;
  const { format } = output;
  if (format?.type === 'text') body.response_format = { type: 'text' };
  else if (format?.type === 'json') body.response_format = { type: 'json_object' };
  else if (format && target.abilities.outputSchema === false && request.protocol !== own) {
    ledger.loseWhen('format.schema', 'unable');
    instruct(body, schemaInWords(format));
  } else if (format) {
    const schema: JsonObject = { name: format.name ?? 'response' };
    if (format.description !== undefined) schema.description = format.description;
    if (format.schema) schema.schema = format.schema;
    if (format.strict !== undefined) schema.strict = format.strict;
    body.response_format = { type: 'json_schema', json_schema: schema };
  }
  if (output.verbosity !== undefined) {
    if (request.protocol === own || target.abilities.modernChat) body.verbosity = output.verbosity;
    else ledger.loseWhen('output.verbosity', 'plain');
  }
  if (output.modalities) body.modalities = output.modalities;
  const kept = output.extras?.[own];
  for (const key in kept) {
    if (key === 'response_format') mergeFormat(body, kept.response_format as JsonObject);
    else body[key] = kept[key];
  }
}

/** Adds words to the system prompt; many servers take no more than one system message. */
function instruct(body: JsonObject, words: string): void {
  const messages = body.messages as JsonObject[];
  const first = messages[0];
  if (first?.role !== 'system' && first?.role !== 'developer') {
    messages.unshift({ role: 'system', content: words });
  } else if (Array.isArray(first.content)) {
    first.content = [...first.content, { type: 'text', text: words }];
  } else {
    first.content = `${String(first.content)}\n\n${words}`;
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

function encodeMeta(request: TurnRequest, target: EncodeTarget, body: JsonObject, ledger: Ledger): void {
  const { meta, cache, state, protocol } = request;
  const isOwn = protocol === own;
  // Strict servers refuse members they do not know, so a foreign client's go only where they are known.
  const known = isOwn || target.abilities.modernChat === true;
  const put = (
    key: string,
    member: Parameters<Ledger['loseWhen']>[0],
    value: Json | undefined,
    problem: string | undefined = known ? undefined : 'plain',
  ) => {
    if (value === undefined) return;
    if (problem === undefined) body[key] = value;
    else ledger.loseWhen(member, problem);
  };
  put('prompt_cache_key', 'cache.key', cache?.key);
  put('prompt_cache_retention', 'cache.retention', cache?.retention);
  if (cache?.mark) ledger.lose('cache.mark');
  // Not to store is what these servers do anyway.
  if (state?.store !== false || known) put('store', 'state.store', state?.store);
  if (state?.previousId !== undefined) ledger.lose('state.previousId');
  if (meta.tier !== undefined) {
    const tier = openaiTier(meta.tier, protocol);
    if (tier !== undefined && known) body.service_tier = tier;
    else ledger.loseWhen('meta.tier', tier === undefined ? 'unknown' : 'plain', undefined, meta.tier);
  }
  const long = !isOwn && (meta.user?.length ?? 0) > userCharsMax;
  put('user', 'meta.user', meta.user, !known ? 'plain' : long ? 'long' : undefined);
  put('safety_identifier', 'meta.safetyId', meta.safetyId);
  // The API takes metadata only for completions that it stores.
  const unstored = !isOwn && state?.store !== true;
  put('metadata', 'meta.labels', meta.labels, !known ? 'plain' : unstored ? 'unstored' : undefined);
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

/** Members that the vendor's two protocols share to the letter and that no other has. */
const shared = ['moderation', 'prompt_cache_options'] as const;

function siblingMembers(request: TurnRequest, target: EncodeTarget, body: JsonObject, ledger: Ledger): void {
  const sibling = request.extras['openai-responses'];
  for (const key of shared) {
    const value = sibling?.[key];
    if (value === undefined || value === null) continue;
    if (target.abilities.modernChat) body[key] = value;
    else ledger.loseField(key, { when: 'plain' });
  }
}
