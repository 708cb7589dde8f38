import { asObject, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { Sight, TapRules } from '../tap.ts';
import { errorFailure } from './failure.ts';
import { camel, camelObject } from './names.ts';
import { blockedStop, decodeStop, isBlocked } from './stop.ts';
import { decodeUsage, isStated } from './usage.ts';

/** Chunks worth reading are those that end a candidate, refuse the prompt or fail; of the counts the last hold. */
export const tap: TapRules = {
  needles: ['"finishReason"', '"promptFeedback"', '"error"'],
  lastNeedle: '"usageMetadata"',
  stopIsEnough: true,
  observe,
  observeResult(body, sight) {
    observe(body, sight);
    sight.done = true;
  },
};

function observe(value: JsonObject, sight: Sight): void {
  const data = camel(value);
  if (isObject(data.error)) {
    sight.failure = errorFailure(data.error);
    sight.done = true;
    return;
  }
  sight.id ??= asString(data.responseId);
  sight.model ??= asString(data.modelVersion);
  const feedback = camelObject(data.promptFeedback);
  if (isBlocked(feedback)) sight.stop ??= blockedStop(feedback!);
  const first = Array.isArray(data.candidates) ? asObject(data.candidates[0]) : undefined;
  if (first !== undefined) {
    const finish = asString(camel(first).finishReason);
    if (finish) sight.stop = decodeStop(finish, sight.stop?.reason === 'tool_use' || calls(first));
  }
  const usage = camelObject(data.usageMetadata);
  const counts = usage && decodeUsage(usage);
  if (counts && isStated(counts)) sight.usage = counts;
}

/** Whether a candidate asks the client to run a tool. */
function calls(candidate: JsonObject): boolean {
  const parts = asObject(candidate.content)?.parts;
  return Array.isArray(parts) && parts.some((part) => isObject(part) && isObject(camel(part).functionCall));
}
