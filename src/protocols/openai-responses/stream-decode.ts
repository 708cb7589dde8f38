import { cutFailure, unreadableFailure } from '../broken-reply.ts';
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type { Delta, TurnEvent } from '../../turn/event.ts';
import type { Failure } from '../../turn/failure.ts';
import type { DecodeSource, StreamDecoder } from '../protocol.ts';
import { decodeAnnotation } from './content.ts';
import { failureOf } from './failure.ts';
import { replyItems, type ItemState } from './reply-items.ts';
import { responseMembers } from './response.ts';
import { stopOf } from './stop.ts';
import { decodeUsage, unusualUsage } from './usage.ts';
import { own } from './wire.ts';

/** Reads a stream of Responses events. */
export function streamDecoder(source: DecodeSource): StreamDecoder {
  const items = replyItems(source);
  let started = false;
  let done = false;

  function start(response: JsonObject | undefined, out: TurnEvent[]): void {
    if (started) return;
    started = true;
    items.replyId(asString(response?.id) ?? '');
    out.push(startEvent(response));
  }

  function fail(failure: Failure, out: TurnEvent[]): void {
    done = true;
    out.push({ kind: 'error', failure });
  }

  function finish(response: JsonObject, out: TurnEvent[]): void {
    items.settle(asArray(response.output).filter(isObject), out);
    done = true;
    const usage = asObject(response.usage);
    if (usage !== undefined) {
      const counts = decodeUsage(usage, asObject(response.tool_usage), response.service_tier);
      out.push({ kind: 'usage', usage: counts });
    }
    out.push(stopEvent(response, items.outcome));
  }

  function delta(
    state: ItemState,
    data: JsonObject,
    change: Delta,
    out: TurnEvent[],
    as: 'text' | 'refusal' = 'text',
  ): void {
    if (!items.delta(state, asNumber(data.content_index) ?? 0, as, change, out)) native(data, out);
  }

  /** Events outside the model go back to this protocol, with the item's place as the turn counts it. */
  function native(data: JsonObject, out: TurnEvent[]): void {
    const state = items.known(data);
    const value = state === undefined ? data : { ...data, output_index: state.ordinal };
    out.push({ kind: 'native', protocol: own, type: asString(data.type) ?? '', value });
  }

  function event(type: string, data: JsonObject, out: TurnEvent[]): void {
    switch (type) {
      case 'response.output_text.delta': {
        const state = items.find(data, 'message');
        const logprobs = data.logprobs;
        if (Array.isArray(logprobs) && logprobs.length > 0) {
          delta(state, data, { field: 'logprobs', value: logprobs }, out);
        }
        return delta(state, data, { field: 'text', value: textOf(data.delta) }, out);
      }
      case 'response.refusal.delta':
        return delta(
          items.find(data, 'message'),
          data,
          { field: 'text', value: textOf(data.delta) },
          out,
          'refusal',
        );
      case 'response.reasoning_text.delta':
        return items.reasoningText(items.find(data, 'reasoning'), data, textOf(data.delta), out);
      case 'response.reasoning_summary_text.delta': {
        const section = asNumber(data.summary_index) ?? 0;
        return delta(
          items.find(data, 'reasoning'),
          data,
          { field: 'summary', section, value: textOf(data.delta) },
          out,
        );
      }
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
      case 'response.mcp_call_arguments.delta':
        return delta(items.find(data), data, { field: 'input', value: textOf(data.delta) }, out);
      case 'response.output_text.annotation.added':
        if (!isObject(data.annotation)) return;
        return delta(
          items.find(data, 'message'),
          data,
          { field: 'citation', value: decodeAnnotation(data.annotation) },
          out,
        );
      case 'response.output_item.added':
        if (isObject(data.item)) items.added(data.item, asNumber(data.output_index), out);
        return;
      case 'response.output_item.done':
        if (isObject(data.item)) items.done(data.item, asNumber(data.output_index), out);
        return;
      case 'response.content_part.added':
        if (isObject(data.part)) items.contentAdded(data, data.part, out);
        return;
      case 'response.reasoning_summary_part.added':
        return items.summaryAdded(items.find(data, 'reasoning'), out);
      case 'response.output_text.done':
      case 'response.refusal.done':
      case 'response.reasoning_text.done':
      case 'response.reasoning_summary_text.done':
      case 'response.reasoning_summary_part.done':
      case 'response.content_part.done':
      case 'response.function_call_arguments.done':
      case 'response.custom_tool_call_input.done':
      case 'response.mcp_call_arguments.done':
        return items.lastWord(type, data, out);
      case 'response.audio.delta':
        return items.audio('data', textOf(data.delta), out);
      case 'response.audio.transcript.delta':
        return items.audio('text', textOf(data.delta), out);
      case 'response.audio.done':
      case 'response.audio.transcript.done':
        return;
      case 'response.created':
      case 'response.in_progress':
        return;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.cancelled':
        return finish(asObject(data.response) ?? {}, out);
      case 'response.failed': {
        const response = asObject(data.response);
        return fail(failureOf(asObject(response?.error) ?? asObject(data.error) ?? {}), out);
      }
      case 'error':
        return fail(failureOf(asObject(data.error) ?? data), out);
      case 'keepalive':
      case 'ping':
        out.push({ kind: 'keepalive' });
        return;
      default: {
        const state = type.slice(type.lastIndexOf('.') + 1);
        const part = progress.has(state) ? items.known(data)?.main : undefined;
        if (part === undefined) return native(data, out);
        out.push({ kind: 'status', state, choice: 0, index: part.index });
      }
    }
  }

  return {
    decode(frame, out) {
      if (done || frame.data.charCodeAt(0) !== 123) return;
      let data: JsonObject;
      try {
        data = JSON.parse(frame.data) as JsonObject;
      } catch (cause) {
        return fail({ ...brokenFrame, cause }, out);
      }
      if (typeof data.type !== 'string') {
        if (frame.event !== undefined && frame.event !== '') data.type = frame.event;
        else if (isObject(data.error)) data.type = 'error';
      }
      if (!started && data.type !== 'error') start(asObject(data.response), out);
      event(textOf(data.type), data, out);
    },
    end(out) {
      if (!done) fail(cutFailure, out);
    },
    get done() {
      return done;
    },
  };
}

/** The first event of a reply, from its Response. */
export function startEvent(response: JsonObject | undefined): TurnEvent {
  const tier = asString(response?.service_tier);
  return {
    kind: 'start',
    id: asString(response?.id) || undefined,
    model: asString(response?.model) || undefined,
    created: asNumber(response?.created_at),
    // Before the end, `auto` only repeats the wish.
    tier: tier === 'auto' ? undefined : tier,
  };
}

/** The last event of a reply, from its final Response. */
export function stopEvent(response: JsonObject, outcome: { called: boolean; refused: boolean }): TurnEvent {
  const extras: JsonObject = {};
  for (const key in response) {
    const value = response[key];
    if (!responseMembers.has(key) && value !== undefined && value !== null) extras[key] = value;
  }
  const counted = unusualUsage(asObject(response.usage) ?? {});
  if (counted !== undefined) extras.usage = counted;
  const stop = stopOf(response, outcome);
  for (const _ in extras) return { kind: 'stop', choice: 0, stop, extras: { [own]: extras } };
  return { kind: 'stop', choice: 0, stop };
}

/** The last words of event types that tell how far a hosted tool is. */
const progress = new Set(['in_progress', 'searching', 'interpreting', 'generating', 'completed', 'failed']);

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

const brokenFrame: Failure = unreadableFailure('the upstream sent an event that is not JSON');
