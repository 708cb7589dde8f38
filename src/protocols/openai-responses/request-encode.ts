import type { Json, JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';
import type { Output, Reasoning, TurnRequest } from '../../turn/request.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import { placesOf, type Places } from '../places.ts';
import type { EncodedRequest, EncodeTarget, ToolNames } from '../protocol.ts';
import { wantedReasoning } from '../reasoning.ts';
import { allTools, wireTools } from '../repairs/tool-names.ts';
import { sealFits } from '../seal.ts';
import { openaiTier } from '../tiers.ts';
import { schemaInWords } from '../words.ts';
import { pairCalls } from './call-pairs.ts';
import { turnItems, type ItemTarget } from './item-encode.ts';
import { logprobsWish } from './request-decode.ts';
import { encodeTool, encodeToolChoice } from './tools.ts';
import { own } from './wire.ts';

/** Names longer than this are refused by some servers of this protocol. */
const nameCharsMax = 64;
/** A smaller `max_output_tokens` is refused. */
const outputTokensMin = 16;
/** A longer `user`, `safety_identifier` or `prompt_cache_key` is refused. */
const identifierCharsMax = 64;

const sealedReasoning = 'reasoning.encrypted_content';

/** What all that writes a part of the body needs. */
interface Writer {
  readonly request: TurnRequest;
  readonly target: EncodeTarget;
  readonly fromOwn: boolean;
  readonly ledger: Ledger;
  readonly places: Places;
  readonly body: JsonObject;
}

/** Writes a request for an upstream's `POST /responses`. */
export function encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const fromOwn = request.protocol === own;
  const ledger = createLedger(request.protocol, own);
  const body: JsonObject = { model: target.model };
  const writer: Writer = { request, target, fromOwn, ledger, places: placesOf(request), body };
  const tools = fromOwn ? request.tools : allTools(request);
  const naming = fromOwn ? undefined : wireTools(topLevel(tools), { nameCharsMax, custom: true });
  const wireName = (name: string) => naming?.wireName(name) ?? name;

  instructionsInto(writer);
  body.input = inputOf(writer, wireName);
  toolsInto(writer, tools, wireName);
  settingsInto(writer);
  const reasoning = reasoningOf(request.reasoning, writer);
  if (reasoning !== undefined) body.reasoning = reasoning;
  const text = textOf(request.output, writer);
  if (text !== undefined) body.text = text;
  stateInto(writer);
  if (request.delivery.stream) body.stream = true;

  const mine = request.extras[own];
  for (const key in mine) if (mine[key] !== undefined) body[key] ??= mine[key];
  if (fromOwn && Array.isArray(mine?.include)) body.include = mine.include;
  siblingMembers(writer);
  ledger.foreignRequest(request);
  const names: ToolNames | undefined = naming?.names;
  const { notes } = ledger;
  return names === undefined ? { body, notes } : { body, notes, names };
}

const topLevel = (tools: readonly Tool[]): Tool[] => tools.filter((tool) => tool.family !== 'namespace');

function instructionsInto({ request, ledger, places, body }: Writer): void {
  if (request.instructions.length === 0) return;
  const texts: string[] = [];
  request.instructions.forEach((part, i) => {
    const place = places.instruction(i);
    if (part.kind === 'text') texts.push(part.text);
    else ledger.lose('turns.system_media', place, part.kind);
    if (part.cache !== undefined) ledger.lose('parts.cache', place);
    if (part.kind === 'text' && part.citations !== undefined) ledger.lose('parts.citations', place);
    ledger.foreign(part.extras, place);
  });
  body.instructions = texts.join('\n\n');
}

function inputOf(
  { request, target, fromOwn, ledger, places }: Writer,
  wireName: (name: string) => string,
): JsonObject[] {
  const customCalls = new Set<string>();
  for (const turn of request.turns) {
    for (const part of turn.parts) {
      if (part.kind === 'tool_call' && (part.family === 'custom' || part.inputAs === 'text')) {
        customCalls.add(part.callId);
      }
    }
  }
  const items: JsonObject[] = [];
  const to: ItemTarget = {
    issuer: target.issuer,
    abilities: target.abilities,
    from: request.protocol,
    fromOwn,
    ledger,
    places,
    wireName,
    customCalls,
  };
  request.turns.forEach((turn, i) => {
    const place = places.turn(turn, i);
    if (turn.name !== undefined) ledger.lose('turns.name', place);
    ledger.foreign(turn.extras, place);
    turnItems(turn, i, to, items);
  });
  return fromOwn ? items : pairCalls(items, ledger);
}

