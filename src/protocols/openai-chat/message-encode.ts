import type { Json, JsonObject } from '../../turn/json.ts';
import type { Part, ReasoningPart, ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import type { Turn } from '../../turn/request.ts';
import { wrapInput } from '../repairs/custom-input.ts';
import { sealFits } from '../seal.ts';
import { callIdFor } from './call-id.ts';
import { pairCalls } from './call-pairs.ts';
import { encodeAnnotation } from './citations.ts';
import { contentOf, contentPart, folded, type MessageContext, type PlaceOf } from './content-encode.ts';
import { own, restore } from './fields.ts';
import { openOwnSeal } from './reasoning.ts';

/** Writes instructions and turns as `messages`. What a turn becomes depends on that turn and those before it. */
export function encodeMessages(context: MessageContext): JsonObject[] {
  const { request, ledger, places } = context;
  const messages: JsonObject[] = [];
  if (request.instructions.length > 0) {
    const content = contentOf(context, request.instructions, (_part, i) => places.instruction(i));
    if (content !== undefined) messages.push({ role: 'system', content });
  }
  // Images of tool results wait until the last result of a round of calls is written.
  let moved: Json[] = [];
  const settle = () => {
    if (moved.length > 0) messages.push({ role: 'user', content: moved });
    moved = [];
  };
  request.turns.forEach((turn, i) => {
    ledger.foreign(turn.extras, places.turn(turn, i));
    const indexes = new Map(turn.parts.map((part, j) => [part, j]));
    const placeOf: PlaceOf = (part) => places.part(turn, i, part, indexes.get(part)!);
    if (turn.role === 'assistant') {
      settle();
      const message = assistantMessage(context, turn, placeOf);
      if (message) messages.push(message);
      return;
    }
    const results = turn.parts.filter((part) => part.kind === 'tool_result');
    for (const result of results) {
      const message = resultMessage(context, result, placeOf(result, 0), moved);
      if (message) messages.push(results.length === 1 ? restore(message, turn.extras) : message);
    }
    const left = results.length > 0 ? turn.parts.filter((part) => part.kind !== 'tool_result') : turn.parts;
    if (results.length > 0 && left.length === 0) return;
    settle();
    const message = plainMessage(context, turn, left, placeOf, places.turn(turn, i));
    if (message) messages.push(message);
  });
  settle();
  return request.protocol === own ? messages : pairCalls(messages, ledger);
}

function plainMessage(
  context: MessageContext,
  turn: Turn,
  parts: readonly Part[],
  placeOf: PlaceOf,
  place: string,
): JsonObject | undefined {
  const { request, target, ledger } = context;
  let role: string = turn.role;
  const content = contentOf(context, parts, placeOf);
  if (content === undefined) {
    // An empty message means something only to the client that wrote it so.
    if (parts.length > 0 || request.protocol !== own) return undefined;
  }
  if (role === 'developer' && !target.abilities.modernChat) {
    role = 'system';
    ledger.loseWhen('turns.developer', 'plain', place);
  }
  const message: JsonObject = { role, content: content ?? '' };
  if (turn.name !== undefined) message.name = turn.name;
  return restore(message, turn.extras);
}

function resultMessage(
  context: MessageContext,
  part: ToolResultPart,
  place: string,
  moved: Json[],
): JsonObject | undefined {
  const { ledger, request, target, places } = context;
  if (part.by === 'server') {
    ledger.lose('parts.hosted_result', place);
    return undefined;
  }
  ledger.foreign(part.extras, place);
  if (part.cache && part.extras?.[own] === undefined) ledger.lose('parts.cache', place);
  if (part.outcome !== 'ok') ledger.lose('parts.result_error', place);
  const content: JsonObject[] = [];
  if (part.output.as === 'text') content.push({ type: 'text', text: part.output.text });
  else if (part.output.as === 'json') content.push({ type: 'text', text: JSON.stringify(part.output.value) });
  else {
    part.output.parts.forEach((inner, i) => {
      const at = places.inner(place, part, i);
      const isMedia = inner.kind === 'media' && inner.source.by !== 'text' && inner.source.by !== 'parts';
      if (!isMedia || request.protocol === own) {
        contentPart(context, inner, at, content);
        return;
      }
      const before = moved.length;
      contentPart(context, inner, at, moved as JsonObject[]);
      if (moved.length > before) ledger.lose('parts.result_media', at);
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

function assistantMessage(context: MessageContext, turn: Turn, placeOf: PlaceOf): JsonObject | undefined {
  const { request, ledger } = context;
  const content: JsonObject[] = [];
  const calls: Json[] = [];
  const annotations: Json[] = [];
  const reasoning: ReasoningPart[] = [];
  const message: JsonObject = { role: 'assistant', content: null };
  turn.parts.forEach((part, i) => {
    const place = placeOf(part, i);
    switch (part.kind) {
      case 'reasoning':
        ledger.foreign(part.extras, place);
        reasoning.push(part);
        break;
      case 'tool_call':
        ledger.foreign(part.extras, place);
        if (part.cache && part.extras?.[own] === undefined) ledger.lose('parts.cache', place);
        if (part.by === 'server') ledger.lose('parts.hosted_call', place, part.name);
        else {
          if (part.family !== 'function' && part.family !== 'custom') {
            ledger.lose('parts.vendor_call', place, part.name);
          }
          calls.push(encodeCall(context, part));
        }
        break;
      case 'tool_result':
        ledger.lose('parts.hosted_result', place);
        break;
      case 'refusal':
        ledger.foreign(part.extras, place);
        message.refusal = typeof message.refusal === 'string' ? message.refusal + part.text : part.text;
        break;
      case 'reference':
        if (request.protocol === own) message.audio = restore({ id: part.refersTo }, part.extras);
        else contentPart(context, part, place, content);
        break;
      case 'media':
        ledger.lose('parts.reply_media', place, part.as);
        break;
      case 'native':
        if (part.protocol === own && part.type === 'annotation') annotations.push(part.value);
        else contentPart(context, part, place, content);
        break;
      case 'text':
        if (request.protocol === own) {
          for (const citation of part.citations ?? []) {
            const annotation = encodeAnnotation(citation, 0, part.text.length);
            if (annotation) annotations.push(annotation);
          }
        }
        contentPart(context, part, place, content);
        break;
      default:
        contentPart(context, part, place, content);
    }
  });
  encodeReasoning(context, reasoning, message, placeOf);
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
  { target, ledger }: MessageContext,
  parts: readonly ReasoningPart[],
  message: JsonObject,
  placeOf: PlaceOf,
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
    } else if (part.seal) ledger.lose('parts.seal', placeOf(part, 0));
    if (text === '') continue;
    if (target.abilities.reasoningContent) plain += plain === '' ? text : `\n\n${text}`;
    else ledger.lose('parts.reasoning', placeOf(part, 0));
  }
  if (plain !== '') message.reasoning_content = plain;
  if (opaqueText !== '') message.reasoning_text = opaqueText;
  if (details.length > 0) message.reasoning_details = details;
}
