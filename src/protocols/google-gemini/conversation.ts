import { isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Part, ToolCallPart, ToolChangePart, ToolResultPart } from '../../turn/part.ts';
import type { Turn } from '../../turn/request.ts';
import { nativeText } from '../foreign-members.ts';
import { placesOf } from '../places.ts';
import { repairContents, type Content } from './content-repairs.ts';
import { encodeMedia } from './media-encode.ts';
import { callArgs, SignedParts } from './model-turn.ts';
import { takesResultMedia } from './models.ts';
import { protocolId } from './names.ts';
import type { RequestWriter } from './request-writer.ts';

/**
 * The turns of another protocol as `systemInstruction` and `contents`: leading system and developer turns become
 * the instruction, later ones a marked text of the user; contents of one role are put together, and all results of
 * a turn's calls stand in the content behind it.
 *
 * What a turn becomes depends on it and on what stands before it, never on what follows, so that the contents of the
 * next turn begin with those of this one and the upstream's prompt cache holds.
 */
export function conversation(writer: RequestWriter): {
  /** Its parts. */
  systemInstruction: JsonObject[];
  contents: JsonObject[];
} {
  const { request, ledger } = writer;
  const places = placesOf(request);
  const system: JsonObject[] = textParts(request.instructions, writer, (_part, i) => places.instruction(i));
  const contents: Content[] = [];
  let isLeading = true;
  request.turns.forEach((turn, i) => {
    const path = places.turn(turn, i);
    const placeOf: PlaceOf = (part, j) => places.part(turn, i, part, j);
    ledger.foreign(turn.extras, path);
    if (turn.name !== undefined) ledger.lose('turns.name', path);
    if (turn.role === 'assistant') {
      isLeading = false;
      add(contents, 'model', modelParts(turn, writer, placeOf));
    } else if (turn.role === 'user') {
      isLeading = false;
      add(contents, 'user', userParts(turn, writer, placeOf));
    } else if (isLeading) system.push(...textParts(turn.parts, writer, placeOf));
    else add(contents, 'user', reminder(turn, writer, placeOf, path));
  });
  repairContents(contents, writer);
  return {
    systemInstruction: system,
    contents: contents.map(({ role, parts }) => ({ role, parts })),
  };
}

/** Where a part stands in the client's request. */
type PlaceOf = (part: Part, index: number) => string;

function add(contents: Content[], role: Content['role'], parts: JsonObject[]): void {
  if (parts.length === 0) return;
  const last = contents.at(-1);
  if (last?.role === role) last.parts.push(...parts);
  else contents.push({ role, parts });
}

/** The instruction holds text alone. */
function textParts(parts: readonly Part[], writer: RequestWriter, placeOf: PlaceOf): JsonObject[] {
  const { ledger } = writer;
  return parts.flatMap((part, i) => {
    const at = placeOf(part, i);
    noteBeside(part, writer, at);
    if (part.kind === 'tool_change') {
      loseToolChange(part, writer, at);
      return [];
    }
    if (part.kind !== 'text') {
      ledger.lose('turns.system_media', at, part.kind);
      return [];
    }
    return part.text === '' ? [] : [{ text: part.text }];
  });
}

/** A system or developer turn after the conversation has begun. */
function reminder(turn: Turn, writer: RequestWriter, placeOf: PlaceOf, path: string): JsonObject[] {
  const parts = textParts(turn.parts, writer, placeOf);
  if (parts.length > 0) {
    writer.ledger.loseWhen(turn.role === 'developer' ? 'turns.developer' : 'turns.system', 'later', path);
  }
  return parts.map(({ text }) => ({ text: `<system-reminder>\n${String(text)}\n</system-reminder>` }));
}

function userParts(turn: Turn, writer: RequestWriter, placeOf: PlaceOf): JsonObject[] {
  const results: JsonObject[] = [];
  const moved: JsonObject[] = [];
  const others: JsonObject[] = [];
  turn.parts.forEach((part, i) => {
    const at = placeOf(part, i);
    if (part.kind === 'tool_result' && part.by === 'client')
      results.push(functionResponse(part, writer, at, moved));
    else others.push(...ordinary(part, writer, at));
  });
  return [...results, ...moved, ...others];
}

function modelParts(turn: Turn, writer: RequestWriter, placeOf: PlaceOf): JsonObject[] {
  const { ledger, target } = writer;
  const signed = new SignedParts();
  turn.parts.forEach((part, i) => {
    const at = placeOf(part, i);
    if (part.kind === 'reasoning') {
      noteBeside(part, writer, at);
      if (!signed.thought(part, target.issuer)) ledger.lose('parts.seal', at);
    } else if (part.kind === 'tool_call' && part.by === 'client') signed.push(functionCall(part, writer, at));
    else for (const written of ordinary(part, writer, at)) signed.push(written);
  });
  signed.flush();
  return signed.parts;
}

