import type { Json, JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Tool } from '../../turn/part.ts';
import type { Output, Reasoning, TurnRequest } from '../../turn/request.ts';
import type { EncodedRequest, EncodeTarget, ToolNames } from '../protocol.ts';
import { foreignMembers } from '../foreign-members.ts';
import { allTools, wireTools } from '../repairs/tool-names.ts';
import { sealFits } from '../seal.ts';
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

/** Writes a request for an upstream's `POST /responses`. */
export function encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const fromOwn = request.protocol === own;
  const notes: Note[] = [];
  const seen = new Set<string>();
  const note = (entry: Note) => {
    const key = `${entry.action} ${entry.path} ${entry.action === 'repaired' ? entry.why : ''}`;
    if (seen.has(key)) return;
    seen.add(key);
    notes.push(entry);
  };
  const tools = fromOwn ? request.tools : allTools(request);
  const naming = fromOwn ? undefined : wireTools(topLevel(tools), { nameCharsMax, custom: true });
  const wireName = (name: string) => naming?.wireName(name) ?? name;

  const body: JsonObject = { model: target.model };
  const instructions = instructionsOf(request, note);
  if (instructions !== undefined) body.instructions = instructions;
  body.input = inputOf(request, { issuer: target.issuer, fromOwn, note, wireName });
  toolsInto(body, request, tools, fromOwn, wireName, note);
  settingsInto(body, request, fromOwn, note);
  const reasoning = reasoningOf(request.reasoning, fromOwn, note);
  if (reasoning !== undefined) body.reasoning = reasoning;
  const text = textOf(request.output, note);
  if (text !== undefined) body.text = text;
  stateInto(body, request, target, fromOwn, note);
  if (request.delivery.stream) body.stream = true;

  const mine = request.extras[own];
  for (const key in mine) if (mine[key] !== undefined) body[key] ??= mine[key];
  if (fromOwn && Array.isArray(mine?.include)) body.include = mine.include;
  noteExtras(request, note);
  const names: ToolNames | undefined = naming?.names;
  return names === undefined ? { body, notes } : { body, notes, names };
}

type Noter = (note: Note) => void;

const topLevel = (tools: readonly Tool[]): Tool[] => tools.filter((tool) => tool.family !== 'namespace');

function instructionsOf(request: TurnRequest, note: Noter): string | undefined {
  if (request.instructions.length === 0) return undefined;
  const texts: string[] = [];
  for (const part of request.instructions) {
    if (part.kind === 'text') texts.push(part.text);
    else
      dropped(
        note,
        `instructions.${part.kind}`,
        'instructions are text in the Responses protocol',
        'degrade',
      );
    if (part.cache !== undefined) dropped(note, 'cache_control', 'prompts are cached by themselves', 'note');
  }
  return texts.join('\n\n');
}

function inputOf(request: TurnRequest, target: Omit<ItemTarget, 'customCalls'>): JsonObject[] {
  const customCalls = new Set<string>();
  for (const turn of request.turns) {
    for (const part of turn.parts) {
      if (part.kind === 'tool_call' && (part.family === 'custom' || part.inputAs === 'text')) {
        customCalls.add(part.callId);
      }
    }
  }
  const items: JsonObject[] = [];
  for (const turn of request.turns) {
    if (turn.name !== undefined)
      dropped(target.note, 'name', 'messages have no name in the Responses protocol', 'degrade');
    for (const key of foreignMembers(turn.extras, own)) {
      dropped(
        target.note,
        `messages.${key}`,
        'messages have no such member in the Responses protocol',
        'note',
      );
    }
    turnItems(turn, { ...target, customCalls }, items);
  }
  return target.fromOwn ? items : pairCalls(items, target.note);
}

