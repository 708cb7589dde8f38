import type { Json, JsonObject } from '../../turn/json.ts';
import type {
  MediaPart,
  Part,
  ProtocolId,
  ToolCallPart,
  ToolOutput,
  ToolResultPart,
} from '../../turn/part.ts';
import type { Turn } from '../../turn/request.ts';
import { nativeText } from '../foreign-members.ts';
import type { Ledger } from '../ledger.ts';
import type { Places } from '../places.ts';
import type { Abilities } from '../protocol.ts';
import { upstreamCallId } from '../repairs/call-ids.ts';
import { sealFits } from '../seal.ts';
import { mediaInWords } from '../words.ts';
import { encodeContent, isMessageContent } from './content.ts';
import { contentExtras, isFused, itemExtras, own } from './wire.ts';

/** What the items of a request are written for. */
export interface ItemTarget {
  readonly issuer: string;
  readonly abilities: Abilities;
  readonly from: ProtocolId;
  /** The client spoke this protocol: its items go back as they were. */
  readonly fromOwn: boolean;
  readonly ledger: Ledger;
  readonly places: Places;
  /** The name that a tool has on the wire. */
  wireName(name: string): string;
  /** Calls of custom tools in the history, so that their results take the same form. */
  readonly customCalls: ReadonlySet<string>;
}

/** A part, and where it stood in the client's request. */
type Placed = readonly [part: Part, place: string];

/** Appends a turn's items in the order of its parts. */
export function turnItems(turn: Turn, index: number, target: ItemTarget, items: JsonObject[]): void {
  const reply = turn.role === 'assistant';
  let message: { index: number | undefined; item: JsonObject; content: Json[] } | undefined;
  const placed = turn.parts.map((part, i): Placed => [part, target.places.part(turn, index, part, i)]);

  for (const [part, place] of target.fromOwn ? placed : placed.flatMap((each) => opened(each, target))) {
    noteForeign(part, place, target);
    if (!isMessageContent(part)) {
      message = undefined;
      const item = itemOf(part, place, target);
      if (item !== undefined) items.push(item);
      continue;
    }
    const content = messageContent(part, place, reply, target);
    if (content === undefined) continue;
    if (reply && !target.fromOwn && (part.kind === 'text' || part.kind === 'refusal')) {
      // An assistant's content list needs the item's id; text alone does not.
      if (part.kind === 'text' && part.citations !== undefined) target.ledger.lose('parts.citations', place);
      items.push({ type: 'message', role: 'assistant', content: part.text });
      message = undefined;
      continue;
    }
    const index = part.item?.index;
    // Parts of one item find together; without an origin a turn is one message.
    if (message !== undefined && message.index === index) {
      message.content.push(content);
      continue;
    }
    message = { index, item: messageItem(part, turn.role), content: [content] };
    message.item.content = message.content;
    items.push(message.item);
  }
}

/**
 * What goes up in the place of a part that has no form here: the parts or the text of a document, the context
 * beside one, the summary of what was compacted.
 */
function opened([part, place]: Placed, target: ItemTarget): Placed[] {
  const { ledger, places } = target;
  const say = (text: string | undefined): Placed[] =>
    text === undefined ? [] : [[{ kind: 'text', text }, place]];
  if (part.kind === 'native') {
    const text = nativeText(part);
    if (text === undefined) return [[part, place]];
    ledger.native(part, place);
    return say(text);
  }
  if (part.kind === 'compaction' && part.summary !== undefined && part.wire.protocol !== own) {
    ledger.lose('parts.compaction', place);
    return say(part.summary);
  }
  if (part.kind !== 'media') return [[part, place]];
  const words = mediaInWords(part, target.abilities);
  if (words !== undefined) {
    ledger.loseWhen(part.as === 'file' ? 'parts.document' : `parts.${part.as}`, 'unreadable', place);
    return say(words);
  }
  const { source, title, context } = part;
  if (part.citable) ledger.lose('parts.citable', place);
  if (context !== undefined) ledger.lose('parts.context', place);
  if (source.by !== 'parts') {
    if (source.by === 'text') ledger.lose('parts.text_document', place);
    return [...say(context), [part, place]];
  }
  ledger.lose(part.as === 'search_result' ? 'parts.search_result' : 'parts.parts_document', place);
  return [
    ...say(title),
    ...say(context),
    ...source.parts.flatMap((inner, i) => opened([inner, places.inner(place, part, i)], target)),
  ];
}

