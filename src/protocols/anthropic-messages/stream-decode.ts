import { cutFailure, unreadableFailure } from '../broken-reply.ts';
import type { Stop, TurnEvent } from '../../turn/event.ts';
import type { Failure } from '../../turn/failure.ts';
import { asArray, asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Extras } from '../../turn/part.ts';
import type { DecodeSource, StreamDecoder } from '../protocol.ts';
import { blockReader } from './block-reader.ts';
import { errorFailure } from './failure.ts';
import { ownExtras, protocolId } from './names.ts';
import { decodeStop, unknownStopReason } from './stops.ts';
import { decodeUsage, mergeUsage } from './usage.ts';

/** Reads the frames of a Messages stream. */
export function streamDecoder(source: DecodeSource): StreamDecoder {
  const reader = messageReader(source);
  return {
    decode(frame, out) {
      if (reader.done || frame.data === '') return;
      if (frame.data === '[DONE]') return reader.closeIfStopped(out);
      let data: Json;
      try {
        data = JSON.parse(frame.data) as Json;
      } catch {
        if (frame.event === 'ping') out.push({ kind: 'keepalive' });
        else reader.fail(unreadable(frame.event, frame.data), out);
        return;
      }
      if (isObject(data)) reader.read(data, asString(data.type) ?? frame.event ?? '', out);
    },
    end(out) {
      if (!reader.done) reader.fail(cutFailure, out);
    },
    get done() {
      return reader.done;
    },
  };
}

/**
 * The events of a whole message, read as if it had been streamed. What a stream tells with its last event is
 * put there, so that both fold to the same reply.
 */
export function readMessage(message: JsonObject, source: DecodeSource): TurnEvent[] {
  const out: TurnEvent[] = [];
  const reader = messageReader(source);
  const { container, context_management, input_transformations, content, ...start } = message;
  const { stop_reason, stop_sequence, stop_details } = message;
  reader.read({ message: start }, 'message_start', out);
  asArray(content).forEach((value, index) => {
    reader.read({ index, content_block: asObject(value) ?? {} }, 'content_block_start', out);
    reader.read({ index }, 'content_block_stop', out);
  });
  const delta = { stop_reason, stop_sequence, stop_details, container };
  reader.read({ delta, context_management, input_transformations }, 'message_delta', out);
  reader.read({}, 'message_stop', out);
  return out;
}

const unreadable = (event: string | undefined, data: string): Failure =>
  unreadableFailure(event === 'error' ? data.slice(0, 500) : 'the upstream sent an event that is not JSON');

const messageKeys: ReadonlySet<string> = new Set([
  'id',
  'type',
  'role',
  'model',
  'content',
  'stop_reason',
  'stop_sequence',
  'stop_details',
  'usage',
]);
const deltaKeys: ReadonlySet<string> = new Set(['type', 'delta', 'usage']);
const stopKeys: ReadonlySet<string> = new Set(['stop_reason', 'stop_sequence', 'stop_details']);

interface MessageReader {
  read(data: JsonObject, type: string, out: TurnEvent[]): void;
  fail(failure: Failure, out: TurnEvent[]): void;
  /** A foreign end mark came: it ends a message that has given its reason to stop. */
  closeIfStopped(out: TurnEvent[]): void;
  readonly done: boolean;
}

/** The state of one message: reads events already parsed, so that whole results take the same way. */
function messageReader(source: DecodeSource): MessageReader {
  const blocks = blockReader(source);
  let started = false;
  let done = false;
  let usage: JsonObject | undefined;
  let stop: JsonObject | undefined;
  let stopExtras: JsonObject | undefined;

  function read(data: JsonObject, type: string, out: TurnEvent[]): void {
    if (done) return;
    switch (type) {
      case 'content_block_delta':
        if (!started) start({}, out);
        blocks.delta(data, out);
        return;
      case 'content_block_start':
        if (!started) start({}, out);
        blocks.start(data, out);
        return;
      case 'content_block_stop':
        blocks.stop(data, out);
        return;
      case 'message_start':
        startMessage(asObject(data.message) ?? {}, out);
        return;
      case 'message_delta':
        if (!started) start({}, out);
        stop = { ...stop, ...asObject(data.delta) };
        for (const members of [rest(data, deltaKeys), rest(stop, stopKeys)]) {
          if (members) stopExtras = { ...stopExtras, ...members };
        }
        if (isObject(data.usage)) countUsage(data.usage, out);
        return;
      case 'message_stop':
        finish(out);
        return;
      case 'ping':
        out.push({ kind: 'keepalive' });
        return;
      case 'error':
        fail(errorFailure(asObject(data.error) ?? data), out);
        return;
      default:
        if (isObject(data.error)) fail(errorFailure(data.error), out);
        else out.push({ kind: 'native', protocol: protocolId, type, value: data });
    }
  }

  function startMessage(message: JsonObject, out: TurnEvent[]): void {
    if (started) blocks.interrupt();
    else start(message, out);
    if (isObject(message.usage)) countUsage(message.usage, out);
  }

  function start(message: JsonObject, out: TurnEvent[]): void {
    started = true;
    const event: { -readonly [K in keyof StartEvent]: StartEvent[K] } = { kind: 'start' };
    const id = asString(message.id);
    const model = asString(message.model);
    const tier = asString(asObject(message.usage)?.service_tier);
    const extras = rest(message, messageKeys);
    if (id) event.id = id;
    if (model) event.model = model;
    if (tier !== undefined && tier !== 'standard') event.tier = tier;
    if (extras) event.extras = ownExtras(extras);
    out.push(event);
  }

  function countUsage(stated: JsonObject, out: TurnEvent[]): void {
    usage = mergeUsage(usage, stated);
    out.push({ kind: 'usage', usage: decodeUsage(usage) });
  }

  function finish(out: TurnEvent[]): void {
    if (!started) start({}, out);
    blocks.finish(out);
    const raw = unknownStopReason(stop ?? {});
    const extras = raw === undefined ? stopExtras : { ...stopExtras, stop_reason: raw };
    const event: { kind: 'stop'; choice: number; stop: Stop; extras?: Extras } = {
      kind: 'stop',
      choice: 0,
      stop: decodeStop(stop ?? {}, blocks.calls),
    };
    if (extras) event.extras = ownExtras(extras);
    done = true;
    out.push(event);
  }

  function fail(failure: Failure, out: TurnEvent[]): void {
    done = true;
    out.push({ kind: 'error', failure });
  }

  return {
    read,
    fail,
    closeIfStopped(out) {
      if (!done && asString(stop?.stop_reason) !== undefined) finish(out);
    },
    get done() {
      return done;
    },
  };
}

type StartEvent = Extract<TurnEvent, { kind: 'start' }>;

/** Unknown members that say something; `null` stands for nothing in replies. */
function rest(members: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let left: JsonObject | undefined;
  for (const key in members) {
    if (known.has(key) || members[key] === undefined || members[key] === null) continue;
    (left ??= {})[key] = members[key];
  }
  return left;
}
