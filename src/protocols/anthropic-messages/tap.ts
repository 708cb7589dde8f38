import type { Stop } from '../../turn/event.ts';
import { asObject, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { Sight, TapRules } from '../tap.ts';
import { errorFailure } from './failure.ts';
import { decodeStop } from './stops.ts';
import { decodeUsage, mergeUsage } from './usage.ts';

/** The four events that hold what a record needs; blocks and their deltas pass unread. */
export const tap: TapRules = {
  needles: ['"message_start"', '"message_delta"', '"message_stop"', '"error"'],
  observe(data, sight) {
    switch (data.type) {
      case 'message_start': {
        const message = asObject(data.message) ?? {};
        sight.id ??= asString(message.id);
        sight.model ??= asString(message.model);
        count(sight, message.usage);
        return;
      }
      case 'message_delta':
        sight.stop = stopOf(asObject(data.delta) ?? {}) ?? sight.stop;
        count(sight, data.usage);
        return;
      case 'message_stop':
        sight.done = true;
        return;
      case 'error':
        sight.failure = errorFailure(asObject(data.error) ?? data);
        sight.done = true;
    }
  },
  observeResult(body, sight) {
    sight.done = true;
    if (isObject(body.error)) {
      sight.failure = errorFailure(body.error);
      return;
    }
    sight.id = asString(body.id);
    sight.model = asString(body.model);
    sight.stop = stopOf(body);
    count(sight, body.usage);
  },
};

const stopOf = (members: JsonObject): Stop | undefined =>
  typeof members.stop_reason === 'string' ? decodeStop(members, false) : undefined;

function count(sight: Sight, usage: unknown): void {
  if (!isObject(usage)) return;
  sight.usage = decodeUsage(mergeUsage(asObject(sight.usage?.raw), usage));
}