function messageContent(
  part: Part,
  place: string,
  reply: boolean,
  target: ItemTarget,
): JsonObject | undefined {
  const { ledger } = target;
  if (part.kind === 'media' && !target.fromOwn) {
    if (reply) return void ledger.lose('parts.reply_media', place, part.as);
    // Ids of files mean something to the vendor's own two protocols only.
    if (part.source.by === 'file' && target.from !== 'openai-chat')
      return void ledger.lose('parts.file_id', place);
    if (part.as === 'audio' || part.as === 'video') return void ledger.lose(`parts.${part.as}`, place);
  }
  const content = encodeContent(part, reply);
  if (content === undefined) loseMedia(part, place, ledger);
  return content;
}

const loseMedia = (part: Part, place: string, ledger: Ledger): void =>
  part.kind === 'native' ? ledger.native(part, place) : ledger.lose(`parts.${(part as MediaPart).as}`, place);

/** The head of a message item, without its content. */
function messageItem(part: Part, role: Turn['role']): JsonObject {
  const more = itemExtras(part);
  const item: JsonObject = more?.type === undefined ? { type: 'message', role } : {};
  const { item: origin } = part;
  if (origin?.id !== undefined) item.id = origin.id;
  if (origin?.status !== undefined) item.status = origin.status;
  if (origin?.phase !== undefined) item.phase = origin.phase;
  return { ...item, ...more };
}

/** The item that a part outside messages stands for; `undefined` when it has none here. */
function itemOf(part: Part, place: string, target: ItemTarget): JsonObject | undefined {
  const { ledger } = target;
  if ('wire' in part && part.wire !== undefined && part.kind !== 'compaction') {
    if (isFused(part)) return undefined;
    if (part.wire.protocol === own) return part.wire.value;
  }
  switch (part.kind) {
    case 'reasoning':
      return reasoningItem(part, place, target);
    case 'tool_call':
      if (part.by !== 'client') return void ledger.lose('parts.hosted_call', place, part.name);
      if (part.family !== 'function' && part.family !== 'custom')
        ledger.lose('parts.vendor_call', place, part.name);
      return callItem(part, target);
    case 'tool_result':
      if (part.by === 'client') return resultItem(part, place, target);
      return void ledger.lose('parts.hosted_result', place);
    case 'reference':
      if (target.fromOwn) return { type: 'item_reference', id: part.refersTo };
      return void ledger.lose('parts.reference', place);
    case 'compaction':
      if (
        part.wire.protocol === own &&
        (part.seal === undefined || sealFits(part.seal, own, target.issuer))
      ) {
        return part.wire.value;
      }
      return void ledger.lose('parts.sealed_compaction', place);
    case 'native':
      if (part.protocol === own) return part.value;
      return void ledger.native(part, place);
    case 'tool_change':
      // What it adds stands among the request's tools.
      if (part.add !== undefined) ledger.lose('parts.tool_change', place);
      else ledger.native({ protocol: part.wire.protocol, type: String(part.wire.value.type) }, place);
      return undefined;
    case 'notice':
      return void ledger.lose('parts.notice', place);
    case 'approval_ask':
    case 'approval_answer':
      return void ledger.lose('parts.approval', place);
    default:
      return undefined;
  }
}

