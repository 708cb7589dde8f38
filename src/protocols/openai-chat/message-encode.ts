import type { Json, JsonObject } from '../../turn/json.ts';
import type {
  MediaPart,
  NativePart,
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from '../../turn/part.ts';
import type { Turn, TurnRequest } from '../../turn/request.ts';
import type { EncodeTarget } from '../protocol.ts';
import { nativeText, nativeWeight } from '../foreign-members.ts';
import { wrapInput } from '../repairs/custom-input.ts';
import { sealFits } from '../seal.ts';
import { callIdFor } from './call-id.ts';
import { pairCalls } from './call-pairs.ts';
import { encodeAnnotation } from './citations.ts';
import { own, restore } from './fields.ts';
import type { Losses } from './notes.ts';
import { encodeMedia, textFile } from './parts.ts';
import { openOwnSeal } from './reasoning.ts';

/** What the messages of one request are written with. */
export interface MessageContext {
  readonly request: TurnRequest;
  readonly target: EncodeTarget;
  readonly custom: boolean;
  readonly wireName: (name: string, namespace?: string) => string;
  readonly losses: Losses;
}

/** Writes instructions and turns as `messages`. What a turn becomes depends on that turn and those before it. */
export function encodeMessages(context: MessageContext): JsonObject[] {
  const { request } = context;
  const messages: JsonObject[] = [];
  if (request.instructions.length > 0) {
    const content = contentOf(context, request.instructions, 'system');
    if (content !== undefined) messages.push({ role: 'system', content });
  }
  // Images of tool results wait until the last result of a round of calls is written.
  let moved: Json[] = [];
  const settle = () => {
    if (moved.length > 0) messages.push({ role: 'user', content: moved });
    moved = [];
  };
  request.turns.forEach((turn, i) => {
    const path = `${request.protocol === 'openai-responses' ? 'input' : 'messages'}[${i}]`;
    context.losses.foreign(turn.extras, `${path}.`);
    if (turn.role === 'assistant') {
      settle();
      const message = assistantMessage(context, turn, path);
      if (message) messages.push(message);
      return;
    }
    const results = turn.parts.filter((part) => part.kind === 'tool_result');
    for (const result of results) {
      const message = resultMessage(context, result, path, moved);
      if (message) messages.push(results.length === 1 ? restore(message, turn.extras) : message);
    }
    const left = results.length > 0 ? turn.parts.filter((part) => part.kind !== 'tool_result') : turn.parts;
    if (results.length > 0 && left.length === 0) return;
    settle();
    const message = plainMessage(context, turn, left, path);
    if (message) messages.push(message);
  });
  settle();
  return request.protocol === own ? messages : pairCalls(messages, context.losses);
}

function plainMessage(
  context: MessageContext,
  turn: Turn,
  parts: readonly Part[],
  path: string,
): JsonObject | undefined {
  const { request, target, losses } = context;
  let role: string = turn.role;
  const content = contentOf(context, parts, path);
  if (content === undefined) {
    // An empty message means something only to the client that wrote it so.
    if (parts.length > 0 || request.protocol !== own) return undefined;
  }
  if (role === 'developer' && !target.abilities.modernChat) {
    role = 'system';
    losses.add(path, 'repaired', 'developer messages go up as system messages');
  }
  const message: JsonObject = { role, content: content ?? '' };
  if (turn.name !== undefined) message.name = turn.name;
  return restore(message, turn.extras);
}

/** The content of a system or user message: a string for one bare text, an array else, none when nothing is left. */
function contentOf(context: MessageContext, parts: readonly Part[], path: string): Json | undefined {
  const content: JsonObject[] = [];
  parts.forEach((part, i) => contentPart(context, part, `${path}.content[${i}]`, content));
  return folded(content);
}

function folded(content: JsonObject[]): Json | undefined {
  if (content.length === 0) return undefined;
  const only = content.length === 1 ? content[0] : undefined;
  if (only?.type === 'text' && Object.keys(only).length === 2) return only.text;
  return content;
}

function contentPart(context: MessageContext, part: Part, path: string, out: JsonObject[]): void {
  const { losses } = context;
  losses.foreign(part.extras, `${path}.`);
  if (part.cache && part.extras?.[own] === undefined) {
    losses.add(`${path}.cache_control`, 'dropped', 'cache marks are not sent to this upstream');
  }
  switch (part.kind) {
    case 'text':
      if (part.citations && context.request.protocol !== own) {
        losses.add(`${path}.citations`, 'dropped', 'citations in the history cannot be sent');
      }
      out.push(restore({ type: 'text', text: part.text }, part.extras));
      return;
    case 'refusal':
      out.push(restore({ type: 'refusal', refusal: part.text }, part.extras));
      return;
    case 'media':
      mediaPart(context, part, path, out);
      return;
    case 'compaction':
      if (part.summary === undefined)
        losses.add(path, 'dropped', 'a compaction without text cannot be read here', 'refuse');
      else {
        losses.add(path, 'emulated', 'a compacted stretch goes up as its summary', 'degrade');
        out.push({ type: 'text', text: part.summary });
      }
      return;
    case 'native':
      if (part.protocol === own) out.push(part.value);
      else nativePart(context, part, path, out);
      return;
    case 'tool_change':
      losses.add(path, 'emulated', 'tools that join later are offered from the start');
      return;
    case 'reference':
      losses.add(path, 'dropped', `this upstream does not keep ${part.refersTo}`, 'refuse');
      return;
    case 'notice':
      losses.add(path, 'dropped', 'notices of an upstream are not sent back');
      return;
    default:
      losses.add(path, 'dropped', `chat has no place for ${part.kind} here`, 'degrade');
  }
}

function nativePart({ losses }: MessageContext, part: NativePart, path: string, out: JsonObject[]): void {
  const text = nativeText(part);
  if (text === undefined) losses.add(path, 'dropped', `chat has no ${part.type} content`, nativeWeight(part));
  else {
    losses.add(path, 'emulated', `a ${part.type} goes up as its text`);
    out.push({ type: 'text', text });
  }
}

function mediaPart(context: MessageContext, part: MediaPart, path: string, out: JsonObject[]): void {
  const { losses, request } = context;
  const { source } = part;
  const isOpenAi = request.protocol === own || request.protocol === 'openai-responses';
  if (source.by === 'text' || source.by === 'parts') {
    losses.add(path, 'emulated', `a ${part.as} of text goes up as text`, 'degrade');
    if (part.title !== undefined) out.push({ type: 'text', text: part.title });
    if (part.context !== undefined) out.push({ type: 'text', text: part.context });
    if (source.by === 'text') out.push({ type: 'text', text: source.text });
    else source.parts.forEach((inner, i) => contentPart(context, inner, `${path}.content[${i}]`, out));
    return;
  }
  if (part.context !== undefined || part.citable) {
    losses.add(path, 'dropped', 'chat documents have no context and cannot be cited', 'degrade');
  }
  const text = request.protocol === own ? undefined : textFile(part);
  if (text !== undefined) {
    losses.add(path, 'emulated', 'a text file goes up as its text', 'degrade');
    if (part.title !== undefined) out.push({ type: 'text', text: part.title });
    out.push({ type: 'text', text });
    return;
  }
  if (part.detail === 'original' && request.protocol !== own) {
    losses.add(`${path}.detail`, 'clamped', 'the highest detail of an image is high', 'note');
    part = { ...part, detail: 'high' };
  }
  const foreignFile = source.by === 'file' && !isOpenAi;
  const linkedFile = source.by === 'url' && part.as !== 'image' && request.protocol !== own;
  const content = foreignFile || linkedFile ? undefined : encodeMedia(part);
  if (content) out.push(content);
  else losses.add(path, 'dropped', `chat cannot take this ${part.as} by ${source.by}`, 'refuse');
}

function resultMessage(
  context: MessageContext,
  part: ToolResultPart,
  path: string,
  moved: Json[],
): JsonObject | undefined {
  const { losses, request, target } = context;
  if (part.by === 'server') {
    losses.add(path, 'dropped', 'results of hosted tools have no place in chat', 'degrade');
    return undefined;
  }
  losses.foreign(part.extras, `${path}.`);
  if (part.outcome !== 'ok') {
    losses.add(path, 'dropped', 'chat does not mark a tool result as failed', 'degrade');
  }
  const content: JsonObject[] = [];
  if (part.output.as === 'text') content.push({ type: 'text', text: part.output.text });
  else if (part.output.as === 'json') content.push({ type: 'text', text: JSON.stringify(part.output.value) });
  else {
    part.output.parts.forEach((inner, i) => {
      const isMedia = inner.kind === 'media' && inner.source.by !== 'text' && inner.source.by !== 'parts';
      if (!isMedia || request.protocol === own) {
        contentPart(context, inner, `${path}.content[${i}]`, content);
        return;
      }
      const before = moved.length;
      mediaPart(context, inner, `${path}.content[${i}]`, moved as JsonObject[]);
      if (moved.length > before) {
        losses.add(path, 'repaired', 'media in a tool result follows it in a user message');
      }
    });
  }
  const message: JsonObject = {
    role: 'tool',
    tool_call_id: callIdFor(part.callId, target.abilities),
    content: folded(content) ?? '',
  };
  if (part.name !== undefined && request.protocol === own) message.name = part.name;
  return restore(message, part.extras);
}

function assistantMessage(context: MessageContext, turn: Turn, path: string): JsonObject | undefined {
  const { request, losses } = context;
  const content: JsonObject[] = [];
  const calls: Json[] = [];
  const annotations: Json[] = [];
  const reasoning: ReasoningPart[] = [];
  const message: JsonObject = { role: 'assistant', content: null };
  turn.parts.forEach((part, i) => {
    const at = `${path}.content[${i}]`;
    switch (part.kind) {
      case 'reasoning':
        losses.foreign(part.extras, `${at}.`);
        reasoning.push(part);
        break;
      case 'tool_call':
        losses.foreign(part.extras, `${at}.`);
        if (part.by === 'client') calls.push(encodeCall(context, part));
        else
          losses.add(at, 'dropped', `calls of the hosted tool ${part.name} have no place in chat`, 'degrade');
        break;
      case 'tool_result':
        if (part.by === 'server')
          losses.add(at, 'dropped', 'results of hosted tools have no place in chat', 'degrade');
        else losses.add(at, 'dropped', 'a tool result cannot stand in an assistant message', 'degrade');
        break;
      case 'refusal':
        message.refusal = typeof message.refusal === 'string' ? message.refusal + part.text : part.text;
        break;
      case 'reference':
        if (request.protocol === own) message.audio = restore({ id: part.refersTo }, part.extras);
        else contentPart(context, part, at, content);
        break;
      case 'media':
        losses.add(at, 'dropped', `an assistant message cannot hold ${part.as} here`, 'degrade');
        break;
      case 'native':
        if (part.protocol === own && part.type === 'annotation') annotations.push(part.value);
        else contentPart(context, part, at, content);
        break;
      case 'text':
        if (request.protocol === own) {
          for (const citation of part.citations ?? []) {
            const annotation = encodeAnnotation(citation, 0, part.text.length);
            if (annotation) annotations.push(annotation);
          }
        }
        contentPart(context, part, at, content);
        break;
      default:
        contentPart(context, part, at, content);
    }
  });
  encodeReasoning(context, reasoning, message, path);
  const body = folded(content);
  const said = Object.keys(message).length > 2 || calls.length > 0;
  if (body !== undefined) message.content = body;
  else if (!said) {
    if (turn.parts.length > 0 || request.protocol !== own) return undefined;
    message.content = '';
  }
  // Only calls and refusals may stand without content.
  else if (calls.length === 0 && message.refusal === undefined && message.audio === undefined) {
    message.content = '';
  }
  if (annotations.length > 0) message.annotations = annotations;
  if (calls.length > 0) message.tool_calls = calls;
  if (turn.name !== undefined) message.name = turn.name;
  return restore(message, turn.extras);
}

function encodeCall(context: MessageContext, part: ToolCallPart): JsonObject {
  const id = callIdFor(part.callId, context.target.abilities);
  const name = context.wireName(part.name, part.namespace);
  if (part.inputAs === 'text' && context.custom) {
    return restore({ id, type: 'custom', custom: { name, input: part.input } }, part.extras);
  }
  const given = part.inputAs === 'text' ? wrapInput(part.input) : part.input;
  const call: JsonObject = {
    id,
    type: 'function',
    function: { name, arguments: given === '' ? '{}' : given },
  };
  return part.inputAs === 'text' ? call : restore(call, part.extras);
}

/** Sends reasoning back: by its seal where this upstream made it, as `reasoning_content` where that is read. */
function encodeReasoning(
  { target, losses }: MessageContext,
  parts: readonly ReasoningPart[],
  message: JsonObject,
  path: string,
): void {
  const details: Json[] = [];
  let plain = '';
  let opaqueText = '';
  for (const part of parts) {
    const text = part.text ?? part.summary?.join('\n\n') ?? '';
    if (part.seal && sealFits(part.seal, own, target.issuer)) {
      const opened = openOwnSeal(part.seal.value);
      details.push(...opened.details);
      if (opened.opaque !== undefined) {
        message.reasoning_opaque = opened.opaque;
        opaqueText += text;
      }
      if (opened.details.length > 0 || opened.opaque !== undefined) continue;
    } else if (part.seal) {
      losses.add(path, 'dropped', 'sealed reasoning goes back only to the provider that made it');
    }
    if (text === '') continue;
    if (target.abilities.reasoningContent) plain += plain === '' ? text : `\n\n${text}`;
    else losses.add(path, 'dropped', 'this upstream takes no reasoning in the history');
  }
  if (plain !== '') message.reasoning_content = plain;
  if (opaqueText !== '') message.reasoning_text = opaqueText;
  if (details.length > 0) message.reasoning_details = details;
}
