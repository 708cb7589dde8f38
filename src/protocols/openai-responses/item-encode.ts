import type { Json, JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Part, ToolCallPart, ToolOutput, ToolResultPart } from '../../turn/part.ts';
import type { Turn } from '../../turn/request.ts';
import { foreignMembers, nativeText } from '../foreign-members.ts';
import { upstreamCallId } from '../repairs/call-ids.ts';
import { sealFits } from '../seal.ts';
import { encodeContent, isMessageContent } from './content.ts';
import { contentExtras, isFused, itemExtras, own } from './wire.ts';

/** What the items of a request are written for. */
export interface ItemTarget {
  readonly issuer: string;
  /** The client spoke this protocol: its items go back as they were. */
  readonly fromOwn: boolean;
  readonly note: (note: Note) => void;
  /** The name that a tool has on the wire. */
  wireName(name: string): string;
  /** Calls of custom tools in the history, so that their results take the same form. */
  readonly customCalls: ReadonlySet<string>;
}

/** Appends a turn's items in the order of its parts. */
export function turnItems(turn: Turn, target: ItemTarget, items: JsonObject[]): void {
  const reply = turn.role === 'assistant';
  let message: { index: number | undefined; item: JsonObject; content: Json[] } | undefined;

  for (const part of target.fromOwn ? turn.parts : turn.parts.flatMap((each) => opened(each, target))) {
    noteForeign(part, target);
    if (!isMessageContent(part)) {
      message = undefined;
      const item = itemOf(part, target);
      if (item !== undefined) items.push(item);
      continue;
    }
    const content = messageContent(part, reply, target);
    if (content === undefined) continue;
    if (reply && !target.fromOwn && (part.kind === 'text' || part.kind === 'refusal')) {
      // An assistant's content list needs the item's id; text alone does not.
      if (part.kind === 'text' && part.citations !== undefined)
        dropped('citations', 'history is plain text here', 'note', target);
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
 * What a document or search result is made of, where it is made of parts: there is no such content here. What is
 * said about a document beside its bytes stays behind.
 */
function opened(part: Part, target: ItemTarget): Part[] {
  if (part.kind === 'native') {
    const text = nativeText(part);
    if (text === undefined) return [part];
    target.note({
      path: part.type,
      action: 'emulated',
      why: `a ${part.type} goes up as its text`,
      weight: 'note',
    });
    return [{ kind: 'text', text }];
  }
  if (part.kind !== 'media') return [part];
  if (part.citable) dropped('citations', 'documents cannot be cited here', 'degrade', target);
  const { source, title, context } = part;
  const head = [title, context].filter((text) => text !== undefined);
  if (source.by !== 'parts') {
    if (context !== undefined) dropped('context', 'documents have no context here', 'degrade', target);
    return [part];
  }
  const why = `a ${part.as} made of parts goes up as those parts`;
  target.note({ path: part.as, action: 'emulated', why, weight: 'degrade' });
  return [
    ...head.map((text): Part => ({ kind: 'text', text })),
    ...source.parts.flatMap((inner) => opened(inner, target)),
  ];
}

function messageContent(part: Part, reply: boolean, target: ItemTarget): JsonObject | undefined {
  const lostMedia = reply && part.kind === 'media' && !target.fromOwn;
  const content = lostMedia ? undefined : encodeContent(part, reply);
  if (content !== undefined) return content;
  const what = part.kind === 'media' ? part.as : part.kind;
  target.note({
    path: what,
    action: 'dropped',
    why: `the Responses protocol has no place for this ${what} ${reply ? 'in an assistant message' : 'part'}`,
    weight: 'degrade',
  });
  return undefined;
}

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
function itemOf(part: Part, target: ItemTarget): JsonObject | undefined {
  if ('wire' in part && part.wire !== undefined && part.kind !== 'compaction') {
    if (isFused(part)) return undefined;
    if (part.wire.protocol === own) return part.wire.value;
  }
  switch (part.kind) {
    case 'reasoning':
      return reasoningItem(part, target);
    case 'tool_call':
      if (part.by === 'client') return callItem(part, target);
      break;
    case 'tool_result':
      if (part.by === 'client') return resultItem(part, target);
      break;
    case 'reference':
      if (target.fromOwn) return { type: 'item_reference', id: part.refersTo };
      break;
    case 'compaction': {
      if (part.wire.protocol !== own) break;
      if (part.seal === undefined || sealFits(part.seal, own, target.issuer)) return part.wire.value;
      return dropped('compaction', 'it was compacted by another provider', 'degrade', target);
    }
    case 'native':
      if (part.protocol === own) return part.value;
      break;
    case 'tool_change':
      // What it adds stands among the request's tools.
      if (part.add !== undefined) return undefined;
      break;
    default:
      break;
  }
  const what = part.kind === 'native' ? part.type : part.kind === 'tool_call' ? part.name : part.kind;
  return dropped(what, 'the Responses protocol has no item for it', 'degrade', target);
}

function reasoningItem(
  part: Extract<Part, { kind: 'reasoning' }>,
  target: ItemTarget,
): JsonObject | undefined {
  const { seal } = part;
  const fits = seal !== undefined && sealFits(seal, own, target.issuer);
  const ours = target.fromOwn && (seal === undefined || fits);
  // Reasoning that the upstream cannot verify helps only where the item itself holds the plain text.
  const plain = target.fromOwn && part.item !== undefined && seal?.protocol === own;
  if (!fits && !ours && !(plain && part.text !== undefined)) {
    return dropped('reasoning', 'it was made by another provider', 'note', target);
  }
  if (seal !== undefined && !fits) {
    dropped('reasoning.encrypted_content', 'it was made by another provider', 'note', target);
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

function resultItem(part: ToolResultPart, target: ItemTarget): JsonObject {
  const custom = part.family === 'custom' || target.customCalls.has(part.callId);
  const item: JsonObject = { type: custom ? 'custom_tool_call_output' : 'function_call_output' };
  if (part.item?.id !== undefined) item.id = part.item.id;
  item.call_id = callIdFor(part.callId, target);
  item.output = outputOf(part.output, target);
  if (part.item?.status !== undefined) item.status = part.item.status;
  if (part.outcome === 'error') {
    target.note({
      path: 'tool_result.is_error',
      action: 'dropped',
      why: 'tool outputs carry no error flag in the Responses protocol; the text of the error goes up',
      weight: 'degrade',
    });
  }
  return { ...item, ...itemExtras(part) };
}

function outputOf(output: ToolOutput, target: ItemTarget): Json {
  if (output.as === 'text') return output.text;
  if (output.as === 'json') return target.fromOwn ? output.value : JSON.stringify(output.value);
  const only = output.parts[0];
  if (!target.fromOwn && output.parts.length === 1 && only?.kind === 'text') return only.text;
  const content: Json[] = [];
  for (const part of target.fromOwn ? output.parts : output.parts.flatMap((each) => opened(each, target))) {
    noteForeign(part, target);
    const entry = messageContent(part, false, target);
    if (entry !== undefined) content.push(entry);
  }
  return content;
}

/** Notes what other protocols left on a part and this one does not carry. */
function noteForeign(part: Part, target: ItemTarget): void {
  if (part.cache !== undefined && contentExtras(part)?.prompt_cache_breakpoint === undefined) {
    target.note({
      path: 'cache_control',
      action: 'dropped',
      why: 'the Responses protocol caches prompts by itself',
      weight: 'note',
    });
  }
  if (part.seal !== undefined && part.kind !== 'reasoning' && part.kind !== 'compaction') {
    dropped(`${part.kind}.seal`, 'the Responses protocol has no place for it', 'note', target);
  }
  for (const key of foreignMembers(part.extras, own)) {
    dropped(`${part.kind}.${key}`, 'the Responses protocol has no such member', 'note', target);
  }
}

function dropped(what: string, why: string, weight: Note['weight'], target: ItemTarget): undefined {
  target.note({ path: what, action: 'dropped', why: `${what}: ${why}`, weight });
}
