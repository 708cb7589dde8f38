import { asObject, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { Sight, TapRules } from '../tap.ts';
import { failureOf } from './failure.ts';
import { stopOf } from './stop.ts';
import { decodeUsage } from './usage.ts';

/** The frames that say how a passing reply goes: its begin and its terminal events. */
export const tap: TapRules = {
  needles: [
    '"response.created"',
    '"response.completed"',
    '"response.incomplete"',
    '"response.failed"',
    '"response.cancelled"',
    '"error"',
  ],
  observe(data, sight) {
    const response = asObject(data.response);
    switch (data.type) {
      case 'response.created':
        if (response !== undefined) observeHead(response, sight);
        break;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
      case 'response.cancelled':
        if (response !== undefined) observeEnd(response, sight);
        sight.done = true;
        break;
      default:
        // Without a type of its own, an error object amid the stream is terminal too.
        if (data.type === 'error' || (data.type === undefined && isObject(data.error))) {
          sight.failure ??= failureOf(asObject(data.error) ?? data);
          sight.done = true;
        }
    }
  },
  observeResult(body, sight) {
    observeEnd(body, sight);
    sight.done = true;
  },
};

function observeHead(response: JsonObject, sight: Sight): void {
  sight.id = asString(response.id) ?? sight.id;
  sight.model = asString(response.model) ?? sight.model;
}

function observeEnd(response: JsonObject, sight: Sight): void {
  observeHead(response, sight);
  const usage = asObject(response.usage);
  if (usage !== undefined) {
    sight.usage = decodeUsage(usage, asObject(response.tool_usage), response.service_tier);
  }
  const error = asObject(response.error);
  if (response.status === 'failed' || error !== undefined) {
    sight.failure ??= failureOf(error ?? {});
  } else {
    sight.stop = stopOf(response);
  }
}
