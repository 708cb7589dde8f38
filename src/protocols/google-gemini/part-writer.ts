import { isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { MediaPart, Part, ToolCallPart } from '../../turn/part.ts';
import { wrapInput } from '../repairs/custom-input.ts';
import type { HostedTrace } from './hosted-trace.ts';
import { protocolId, usualMimes } from './names.ts';
import type { ReplyNotes } from './notes.ts';

/** Writes a part of a reply that goes out whole; nothing, and a note, for what a reply has no place for. */
export function replyPart(part: Part, hosted: HostedTrace, notes: ReplyNotes): JsonObject | undefined {
  const extras = part.extras?.[protocolId];
  switch (part.kind) {
    case 'tool_call':
      return part.by === 'client' ? { functionCall: callOf(part, notes), ...extras } : hosted.part(part);
    case 'tool_result':
      return hosted.part(part);
    case 'media':
      return mediaOf(part, notes);
    case 'native':
      if (part.protocol === protocolId) return part.value;
      return drop(part.type, `there is no ${part.type} here`, notes);
    default:
      return drop(part.kind, `a reply has no ${part.kind} here`, notes);
  }
}

/** The arguments of a call as the object that the wire wants. */
function argsOf({ input, inputAs }: ToolCallPart): { args: JsonObject; why?: string; text?: string } {
  if (inputAs === 'text') return { args: JSON.parse(wrapInput(input)) as JsonObject };
  if (input.trim() === '') return { args: {} };
  let value: Json;
  try {
    value = JSON.parse(input) as Json;
  } catch {
    return { args: {}, why: 'the arguments of the call are not whole JSON', text: input };
  }
  return isObject(value)
    ? { args: value }
    : { args: { input: value }, why: 'the arguments of the call are not an object' };
}

function callOf(part: ToolCallPart, notes: ReplyNotes): JsonObject {
  const { args, why } = argsOf(part);
  if (why !== undefined) notes.add('functionCall.args', 'repaired', why, 'degrade');
  return { id: part.callId, name: part.name, args };
}

function mediaOf(part: MediaPart, notes: ReplyNotes): JsonObject | undefined {
  const { source, mime, title } = part;
  const extras = part.extras?.[protocolId];
  if (part.transcript !== undefined)
    notes.add('transcript', 'dropped', 'what was spoken cannot be told beside it');
  if (source.by === 'bytes') {
    const mimeType = mime ?? usualMimes[part.as] ?? 'application/octet-stream';
    return { inlineData: { mimeType, data: source.data }, ...extras };
  }
  const fileUri = source.by === 'url' ? source.url : source.by === 'file' ? source.id : undefined;
  if (fileUri === undefined) return drop('media', `a reply cannot hold ${part.as} by ${source.by}`, notes);
  const fileData: JsonObject = { fileUri };
  if (mime !== undefined) fileData.mimeType = mime;
  if (title !== undefined) notes.add('title', 'dropped', 'a file has no title here');
  return { fileData, ...extras };
}

function drop(path: string, why: string, notes: ReplyNotes): undefined {
  notes.add(path, 'dropped', why, 'degrade');
}
