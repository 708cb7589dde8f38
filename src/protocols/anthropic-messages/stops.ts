import type { Stop, StopReason, TurnEvent } from '../../turn/event.ts';
import { asObject, asString, entryOf, type JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import { protocolId } from './names.ts';

const reasons: Readonly<Record<string, StopReason>> = {
  end_turn: 'end',
  tool_use: 'tool_use',
  max_tokens: 'length',
  stop_sequence: 'stop_sequence',
  pause_turn: 'pause',
  compaction: 'compaction',
  model_context_window_exceeded: 'context_full',
  refusal: 'refusal',
};

const words: Readonly<Record<StopReason, string>> = {
  end: 'end_turn',
  tool_use: 'tool_use',
  length: 'max_tokens',
  stop_sequence: 'stop_sequence',
  pause: 'pause_turn',
  compaction: 'compaction',
  context_full: 'model_context_window_exceeded',
  refusal: 'refusal',
  filter: 'refusal',
  bad_call: 'end_turn',
  cancelled: 'end_turn',
  other: 'end_turn',
};

/**
 * Reads `stop_reason` and its companions. Some servers say `end_turn` although the client is asked to run a
 * tool; `calls` tells whether it is.
 */
export function decodeStop(delta: JsonObject, calls: boolean): Stop {
  const raw = asString(delta.stop_reason);
  let reason: StopReason = raw === undefined ? 'end' : (entryOf(reasons, raw) ?? 'other');
  if (reason === 'end' && calls) reason = 'tool_use';
  const stop: { -readonly [K in keyof Stop]: Stop[K] } = { reason };
  if (raw !== undefined) stop.raw = raw;
  const sequence = asString(delta.stop_sequence);
  if (sequence !== undefined) stop.sequence = sequence;
  const detail = asObject(delta.stop_details);
  if (detail !== undefined) stop.detail = { protocol: protocolId, value: detail };
  return stop;
}

/** A stop reason that is not in the table above: kept whole for clients of this protocol. */
export const unknownStopReason = (delta: JsonObject): string | undefined => {
  const raw = asString(delta.stop_reason);
  return raw !== undefined && entryOf(reasons, raw) === undefined ? raw : undefined;
};

/** The members `stop_reason`, `stop_sequence` and `stop_details`. */
export function encodeStop(
  event: Pick<Extract<TurnEvent, { kind: 'stop' }>, 'stop' | 'extras'>,
  refused: boolean,
  notes: Note[],
): JsonObject {
  const { stop } = event;
  const own = asString(event.extras?.[protocolId]?.stop_reason);
  let word = own ?? words[stop.reason];
  if (word === 'end_turn' && refused) word = 'refusal';
  if (
    own === undefined &&
    (stop.reason === 'bad_call' || stop.reason === 'cancelled' || stop.reason === 'other')
  ) {
    notes.push({
      path: 'stop_reason',
      action: 'repaired',
      why: `the upstream stopped with ${stop.raw ?? stop.reason}, which is told as end_turn`,
      weight: 'degrade',
    });
  }
  return {
    stop_reason: word,
    stop_sequence: word === 'stop_sequence' ? (stop.sequence ?? null) : null,
    stop_details: stop.detail?.protocol === protocolId ? stop.detail.value : null,
  };
}