function toolsInto(
  body: JsonObject,
  request: TurnRequest,
  offered: readonly Tool[],
  fromOwn: boolean,
  wireName: (name: string) => string,
  note: Noter,
): void {
  const tools: Json[] = [];
  const names = new Set<string>();
  for (const tool of offered) {
    const isOwnTool = tool.family === 'function' || tool.family === 'custom';
    if (!fromOwn && isOwnTool && names.has(tool.name)) {
      const why = `the tool ${tool.name} is offered more than once and sent once`;
      note({ path: `tools.${tool.name}`, action: 'repaired', why, weight: 'note' });
      continue;
    }
    names.add(tool.name);
    const written = encodeTool(tool, isOwnTool ? wireName(tool.name) : tool.name, fromOwn, note);
    if (written !== undefined) tools.push(written);
    if (tool.cache !== undefined) dropped(note, 'cache_control', 'prompts are cached by themselves', 'note');
    for (const key of foreignMembers(tool.extras, own)) {
      dropped(note, `tools.${key}`, 'tools have no such member in the Responses protocol', 'note');
    }
  }
  if (tools.length > 0 || (fromOwn && offered.length > 0)) body.tools = tools;
  if (request.toolChoice !== undefined && (fromOwn || tools.length > 0)) {
    const choice = encodeToolChoice(request.toolChoice, fromOwn ? undefined : offered, wireName, note);
    if (choice !== undefined) body.tool_choice = choice;
  }
  if (request.parallelTools !== undefined && (fromOwn || tools.length > 0)) {
    body.parallel_tool_calls = request.parallelTools;
  }
}

/** Sampling members that change the answer and do not exist here. */
const missingSampling = [
  ['topK', 'top_k'],
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
  ['logitBias', 'logit_bias'],
  ['stop', 'stop'],
] as const;

function settingsInto(body: JsonObject, request: TurnRequest, fromOwn: boolean, note: Noter): void {
  const { sampling, meta } = request;
  if (request.outputTokensMax !== undefined) {
    const small = !fromOwn && request.outputTokensMax < outputTokensMin;
    body.max_output_tokens = small ? outputTokensMin : request.outputTokensMax;
    if (small) {
      note({
        path: request.protocol === 'openai-chat' ? 'max_completion_tokens' : 'max_tokens',
        action: 'clamped',
        why: `the Responses protocol takes no output limit below ${outputTokensMin}`,
        weight: 'note',
      });
    }
  }
  if (sampling.temperature !== undefined) body.temperature = sampling.temperature;
  if (sampling.topP !== undefined) body.top_p = sampling.topP;
  if (sampling.topLogprobs !== undefined) body.top_logprobs = sampling.topLogprobs;
  if (sampling.logprobs && !fromOwn) body.include = [logprobsWish];
  for (const [member, path] of missingSampling) {
    const value = sampling[member];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    dropped(note, path, `the Responses protocol has no ${path}`, 'degrade');
  }
  if (sampling.choices !== undefined && sampling.choices !== 1) {
    dropped(note, 'n', 'the Responses protocol gives one reply', 'degrade');
  }
  if (meta.tier !== undefined) body.service_tier = meta.tier === 'standard_only' ? 'default' : meta.tier;
  identifierInto(body, 'user', meta.user, fromOwn, note);
  identifierInto(body, 'safety_identifier', meta.safetyId, fromOwn, note);
  identifierInto(body, 'prompt_cache_key', request.cache?.key, fromOwn, note);
  if (meta.labels !== undefined) body.metadata = meta.labels;
  if (request.cache?.retention !== undefined) body.prompt_cache_retention = request.cache.retention;
  if (request.cache?.mark !== undefined)
    dropped(note, 'cache_control', 'prompts are cached by themselves', 'note');
}

function identifierInto(
  body: JsonObject,
  key: string,
  value: string | undefined,
  fromOwn: boolean,
  note: Noter,
): void {
  if (value === undefined) return;
  if (fromOwn || value.length <= identifierCharsMax) body[key] = value;
  else dropped(note, key, `${key} takes ${identifierCharsMax} characters at most`, 'note');
}