/** Parts that may stand in a turn of either side. */
function ordinary(part: Part, writer: RequestWriter, at: string): JsonObject[] {
  const { ledger } = writer;
  noteBeside(part, writer, at);
  switch (part.kind) {
    case 'text':
      if (part.citations !== undefined && part.citations.length > 0) ledger.lose('parts.citations', at);
      return part.text === '' ? [] : [{ text: part.text }];
    case 'refusal':
      return part.text === '' ? [] : [{ text: part.text }];
    case 'media':
      return encodeMedia(part, writer, at);
    case 'tool_call':
      if (part.wire?.protocol === protocolId) return [part.wire.value];
      ledger.lose('parts.hosted_call', at);
      return [];
    case 'tool_result':
      if (part.by === 'server' && part.wire?.protocol === protocolId) return [part.wire.value];
      ledger.lose('parts.hosted_result', at);
      return [];
    case 'approval_ask':
    case 'approval_answer':
      ledger.lose('parts.approval', at);
      return [];
    case 'tool_change':
      loseToolChange(part, writer, at);
      return [];
    case 'compaction':
      if (part.summary === undefined) {
        ledger.lose('parts.sealed_compaction', at);
        return [];
      }
      ledger.lose('parts.compaction', at);
      return [{ text: part.summary }];
    case 'reference':
      ledger.lose('parts.reference', at);
      return [];
    case 'notice':
      ledger.lose('parts.notice', at);
      return [];
    case 'reasoning':
      ledger.lose('parts.reasoning', at);
      return [];
    case 'native': {
      if (part.protocol === protocolId) return [part.value];
      ledger.native(part, at);
      const text = nativeText(part);
      return text === undefined ? [] : [{ text }];
    }
  }
}

/** What joins is on offer from the start; what leaves or is only listed has no place. */
function loseToolChange(part: ToolChangePart, { ledger }: RequestWriter, at: string): void {
  const { protocol, value } = part.wire;
  if (part.add !== undefined) ledger.lose('parts.tool_change', at);
  else ledger.native({ protocol, type: String(value.type) }, at);
}

function noteBeside(part: Part, { ledger }: RequestWriter, at: string): void {
  ledger.foreign(part.extras, at);
  if (part.cache !== undefined) ledger.lose('parts.cache', at);
}

function functionCall(part: ToolCallPart, writer: RequestWriter, at: string): JsonObject {
  const { ledger } = writer;
  noteBeside(part, writer, at);
  const { args, isWhole } = callArgs(part);
  if (!isWhole)
    ledger.repair(at, 'the arguments of the call are not an object and stand under input', 'degrade');
  if (part.family !== 'function' && part.family !== 'custom') {
    ledger.lose('parts.vendor_call', at, part.name);
  }
  const name = writer.wireName(part.name, part.namespace);
  return { functionCall: { id: part.callId, name, args } };
}

/** The name of the function is filled in from its call. */
function functionResponse(
  part: ToolResultPart,
  writer: RequestWriter,
  at: string,
  moved: JsonObject[],
): JsonObject {
  const { ledger, target } = writer;
  noteBeside(part, writer, at);
  const { output } = part;
  const out: JsonObject = { id: part.callId, name: part.name ?? '', response: {} };
  const key = part.outcome === 'error' ? 'error' : 'output';
  if (output.as !== 'parts')
    out.response = responseOf(output.as === 'text' ? output.text : output.value, key);
  else {
    const written = output.parts.flatMap((inner, i) =>
      ordinary(inner, writer, placesOf(writer.request).inner(at, part, i)),
    );
    const texts = written.filter((one) => typeof one.text === 'string').map(({ text }) => text as string);
    const media = written.filter((one) => one.text === undefined);
    const inside = takesResultMedia(target.model) ? media.filter((one) => one.inlineData !== undefined) : [];
    const outside = media.filter((one) => !inside.includes(one));
    if (outside.length > 0) ledger.loseWhen('parts.result_media', 'behind', at);
    moved.push(...outside);
    if (inside.length > 0) out.parts = inside;
    // Without any words it still has to say that there was a result.
    const text =
      texts.length > 0 || media.length === 0 ? texts.join('\n') : 'The result is the attached media.';
    out.response = responseOf(text, key);
  }
  return { functionResponse: out };
}

/** An object is the response itself; anything else stands under the member that is made for it. */
const responseOf = (value: Json, key: 'output' | 'error'): JsonObject =>
  key === 'output' && isObject(value) ? value : { [key]: value };
