import { isObject } from '../../turn/json.ts';
import type { JsonObject } from '../../turn/json.ts';
import type { Sight, TapRules } from '../tap.ts';
import { decodeErrorObject, endedInError } from './failure.ts';
import { decodeStop } from './stop.ts';
import { decodeUsage } from './usage.ts';

/** Frames worth reading are those that end a choice, count tokens or fail. */
export const tap: TapRules = {
  needles: ['"finish_reason"', '"usage"', '"error"'],
  terminal: '[DONE]',
  stopIsEnough: true,
  usageOption: {
    member: 'stream_options',
    key: 'include_usage',
    isAnswer: (data) => Array.isArray(data.choices) && data.choices.length === 0 && isObject(data.usage),
  },
  observe,
  observeResult(body, sight) {
    observe(body, sight);
    sight.done = true;
  },
};

function observe(data: JsonObject, sight: Sight): void {
  if (typeof data.id === 'string' && data.id !== '') sight.id = data.id;
  if (typeof data.model === 'string' && data.model !== '') sight.model = data.model;
  const error = data.error;
  if (isObject(error) || (typeof error === 'string' && error !== '')) {
    sight.failure = decodeErrorObject(error);
    return;
  }
  if (isObject(data.usage)) sight.usage = decodeUsage(data.usage, data.service_tier);
  else if (isObject(data.x_groq) && isObject(data.x_groq.usage)) sight.usage = decodeUsage(data.x_groq.usage);
  if (!Array.isArray(data.choices)) return;
  for (const choice of data.choices) {
    if (!isObject(choice)) continue;
    if (isObject(choice.usage)) sight.usage = decodeUsage(choice.usage);
    const raw = choice.finish_reason;
    if (isObject(choice.error)) sight.failure = decodeErrorObject(choice.error);
    else if (raw === 'error') sight.failure = endedInError;
    if (typeof raw !== 'string' || raw === '' || (sight.stop && choice.index !== 0)) continue;
    const message = isObject(choice.message) ? choice.message : undefined;
    sight.stop = decodeStop(raw, {
      called: raw === 'tool_calls' || raw === 'function_call' || Array.isArray(message?.tool_calls),
      refused: typeof message?.refusal === 'string',
    });
  }
}
