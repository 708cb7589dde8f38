import type { TurnEvent } from '../../turn/event.ts';
import type { Failure } from '../../turn/failure.ts';
import { isObject } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { DecodeSource, StreamDecoder } from '../protocol.ts';
import type { SseFrame } from '../sse.ts';
import { ChoiceReader } from './choice-decode.ts';
import { cutFailure, unreadableFailure } from '../broken-reply.ts';
import { decodeErrorObject, endedInError } from './failure.ts';
import { own } from './fields.ts';
import { decodeUsage } from './usage.ts';

/** Members of a chunk that are read, or that only pad it. */
const chunkKeys = new Set([
  'id',
  'object',
  'created',
  'model',
  'choices',
  'usage',
  'service_tier',
  'error',
  'obfuscation',
  'p',
]);
const brace = 123;
/** What the API allows as `n`. */
const choiceCountMax = 128;
const choiceKeys = new Set(['index', 'delta', 'message', 'finish_reason', 'logprobs', 'usage', 'error']);

/** Reads one stream of `chat.completion.chunk` frames. */
export function streamDecoder(source: DecodeSource): StreamDecoder {
  return new ChunkReader(source);
}

/** The events of a whole `chat.completion`. */
export function decodeResult(body: JsonObject, source: DecodeSource): TurnEvent[] {
  const out: TurnEvent[] = [];
  const reader = new ChunkReader(source);
  if (!isObject(body.error) && !Array.isArray(body.choices)) {
    out.push({ kind: 'error', failure: unreadableFailure('the upstream answered without choices') });
    return out;
  }
  reader.chunk(body, out);
  reader.finish(out);
  return out;
}

class ChunkReader implements StreamDecoder {
  done = false;
  readonly #source: DecodeSource;
  readonly #choices: (ChoiceReader | undefined)[] = [];
  #id = '';
  #started = false;
  #chunkSeen = false;
  #start: JsonObject | undefined;
  #usage: JsonObject | undefined;
  #isBroken = false;
  #choiceError: Failure | undefined;
  /** Members beside the choices as they were last told. */
  readonly #beside: JsonObject = {};

  constructor(source: DecodeSource) {
    this.#source = source;
  }

  decode(frame: SseFrame, out: TurnEvent[]): void {
    if (this.done) return;
    if (this.#isBroken) {
      this.#fail(unreadableFailure('the upstream sent a chunk that is not JSON'), out);
      return;
    }
    let text = frame.data;
    if (text.charCodeAt(0) !== brace) {
      text = text.trim();
      if (text.charCodeAt(0) !== brace) {
        this.#notJson(text, out);
        return;
      }
    }
    let data: JsonObject;
    try {
      data = JSON.parse(text) as JsonObject;
    } catch {
      // As the last frame this is a cut, which only the end of the body can tell.
      this.#isBroken = true;
      return;
    }
    if (frame.event === 'error' && data.error === undefined) this.#fail(decodeErrorObject(data), out);
    else this.chunk(data, out);
  }

  end(out: TurnEvent[]): void {
    if (this.done) return;
    // Servers that send no [DONE] are complete once each choice has said why it ended.
    const isComplete =
      this.#choices.length > 0 &&
      this.#choices.every((choice) => choice === undefined || choice.finish !== undefined);
    if (isComplete) this.finish(out);
    else this.#fail(cutFailure, out);
  }