function toolsInto(
  { request, fromOwn, ledger, places, body }: Writer,
  offered: readonly Tool[],
  wireName: (name: string) => string,
): void {
  const tools: Json[] = [];
  const names = new Set<string>();
  for (const tool of offered) {
    const place = places.tool(tool);
    const isOwnTool = tool.family === 'function' || tool.family === 'custom';
    if (!fromOwn && isOwnTool && names.has(tool.name)) {
      ledger.repair(`tools.${tool.name}`, `the tool ${tool.name} is offered more than once and sent once`);
      continue;
    }
    names.add(tool.name);
    const written = encodeTool(tool, isOwnTool ? wireName(tool.name) : tool.name, fromOwn);
    if (written !== undefined) tools.push(written);
    else ledger.lose(`tools.${tool.family}`, place, tool.name);
    if (tool.wire !== undefined && written !== undefined && written !== tool.wire.value) {
      ledger.wire(tool.wire, place);
    }
    if (tool.cache !== undefined) ledger.lose('tools.cache', place);
    ledger.foreign(tool.extras, place);
  }
  if (tools.length > 0 || (fromOwn && offered.length > 0)) body.tools = tools;
  if (request.toolChoice !== undefined && (fromOwn || tools.length > 0)) {
    const choice = encodeToolChoice(request.toolChoice, fromOwn ? undefined : offered, wireName, ledger);
    if (choice !== undefined) body.tool_choice = choice;
  }
  if (request.parallelTools !== undefined && (fromOwn || tools.length > 0)) {
    body.parallel_tool_calls = request.parallelTools;
  }
}

/** Sampling members that change the answer and do not exist here. */
const missingSampling = ['topK', 'seed', 'frequencyPenalty', 'presencePenalty', 'logitBias', 'stop'] as const;

function settingsInto({ request, target, fromOwn, ledger, body }: Writer): void {
  const { sampling, meta } = request;
  const { abilities } = target;
  const asked = request.outputTokensMax;
  if (asked !== undefined) {
    const most = abilities.outputTokensMax ?? Infinity;
    const small = !fromOwn && asked < outputTokensMin;
    body.max_output_tokens = small ? outputTokensMin : Math.min(asked, most);
    if (small) ledger.loseWhen('outputTokensMax', 'small');
    else if (asked > most) ledger.loseWhen('outputTokensMax', 'model', undefined, String(most));
  }
  for (const [member, key] of [
    ['temperature', 'temperature'],
    ['topP', 'top_p'],
  ] as const) {
    const value = sampling[member];
    if (value === undefined) continue;
    if (abilities.fixedSampling !== true) body[key] = value;
    else if (value !== 1) ledger.loseWhen(`sampling.${member}`, 'fixed');
  }
  // Models with fixed sampling were recorded to refuse these too.
  const untold = abilities.fixedSampling === true && !fromOwn;
  if (sampling.topLogprobs !== undefined) {
    if (untold) ledger.loseWhen('sampling.topLogprobs', 'fixed');
    else body.top_logprobs = sampling.topLogprobs;
  }
  if (sampling.logprobs && !fromOwn) {
    if (untold) ledger.loseWhen('sampling.logprobs', 'fixed');
    else body.include = [logprobsWish];
  }
  if (fromOwn) {
    if (sampling.frequencyPenalty !== undefined) body.frequency_penalty = sampling.frequencyPenalty;
    if (sampling.presencePenalty !== undefined) body.presence_penalty = sampling.presencePenalty;
  }
  for (const member of fromOwn ? [] : missingSampling) {
    const value = sampling[member];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    ledger.lose(`sampling.${member}`);
  }
  if (sampling.choices !== undefined && sampling.choices !== 1) ledger.lose('sampling.choices');
  if (meta.tier !== undefined) {
    const tier = openaiTier(meta.tier, request.protocol);
    if (tier !== undefined) body.service_tier = tier;
    else ledger.loseWhen('meta.tier', 'unknown', undefined, meta.tier);
  }
  const identify = (key: string, member: Parameters<Ledger['loseWhen']>[0], value: string | undefined) => {
    if (value === undefined) return;
    if (fromOwn || value.length <= identifierCharsMax) body[key] = value;
    else ledger.loseWhen(member, 'long');
  };
  identify('user', 'meta.user', meta.user);
  identify('safety_identifier', 'meta.safetyId', meta.safetyId);
  identify('prompt_cache_key', 'cache.key', request.cache?.key);
  if (meta.labels !== undefined) body.metadata = meta.labels;
  if (request.cache?.retention !== undefined) body.prompt_cache_retention = request.cache.retention;
  if (request.cache?.mark !== undefined) ledger.lose('cache.mark');
}

