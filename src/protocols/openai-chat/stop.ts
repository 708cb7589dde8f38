import type { Stop, StopReason } from '../../turn/event.ts';
import { entryOf } from '../../turn/json.ts';

/** What a choice held, as far as it decides how its end is to be read. */
export interface Ending {
  /** A client tool was called. */
  readonly called: boolean;
  /** There is refusal text. */
  readonly refused: boolean;
}

/** Chat's five words, and those that compatible servers use beside them. */
const reasons: Readonly<Record<string, StopReason>> = {
  stop: 'end',
  length: 'length',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'filter',
  end_turn: 'end',
  eos: 'end',
  max_tokens: 'length',
  model_length: 'length',
  tool_use: 'tool_use',
  stop_sequence: 'stop_sequence',
  refusal: 'refusal',
};

/**
 * Reads a `finish_reason`. The parts have a say: a call that ends with `stop` is still wanted, `tool_calls`
 * without a call asks for nothing, and refusal text makes a refusal of a natural end.
 */
export function decodeStop(raw: string | undefined, ending: Ending): Stop {
  let reason: StopReason = raw === undefined ? 'end' : (entryOf(reasons, raw) ?? 'other');
  if (reason === 'end' && ending.called) reason = 'tool_use';
  else if (reason === 'end' && ending.refused) reason = 'refusal';
  else if (reason === 'tool_use' && !ending.called) reason = 'end';
  return raw === undefined ? { reason } : { reason, raw };
}

/** The `finish_reason` for a client, and why it says less than the turn does, if so. */
export function encodeStop(stop: Stop, refused: boolean, legacy: boolean): { word: string; why?: string } {
  switch (stop.reason) {
    case 'end':
      return { word: 'stop' };
    case 'stop_sequence':
      return { word: 'stop', why: 'chat does not tell which stop sequence was met' };
    case 'tool_use':
      return { word: legacy ? 'function_call' : 'tool_calls' };
    case 'length':
      return { word: 'length' };
    case 'context_full':
      return { word: 'length', why: 'chat has no word for a full context window' };
    case 'filter':
      return { word: 'content_filter' };
    case 'refusal':
      return { word: refused ? 'stop' : 'content_filter' };
    case 'pause':
    case 'compaction':
    case 'bad_call':
    case 'cancelled':
    case 'other':
      return { word: 'stop', why: `chat has no finish reason for ${stop.raw ?? stop.reason}` };
  }
}