function reasoningItem(
  part: Extract<Part, { kind: 'reasoning' }>,
  place: string,
  target: ItemTarget,
): JsonObject | undefined {
  const { seal } = part;
  const fits = seal !== undefined && sealFits(seal, own, target.issuer);
  const ours = target.fromOwn && (seal === undefined || fits);
  // Reasoning that the upstream cannot verify helps only where the item itself holds the plain text.
  const plain = target.fromOwn && part.item !== undefined && seal?.protocol === own;
  if (!fits && !ours && !(plain && part.text !== undefined)) {
    if (seal !== undefined) target.ledger.lose('parts.seal', place);
    if (part.text || part.summary?.some((section) => section !== ''))
      target.ledger.lose('parts.reasoning', place);
    return undefined;
  }
  if (seal !== undefined && !fits) {
    target.ledger.lose('parts.seal', place);
  }
  const item: JsonObject = { type: 'reasoning' };
  const id = part.id ?? part.item?.id;
  if (id !== undefined && (fits || ours)) item.id = id;
  item.summary = (part.summary ?? []).map((text) => ({ type: 'summary_text', text }));
  // Text of other protocols is not reasoning content that this upstream made.
  if (part.text !== undefined && part.item !== undefined) {
    item.content = [{ type: 'reasoning_text', text: part.text }];
  }
  if (fits) item.encrypted_content = seal.value;
  if (part.item?.status !== undefined) item.status = part.item.status;
  return { ...item, ...itemExtras(part) };
}

/** Call ids have 1 to 64 characters; replies never repeat those of the history, so no way back is needed. */
const callIdFor = (id: string, target: ItemTarget): string => (target.fromOwn ? id : upstreamCallId(id));

/** A `function_call` or `custom_tool_call` item. */
function callItem(part: ToolCallPart, target: ItemTarget): JsonObject {
  const custom = part.family === 'custom' || part.inputAs === 'text';
  const item: JsonObject = { type: custom ? 'custom_tool_call' : 'function_call' };
  if (part.item?.id !== undefined) item.id = part.item.id;
  item.call_id = callIdFor(part.callId, target);
  item.name = target.wireName(part.name);
  if (part.namespace !== undefined) item.namespace = part.namespace;
  if (custom) item.input = part.input;
  else item.arguments = part.input === '' ? '{}' : part.input;
  if (part.item?.status !== undefined) item.status = part.item.status;
  return { ...item, ...itemExtras(part) };
}

function resultItem(part: ToolResultPart, place: string, target: ItemTarget): JsonObject {
  const custom = part.family === 'custom' || target.customCalls.has(part.callId);
  const item: JsonObject = { type: custom ? 'custom_tool_call_output' : 'function_call_output' };
  if (part.item?.id !== undefined) item.id = part.item.id;
  item.call_id = callIdFor(part.callId, target);
  item.output = outputOf(part, place, target);
  if (part.item?.status !== undefined) item.status = part.item.status;
  if (part.outcome === 'error') target.ledger.lose('parts.result_error', place);
  return { ...item, ...itemExtras(part) };
}

function outputOf(part: ToolResultPart, place: string, target: ItemTarget): Json {
  const { output }: { readonly output: ToolOutput } = part;
  if (output.as === 'text') return output.text;
  if (output.as === 'json') return target.fromOwn ? output.value : JSON.stringify(output.value);
  const placed = output.parts.map((inner, i): Placed => [inner, target.places.inner(place, part, i)]);
  const content: Json[] = [];
  for (const [inner, at] of target.fromOwn ? placed : placed.flatMap((each) => opened(each, target))) {
    noteForeign(inner, at, target);
    const entry = messageContent(inner, at, false, target);
    if (entry !== undefined) content.push(entry);
  }
  if (target.fromOwn || content.length !== 1) return content;
  const left = content[0] as JsonObject;
  return left.type === 'input_text' && Object.keys(left).length === 2 ? left.text! : content;
}

/** Notes what other protocols left on a part and this one does not carry. */
function noteForeign(part: Part, place: string, target: ItemTarget): void {
  const { ledger } = target;
  if (part.cache !== undefined && contentExtras(part)?.prompt_cache_breakpoint === undefined) {
    ledger.lose('parts.cache', place);
  }
  if (part.seal !== undefined && part.kind !== 'reasoning' && part.kind !== 'compaction') {
    ledger.lose('parts.seal', place);
  }
  ledger.foreign(part.extras, place);
}
