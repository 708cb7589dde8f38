import type { Json, JsonObject } from '../../turn/json.ts';
import type { MediaPart, Part } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { Member } from '../contract.ts';
import { nativeText } from '../foreign-members.ts';
import type { Ledger } from '../ledger.ts';
import type { Places } from '../places.ts';
import type { EncodeTarget } from '../protocol.ts';
import { mediaInWords } from '../words.ts';
import { own, restore } from './fields.ts';
import { audioFormat, encodeMedia, textFile } from './parts.ts';

/** What the messages of one request are written with. */
export interface MessageContext {
  readonly request: TurnRequest;
  readonly target: EncodeTarget;
  readonly custom: boolean;
  readonly wireName: (name: string, namespace?: string) => string;
  readonly ledger: Ledger;
  readonly places: Places;
}

/** Where a part stood in the client's request. */
export type PlaceOf = (part: Part, index: number) => string;

/** The content of a system or user message: a string for one bare text, an array else, none when nothing is left. */
export function contentOf(
  context: MessageContext,
  parts: readonly Part[],
  placeOf: PlaceOf,
): Json | undefined {
  const content: JsonObject[] = [];
  parts.forEach((part, i) => contentPart(context, part, placeOf(part, i), content));
  return folded(content);
}

/** A string for one bare text. */
export function folded(content: JsonObject[]): Json | undefined {
  if (content.length === 0) return undefined;
  const only = content.length === 1 ? content[0] : undefined;
  if (only?.type === 'text' && Object.keys(only).length === 2) return only.text;
  return content;
}

/** Appends what a part of a message becomes. */
export function contentPart(context: MessageContext, part: Part, place: string, out: JsonObject[]): void {
  const { ledger } = context;
  ledger.foreign(part.extras, place);
  if (part.cache && part.extras?.[own] === undefined) ledger.lose('parts.cache', place);
  switch (part.kind) {
    case 'text':
      if (part.citations && context.request.protocol !== own) ledger.lose('parts.citations', place);
      out.push(restore({ type: 'text', text: part.text }, part.extras));
      return;
    case 'refusal':
      out.push(restore({ type: 'refusal', refusal: part.text }, part.extras));
      return;
    case 'media':
      mediaPart(context, part, place, out);
      return;
    case 'compaction':
      if (part.summary === undefined) ledger.lose('parts.sealed_compaction', place);
      else {
        ledger.lose('parts.compaction', place);
        out.push({ type: 'text', text: part.summary });
      }
      return;
    case 'native': {
      if (part.protocol === own) {
        out.push(part.value);
        return;
      }
      ledger.native(part, place);
      const text = nativeText(part);
      if (text !== undefined) out.push({ type: 'text', text });
      return;
    }
    case 'tool_change':
      if (part.add === undefined)
        ledger.native({ protocol: part.wire.protocol, type: String(part.wire.value.type) }, place);
      else ledger.lose('parts.tool_change', place);
      return;
    case 'reference':
      ledger.lose('parts.reference', place);
      return;
    case 'notice':
      ledger.lose('parts.notice', place);
      return;
    case 'approval_ask':
    case 'approval_answer':
      ledger.lose('parts.approval', place);
      return;
    case 'tool_call':
      ledger.lose('parts.hosted_call', place, part.name);
      return;
    case 'tool_result':
      ledger.lose('parts.hosted_result', place);
      return;
    case 'reasoning':
      ledger.lose('parts.reasoning', place);
  }
}

function mediaPart(context: MessageContext, part: MediaPart, place: string, out: JsonObject[]): void {
  const { ledger, request, target, places } = context;
  const { source } = part;
  const isOwn = request.protocol === own;
  const say = (text: string | undefined): void => {
    if (text !== undefined) out.push({ type: 'text', text });
  };
  const words = isOwn ? undefined : mediaInWords(part, target.abilities);
  if (words !== undefined) {
    ledger.loseWhen(part.as === 'file' ? 'parts.document' : `parts.${part.as}`, 'unreadable', place);
    say(words);
    return;
  }
  if (part.citable) ledger.lose('parts.citable', place);
  if (source.by === 'text' || source.by === 'parts') {
    const kind = part.as === 'search_result' ? part.as : `${source.by}_document`;
    ledger.lose(`parts.${kind as 'search_result' | 'text_document' | 'parts_document'}`, place);
    say(part.title);
    if (part.context !== undefined) ledger.lose('parts.context', place);
    say(part.context);
    if (source.by === 'text') say(source.text);
    else {
      source.parts.forEach((inner, i) => contentPart(context, inner, places.inner(place, part, i), out));
    }
    return;
  }
  if (part.context !== undefined) {
    ledger.lose('parts.context', place);
    say(part.context);
  }
  const text = isOwn ? undefined : textFile(part);
  if (text !== undefined) {
    ledger.loseWhen('parts.document', 'text', place);
    say(part.title);
    say(text);
    return;
  }
  if (part.as !== 'image' && part.detail !== undefined && part.detail !== 'auto' && !isOwn) {
    ledger.loseField('input[type=message].content[type=input_file].detail', { at: `${place}.detail` });
  }
  if (part.detail === 'original' && !isOwn) {
    ledger.loseWhen('parts.image_detail', 'original', place);
    part = { ...part, detail: 'high' };
  }
  const problem = isOwn ? undefined : problemOf(part, request.protocol);
  const content = problem === undefined ? encodeMedia(part) : undefined;
  if (content) out.push(content);
  else if (problem?.name !== undefined) ledger.loseWhen(problem.member, problem.name, place, part.mime);
  else ledger.lose(problem?.member ?? 'parts.url', place);
}

/** What keeps media of another protocol from going up. */
function problemOf(
  { as, source, mime }: MediaPart,
  protocol: TurnRequest['protocol'],
): { readonly member: Member; readonly name?: string } | undefined {
  if (as === 'video') return { member: 'parts.video' };
  if (source.by === 'file') {
    const isKept = protocol === 'openai-responses' && as !== 'image';
    return isKept ? undefined : { member: 'parts.file_id' };
  }
  if (source.by === 'url') return as === 'image' ? undefined : { member: 'parts.url' };
  if (as === 'audio' && mime !== undefined && !audioKinds.has(audioFormat(mime))) {
    return { member: 'parts.audio', name: 'format' };
  }
  return undefined;
}

const audioKinds: ReadonlySet<string> = new Set(['wav', 'mp3']);
