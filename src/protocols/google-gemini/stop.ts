import type { Stop, StopReason } from '../../turn/event.ts';
import { asString, entryOf, type JsonObject } from '../../turn/json.ts';

/** `finishReason`, as the API and its SDKs list the values. */
const reasons: Readonly<Record<string, StopReason>> = {
  STOP: 'end',
  MAX_TOKENS: 'length',
  CONTINUATION: 'pause',
  SAFETY: 'filter',
  RECITATION: 'filter',
  LANGUAGE: 'filter',
  BLOCKLIST: 'filter',
  PROHIBITED_CONTENT: 'filter',
  SPII: 'filter',
  MODEL_ARMOR: 'filter',
  IMAGE_SAFETY: 'filter',
  IMAGE_PROHIBITED_CONTENT: 'filter',
  IMAGE_RECITATION: 'filter',
  IMAGE_OTHER: 'filter',
  NO_IMAGE: 'filter',
  MALFORMED_FUNCTION_CALL: 'bad_call',
  UNEXPECTED_TOOL_CALL: 'bad_call',
  TOO_MANY_TOOL_CALLS: 'bad_call',
};

/** The words for each reason, and why one says less than the turn does, if so. */
const words: Readonly<Record<StopReason, readonly [word: string, why?: string]>> = {
  end: ['STOP'],
  tool_use: ['STOP'],
  length: ['MAX_TOKENS'],
  stop_sequence: ['STOP', 'which stop sequence was met is not told'],
  pause: ['OTHER', 'there is no word for a turn that is to be gone on with'],
  compaction: ['OTHER', 'there is no word for a compaction'],
  context_full: ['MAX_TOKENS', 'there is no word for a full context window'],
  refusal: ['SAFETY'],
  filter: ['SAFETY'],
  bad_call: ['MALFORMED_FUNCTION_CALL'],
  cancelled: ['OTHER', 'there is no word for a reply that was cancelled'],
  other: ['OTHER'],
};

/** Reads a `finishReason`; a reply that calls a tool of the client ends with the same word as one that does not. */
export function decodeStop(raw: string | undefined, calls: boolean): Stop {
  let reason: StopReason = raw === undefined ? 'end' : (entryOf(reasons, raw) ?? 'other');
  if (reason === 'end' && calls) reason = 'tool_use';
  return raw === undefined ? { reason } : { reason, raw };
}

/** The prompt was refused: there is no candidate at all. */
export function blockedStop(feedback: JsonObject): Stop {
  const raw = asString(feedback.blockReason);
  return { reason: 'filter', ...(raw !== undefined && { raw }) };
}

export const isBlocked = (feedback: JsonObject | undefined): boolean => {
  const reason = feedback?.blockReason;
  return typeof reason === 'string' && !reason.endsWith('UNSPECIFIED');
};

/** The `finishReason` for a client. An upstream of this protocol keeps its own word. */
export function encodeStop(stop: Stop, refused: boolean): { word: string; why?: string } {
  const { raw, reason } = stop;
  if (raw !== undefined && isOwn(raw) && decodeStop(raw, reason === 'tool_use').reason === reason) {
    return { word: raw };
  }
  if (reason === 'end' && refused) return { word: 'SAFETY' };
  const [word, why] = words[reason];
  return why === undefined ? { word } : { word, why };
}

/** Whether it is a word of this protocol; the last have no reason of their own. */
const isOwn = (raw: string): boolean =>
  entryOf(reasons, raw) !== undefined ||
  ['OTHER', 'MISSING_THOUGHT_SIGNATURE', 'MALFORMED_RESPONSE', 'ESCALATION'].includes(raw);
