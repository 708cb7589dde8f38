import { asArray, asObject, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { Stop, StopReason } from '../../turn/event.ts';
import { own } from './wire.ts';

/** What the parts of a reply say about its end: a client's call waits, or the model refused. */
export interface Outcome {
  readonly called: boolean;
  readonly refused: boolean;
}

/** Reads why a whole Response ended; `outcome` when its items were seen apart from it. */
export function stopOf(response: JsonObject, outcome: Outcome = outcomeOf(response)): Stop {
  const detail = asObject(response.incomplete_details);
  const why = asString(detail?.reason);
  if (response.status === 'incomplete' || why !== undefined) {
    const stop: Stop = { reason: incomplete.get(why ?? '') ?? 'other', raw: why ?? 'incomplete' };
    return detail === undefined ? stop : { ...stop, detail: { protocol: own, value: detail } };
  }
  const raw = asString(response.status) ?? 'completed';
  if (raw === 'cancelled') return { reason: 'cancelled', raw };
  if (raw !== 'completed') return { reason: 'other', raw };
  return { reason: outcome.called ? 'tool_use' : outcome.refused ? 'refusal' : 'end', raw };
}

/**
 * Writes a stop as the response's status; `stated` is false where the status does not say the reason. A refusal
 * counts as an answer when the reply holds its words, else as the work of a filter.
 */
export function encodeStop(
  stop: Stop,
  refusalWritten: boolean,
): {
  status: 'completed' | 'incomplete';
  details: JsonObject | null;
  stated: boolean;
} {
  const { detail } = stop;
  if (detail?.protocol === own && isObject(detail.value)) {
    return { status: 'incomplete', details: detail.value, stated: true };
  }
  switch (stop.reason) {
    case 'length':
    case 'context_full':
      return {
        status: 'incomplete',
        details: { reason: 'max_output_tokens' },
        stated: stop.reason === 'length',
      };
    case 'refusal':
      if (refusalWritten) return { status: 'completed', details: null, stated: true };
      return { status: 'incomplete', details: { reason: 'content_filter' }, stated: true };
    case 'filter':
      return { status: 'incomplete', details: { reason: 'content_filter' }, stated: true };
    case 'cancelled':
      return { status: 'incomplete', details: null, stated: false };
    default:
      return { status: 'completed', details: null, stated: plain.has(stop.reason) };
  }
}

const plain: ReadonlySet<StopReason> = new Set<StopReason>(['end', 'tool_use', 'stop_sequence']);

const incomplete: ReadonlyMap<string, StopReason> = new Map<string, StopReason>([
  ['max_output_tokens', 'length'],
  ['max_tokens', 'length'],
  ['content_filter', 'filter'],
]);

const clientCalls = new Set([
  'function_call',
  'custom_tool_call',
  'computer_call',
  'local_shell_call',
  'shell_call',
  'apply_patch_call',
]);

function outcomeOf(response: JsonObject): Outcome {
  let called = false;
  let refused = false;
  for (const item of asArray(response.output)) {
    if (!isObject(item)) continue;
    if (clientCalls.has(asString(item.type) ?? '')) called = true;
    if (item.type === 'tool_search_call' && item.execution === 'client') called = true;
    for (const content of asArray(item.content))
      if (isObject(content) && content.type === 'refusal') refused = true;
  }
  return { called, refused };
}