function reasoningOf(
  reasoning: Reasoning | undefined,
  fromOwn: boolean,
  note: Noter,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const out: JsonObject = {};
  const effort = reasoning.effort ?? effortOf(reasoning.budgetTokens, note);
  if (reasoning.effort !== undefined && reasoning.budgetTokens !== undefined) {
    dropped(note, 'thinking.budget_tokens', 'the effort beside it is sent', 'note');
  }
  if (effort !== undefined) out.effort = effort;
  else if (reasoning.mode === 'off') {
    // Which models take `none` is theirs to say; their default is left alone.
    dropped(
      note,
      'thinking',
      'reasoning cannot be switched off in every model; the default holds',
      'degrade',
    );
    return undefined;
  }
  const show = fromOwn ? reasoning.show : summaryOf(reasoning);
  if (show !== undefined) out.summary = show;
  const { extras } = reasoning;
  for (const key of foreignMembers(extras, own)) {
    dropped(note, `reasoning.${key}`, 'reasoning has no such member in the Responses protocol', 'note');
  }
  return { ...out, ...extras?.[own] };
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
      return 'auto';
    default:
      return reasoning.budgetTokens !== undefined || reasoning.mode === 'adaptive' ? 'auto' : undefined;
  }
}

function effortOf(budgetTokens: number | undefined, note: Noter): string | undefined {
  if (budgetTokens === undefined) return undefined;
  note({
    path: 'thinking.budget_tokens',
    action: 'emulated',
    why: 'the Responses protocol takes a reasoning effort instead of a budget',
    weight: 'note',
  });
  return budgetTokens < 4096 ? 'low' : budgetTokens < 16384 ? 'medium' : 'high';
}

function textOf(output: Output | undefined, note: Noter): JsonObject | undefined {
  if (output === undefined) return undefined;
  const more = output.extras?.[own];
  const text: JsonObject = { ...more };
  if (output.verbosity !== undefined) text.verbosity = output.verbosity;
  const { format } = output;
  const left = more?.format as JsonObject | undefined;
  if (format?.type === 'text') text.format = { type: 'text', ...left };
  else if (format?.type === 'json') text.format = { type: 'json_object', ...left };
  else if (format?.type === 'schema') {
    const written: JsonObject = { type: 'json_schema', name: format.name ?? 'response' };
    if (format.description !== undefined) written.description = format.description;
    written.schema = format.schema ?? {};
    if (format.strict !== undefined) written.strict = format.strict;
    text.format = { ...written, ...left };
  }
  if (output.modalities?.some((modality) => modality !== 'text')) {
    dropped(note, 'modalities', 'replies are text in the Responses protocol', 'degrade');
  }
  for (const key of foreignMembers(output.extras, own)) {
    dropped(note, key, `the Responses protocol has no ${key}`, 'degrade');
  }
  return Object.keys(text).length === 0 ? undefined : text;
}

function stateInto(
  body: JsonObject,
  request: TurnRequest,
  target: EncodeTarget,
  fromOwn: boolean,
  note: Noter,
): void {
  const { state } = request;
  if (state?.previousId !== undefined) {
    if (fromOwn) body.previous_response_id = state.previousId;
    else dropped(note, 'previous_id', 'another protocol keeps that state', 'refuse');
  }
  if (fromOwn) {
    if (state?.store !== undefined) body.store = state.store;
    return;
  }
  // Clients of the other protocols send their history each time: nothing needs to be kept, and the
  // reasoning has to come back with the reply.
  body.store = state?.store ?? false;
  if (wantsSeals(request, target.issuer)) {
    body.include = [...((body.include as Json[] | undefined) ?? []), sealedReasoning];
  }
}

/** Servers refuse the wish for sealed reasoning where the model does not reason. */
function wantsSeals(request: TurnRequest, issuer: string): boolean {
  const { reasoning } = request;
  if (reasoning !== undefined && reasoning.mode !== 'off' && reasoning.effort !== 'none') return true;
  return request.turns.some((turn) =>
    turn.parts.some((part) => part.kind === 'reasoning' && part.seal && sealFits(part.seal, own, issuer)),
  );
}

function noteExtras(request: TurnRequest, note: Noter): void {
  for (const key of foreignMembers(request.extras, own)) {
    dropped(note, key, `the Responses protocol has no ${key}`, 'note');
  }
}

function dropped(note: Noter, path: string, why: string, weight: Note['weight']): void {
  note({ path, action: 'dropped', why, weight });
}