function reasoningOf(
  reasoning: Reasoning | undefined,
  { fromOwn, target, ledger }: Writer,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const out: JsonObject = {};
  if (fromOwn) {
    if (reasoning.effort !== undefined) out.effort = reasoning.effort;
    if (reasoning.show !== undefined) out.summary = reasoning.show;
    return { ...out, ...reasoning.extras?.[own] };
  }
  const abilities = target.abilities.reasoning;
  const { wish, changes } = wantedReasoning(reasoning, ['effort'], abilities);
  ledger.reasoning(changes);
  if (wish.as === 'effort') out.effort = wish.effort;
  else if (wish.as === 'off') {
    if (reasoning.effort === 'none' || abilities?.off === true || abilities?.efforts?.includes('none')) {
      return { effort: 'none' };
    }
    // Which models take `none` is theirs to say; their default is left alone.
    ledger.loseWhen(reasoning.mode === 'off' ? 'reasoning.mode' : 'reasoning.budgetTokens', 'unsure');
    return undefined;
  }
  if (abilities?.by.length === 0) return undefined;
  const show = summaryOf(reasoning);
  if (show !== undefined) out.summary = show;
  return out;
}

/** Other protocols ask for visible reasoning by other words; only those who show it get summaries. */
function summaryOf(reasoning: Reasoning): string | undefined {
  switch (reasoning.show) {
    case 'auto':
    case 'concise':
    case 'detailed':
      return reasoning.show;
    case 'omitted':
      return undefined;
    case 'summarized':
    case 'updates':
      return 'auto';
    default:
      return reasoning.budgetTokens !== undefined || reasoning.mode === 'adaptive' ? 'auto' : undefined;
  }
}

function textOf(output: Output | undefined, writer: Writer): JsonObject | undefined {
  if (output === undefined) return undefined;
  const { ledger, body, fromOwn, target } = writer;
  const more = output.extras?.[own];
  const text: JsonObject = { ...more };
  if (output.verbosity !== undefined) text.verbosity = output.verbosity;
  const { format } = output;
  const left = more?.format as JsonObject | undefined;
  if (format?.type === 'text') text.format = { type: 'text', ...left };
  else if (format?.type === 'json') text.format = { type: 'json_object', ...left };
  else if (format?.type === 'schema' && target.abilities.outputSchema === false && !fromOwn) {
    ledger.loseWhen('format.schema', 'unable');
    const said = body.instructions;
    body.instructions = `${typeof said === 'string' ? `${said}\n\n` : ''}${schemaInWords(format)}`;
  } else if (format?.type === 'schema') {
    const written: JsonObject = { type: 'json_schema', name: format.name ?? 'response' };
    if (format.description !== undefined) written.description = format.description;
    written.schema = format.schema ?? {};
    if (format.strict !== undefined) written.strict = format.strict;
    text.format = { ...written, ...left };
  }
  if (output.modalities?.some((modality) => modality !== 'text')) ledger.lose('output.modalities');
  return Object.keys(text).length === 0 ? undefined : text;
}

function stateInto({ request, target, fromOwn, ledger, body }: Writer): void {
  const { state } = request;
  if (state?.previousId !== undefined) {
    if (fromOwn) body.previous_response_id = state.previousId;
    else ledger.lose('state.previousId');
  }
  if (fromOwn) {
    if (state?.store !== undefined) body.store = state.store;
    return;
  }
  // Clients of the other protocols send their history each time: nothing needs to be kept, and the
  // reasoning has to come back with the reply.
  body.store = state?.store ?? false;
  if (wantsSeals(request, target)) {
    body.include = [...((body.include as Json[] | undefined) ?? []), sealedReasoning];
  }
}

/** Servers refuse the wish for sealed reasoning where the model does not reason. */
function wantsSeals({ reasoning, turns }: TurnRequest, { abilities, issuer }: EncodeTarget): boolean {
  const unable = abilities.reasoning?.by.length === 0;
  if (reasoning !== undefined && reasoning.mode !== 'off' && reasoning.effort !== 'none' && !unable) {
    return true;
  }
  return turns.some((turn) =>
    turn.parts.some((part) => part.kind === 'reasoning' && part.seal && sealFits(part.seal, own, issuer)),
  );
}

/** Members that the vendor's two protocols share to the letter and that no other has. */
const shared = ['moderation', 'prompt_cache_options'] as const;

function siblingMembers({ request, body }: Writer): void {
  const sibling = request.extras['openai-chat'];
  for (const key of shared) {
    const value = sibling?.[key];
    if (value !== undefined && value !== null) body[key] = value;
  }
}