  chunk(data: JsonObject, out: TurnEvent[]): void {
    const error = data.error;
    if (isObject(error) || (typeof error === 'string' && error !== '')) {
      this.#fail(decodeErrorObject(error), out);
      return;
    }
    if (data.object === 'error') {
      this.#fail(decodeErrorObject(data), out);
      return;
    }
    this.#chunkSeen = true;
    const choices = data.choices;
    const list = Array.isArray(choices) ? choices : undefined;
    if (!this.#started) this.#begin(data, list?.length ?? 0, out);
    if (isObject(data.usage)) this.#usage = data.usage;
    let isLast = list === undefined || list.length === 0;
    if (list) {
      for (let i = 0; i < list.length; i++) if (this.#choice(list[i]!, out)) isLast = true;
    } else if (isObject(choices) && (choices.delta !== undefined || choices.message !== undefined)) {
      this.#choice(choices, out);
    }
    for (const key in data) if (!chunkKeys.has(key)) this.#extra(key, data[key] ?? null, isLast, out);
    if (this.#choiceError) this.#fail(this.#choiceError, out);
  }

  /** Ends the reply: what each choice still holds, the usage, and one stop for each choice. */
  finish(out: TurnEvent[]): void {
    if (this.done) return;
    if (!this.#chunkSeen) {
      this.#fail(cutFailure, out);
      return;
    }
    if (this.#choices.some((choice) => choice?.finish === 'error')) {
      this.#fail(endedInError, out);
      return;
    }
    this.#open(out);
    if (this.#choices.length === 0) this.#reader(0);
    for (const choice of this.#choices) choice?.settle(out);
    this.#tellUsage(out);
    for (const choice of this.#choices) choice?.stop(out);
    this.done = true;
  }

  #notJson(text: string, out: TurnEvent[]): void {
    if (text === '[DONE]') this.finish(out);
    else if (text !== '') out.push({ kind: 'native', protocol: own, type: 'text', value: { text } });
  }

  #fail(failure: Failure, out: TurnEvent[]): void {
    this.#open(out);
    this.#tellUsage(out);
    out.push({ kind: 'error', failure });
    this.done = true;
  }

  #tellUsage(out: TurnEvent[]): void {
    if (this.#usage) out.push({ kind: 'usage', usage: decodeUsage(this.#usage, this.#start?.tier) });
    this.#usage = undefined;
  }

  /** A first chunk may hold nothing but a verdict on the prompt, with an empty id: `start` waits for the real one. */
  #begin(data: JsonObject, choiceCount: number, out: TurnEvent[]): void {
    const start = (this.#start ??= {});
    if (typeof data.id === 'string' && data.id !== '') start.id = data.id;
    if (typeof data.model === 'string' && data.model !== '') start.model = data.model;
    if (typeof data.created === 'number' && data.created > 0) start.created = Math.floor(data.created);
    if (typeof data.service_tier === 'string') start.tier = data.service_tier;
    for (const key in data) {
      const value = data[key];
      if (!chunkKeys.has(key) && value !== null && value !== undefined) this.#beside[key] = value;
    }
    if (start.id !== undefined || choiceCount > 0) this.#open(out);
  }

  #open(out: TurnEvent[]): void {
    if (this.#started || !this.#start) return;
    this.#started = true;
    const { id, model, created, tier } = this.#start as {
      id?: string;
      model?: string;
      created?: number;
      tier?: string;
    };
    this.#id = id ?? '';
    const hasExtras = Object.keys(this.#beside).length > 0;
    out.push({
      kind: 'start',
      id,
      model,
      created,
      tier,
      extras: hasExtras ? { [own]: { ...this.#beside } } : undefined,
    });
  }

  /** Returns whether the choice ended with this chunk. */
  #choice(value: Json, out: TurnEvent[]): boolean {
    if (!isObject(value)) return false;
    const index = isIndex(value.index) ? value.index : 0;
    const choice = this.#choices[index] ?? this.#reader(index);
    // A whole message amid chunks restates what came; alone it is the reply.
    const delta = isObject(value.delta)
      ? value.delta
      : isObject(value.message) && choice.isEmpty
        ? value.message
        : undefined;
    if (delta) choice.delta(delta, out);
    if (isObject(value.logprobs)) choice.logprobs(value.logprobs, out);
    if (isObject(value.usage)) this.#usage = value.usage;
    if (isObject(value.error)) this.#choiceError = decodeErrorObject(value.error);
    for (const key in value) if (!choiceKeys.has(key)) choice.extra(key, value[key] ?? null);
    const finish = value.finish_reason;
    if (typeof finish !== 'string' || finish === '') return false;
    choice.finish = finish;
    return true;
  }

  #reader(index: number): ChoiceReader {
    while (this.#choices.length < index) this.#choices.push(undefined);
    const choice = new ChoiceReader(index, this.#id, this.#source, this.#beside);
    this.#choices[index] = choice;
    return choice;
  }

  /**
   * Members beside the choices: told once when they first come. Those that come again are compared only at the
   * end, where some servers add to what they said first.
   */
  #extra(key: string, value: Json, isLast: boolean, out: TurnEvent[]): void {
    if (value === null) return;
    const before = this.#beside[key];
    if (key === 'x_groq' && isObject(value) && isObject(value.usage)) this.#usage = value.usage;
    if (before === value) return;
    if (before !== undefined && (!isLast || JSON.stringify(before) === JSON.stringify(value))) return;
    this.#beside[key] = value;
    out.push({ kind: 'native', protocol: own, type: 'chunk', value: { [key]: value } });
  }
}

const isIndex = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < choiceCountMax;
