import type { TurnEvent } from '../../turn/event.ts';
import { asNumber, asString, isObject } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { MediaPart, Part } from '../../turn/part.ts';
import type { DecodeSource } from '../protocol.ts';
import { CallReader } from './call-decode.ts';
import type { CallHost } from './call-decode.ts';
import { decodeAnnotation, decodeSourceList } from './citations.ts';
import { own } from './fields.ts';
import { decodePart } from './parts.ts';
import { detailsText, mergeDetails, ownSeal, plainReasoning } from './reasoning.ts';
import { decodeStop } from './stop.ts';

const deltaKeys = new Set([
  'role',
  'content',
  'refusal',
  'tool_calls',
  'function_call',
  'audio',
  'images',
  'annotations',
  'reasoning_content',
  'reasoning',
  'reasoning_text',
  'reasoning_details',
  'reasoning_opaque',
  // Some servers repeat the choice's index here.
  'index',
]);

type OpenKind = 'none' | 'text' | 'refusal' | 'reasoning' | 'audio';

/** Turns the deltas of one choice into parts. A whole message is one big delta. */
export class ChoiceReader implements CallHost {
  readonly index: number;
  finish: string | undefined;
  readonly replyId: string;
  readonly source: DecodeSource;
  /** The members beside the choices; a list of sources is among them on some servers. */
  readonly #beside: JsonObject;
  #next = 0;
  #open = -1;
  #openKind: OpenKind = 'none';
  #openLength = 0;
  readonly #calls = new CallReader(this);
  #details: JsonObject[] = [];
  #opaque: string | undefined;
  /** Reasoning text came outside of `reasoning_details`, which then only repeat it. */
  #plain = false;
  #refused = false;
  #cited = false;
  #heldLogprobs: Json[] = [];
  #audio: MediaPart | undefined;
  #extras: JsonObject | undefined;

  constructor(index: number, replyId: string, source: DecodeSource, beside: JsonObject) {
    this.index = index;
    this.replyId = replyId;
    this.source = source;
    this.#beside = beside;
  }

  /** No part has begun. */
  get isEmpty(): boolean {
    return this.#next === 0 && this.#calls.count === 0;
  }

  delta(delta: JsonObject, out: TurnEvent[]): void {
    this.#reasoning(delta, out);
    const content = delta.content;
    if (typeof content === 'string') {
      if (content !== '') this.#text(content, out);
    } else if (Array.isArray(content)) this.#contentParts(content, out);
    if (Array.isArray(delta.annotations)) this.#annotations(delta.annotations, out);
    const refusal = delta.refusal;
    if (typeof refusal === 'string' && refusal !== '') this.#refusal(refusal, out);
    if (isObject(delta.audio)) this.#audioDelta(delta.audio, out);
    if (Array.isArray(delta.images)) this.#contentParts(delta.images, out);
    const calls = delta.tool_calls;
    if (Array.isArray(calls)) {
      for (let i = 0; i < calls.length; i++) this.#calls.delta(calls[i]!, out);
    }
    if (isObject(delta.function_call)) this.#calls.delta({ index: -1, function: delta.function_call }, out);
    for (const key in delta) if (!deltaKeys.has(key)) this.#unknown(key, delta[key] ?? null, out);
  }

  logprobs(value: JsonObject, out: TurnEvent[]): void {
    const content = value.content;
    if (Array.isArray(content) && content.length > 0) {
      if (this.#openKind === 'text') this.#push({ field: 'logprobs', value: content }, out);
      else this.#heldLogprobs.push(...content);
    }
    const refusal = value.refusal;
    if (Array.isArray(refusal) && refusal.length > 0 && this.#openKind === 'refusal') {
      this.#push({ field: 'logprobs', value: refusal }, out);
    }
  }

  /** A member of the choice that is not modelled; the last value counts. */
  extra(key: string, value: Json): void {
    if (value !== null) (this.#extras ??= {})[key] = value;
  }

  /** Ends every part that is still open. */
  settle(out: TurnEvent[]): void {
    this.#close(out);
    this.#hiddenReasoning(out);
    this.#calls.closeAll(out);
    if (this.#heldLogprobs.length > 0) this.extra('logprobs', { content: this.#heldLogprobs, refusal: null });
  }

  stop(out: TurnEvent[]): void {
    const stop = decodeStop(this.finish, { called: this.#calls.count > 0, refused: this.#refused });
    out.push({ kind: 'stop', choice: this.index, stop, extras: this.#extras && { [own]: this.#extras } });
  }

  /** A call begins: its part follows whatever is open. */
  claim(out: TurnEvent[]): number {
    this.#close(out);
    this.#hiddenReasoning(out);
    return this.#next++;
  }

  #text(value: string, out: TurnEvent[]): void {
    if (this.#openKind !== 'text') {
      this.#begin('text', { kind: 'text', text: '' }, out);
      if (this.#heldLogprobs.length > 0) this.#push({ field: 'logprobs', value: this.#heldLogprobs }, out);
      this.#heldLogprobs = [];
    }
    this.#openLength += value.length;
    this.#push({ field: 'text', value }, out);
  }

  #refusal(value: string, out: TurnEvent[]): void {
    this.#refused = true;
    if (this.#openKind !== 'refusal') this.#begin('refusal', { kind: 'refusal', text: '' }, out);
    this.#push({ field: 'text', value }, out);
  }

  #reasoningText(value: string, out: TurnEvent[]): void {
    if (this.#openKind !== 'reasoning') this.#begin('reasoning', { kind: 'reasoning', text: '' }, out);
    this.#push({ field: 'text', value }, out);
  }

  #reasoning(delta: JsonObject, out: TurnEvent[]): void {
    const plain = plainReasoning(delta);
    if (plain !== '') {
      this.#plain = true;
      this.#reasoningText(plain, out);
    }
    if (typeof delta.reasoning_opaque === 'string' && delta.reasoning_opaque !== '') {
      this.#opaque = delta.reasoning_opaque;
    }
    const details = delta.reasoning_details;
    if (!Array.isArray(details)) return;
    const text = this.#plain ? '' : detailsText(details);
    if (text !== '') this.#reasoningText(text, out);
    for (const entry of details) if (isObject(entry)) mergeDetails(this.#details, entry);
  }

  /** Content as an array of parts: `thinking` parts hold text parts of their own. */
  #contentParts(content: readonly Json[], out: TurnEvent[]): void {
    for (const value of content) {
      if (!isObject(value)) {
        if (typeof value === 'string' && value !== '') this.#text(value, out);
      } else if (value.type === 'thinking') {
        const text = typeof value.thinking === 'string' ? value.thinking : thinkingText(value.thinking);
        if (text !== '') this.#reasoningText(text, out);
      } else if (value.type === 'text' && typeof value.text === 'string') {
        if (value.text !== '') this.#text(value.text, out);
      } else {
        this.#whole(readPart(value), out);
      }
    }
  }

  #annotations(annotations: readonly Json[], out: TurnEvent[]): void {
    for (const annotation of annotations) {
      if (!isObject(annotation)) continue;
      const citation = decodeAnnotation(annotation);
      this.#cited = true;
      if (citation && this.#openKind === 'text') this.#push({ field: 'citation', value: citation }, out);
      else this.#whole({ kind: 'native', protocol: own, type: 'annotation', value: annotation }, out);
    }
  }

  #audioDelta(audio: JsonObject, out: TurnEvent[]): void {
    if (this.#openKind !== 'audio') {
      const part: MediaPart = { kind: 'media', as: 'audio', source: { by: 'bytes', data: '' } };
      if (typeof audio.id === 'string') part.id = audio.id;
      this.#begin('audio', { ...part }, out);
      this.#audio = part;
    }
    const part = this.#audio!;
    const transcript = asString(audio.transcript);
    if (transcript) {
      part.transcript = (part.transcript ?? '') + transcript;
      this.#push({ field: 'text', value: transcript }, out);
    }
    const data = asString(audio.data);
    if (data && part.source.by === 'bytes') {
      part.source = { by: 'bytes', data: part.source.data + data };
      this.#push({ field: 'data', value: data }, out);
    }
    const expires = asNumber(audio.expires_at);
    if (expires !== undefined) part.extras = { [own]: { expires_at: expires } };
  }

  #begin(kind: OpenKind, part: Part, out: TurnEvent[]): void {
    this.#close(out);
    if (kind !== 'reasoning') this.#hiddenReasoning(out);
    if (this.#calls.count > 0) this.#calls.closeWhole(out);
    this.#open = this.#next++;
    this.#openKind = kind;
    this.#openLength = 0;
    out.push({ kind: 'part_start', choice: this.index, index: this.#open, part });
  }

  #close(out: TurnEvent[]): void {
    const kind = this.#openKind;
    if (kind === 'none') return;
    if (kind === 'text' && !this.#cited) {
      const sources = this.#beside.citations;
      if (sources !== undefined) {
        this.#cited = true;
        for (const value of decodeSourceList(sources, this.#openLength)) {
          this.#push({ field: 'citation', value }, out);
        }
      }
    } else if (kind === 'reasoning') {
      const seal = ownSeal(this.#details, this.#opaque, this.source.issuer);
      if (seal) this.#push({ field: 'seal', value: seal }, out);
      this.#details = [];
      this.#opaque = undefined;
    }
    const isDated = kind === 'audio' && this.#audio?.extras !== undefined;
    out.push({
      kind: 'part_end',
      choice: this.index,
      index: this.#open,
      part: isDated ? this.#audio : undefined,
    });
    this.#openKind = 'none';
    this.#open = -1;
  }

  /** Sealed reasoning that came without any text is a part of its own. */
  #hiddenReasoning(out: TurnEvent[]): void {
    const seal = ownSeal(this.#details, this.#opaque, this.source.issuer);
    if (!seal) return;
    this.#details = [];
    this.#opaque = undefined;
    this.#whole({ kind: 'reasoning', hidden: true, seal }, out);
  }

  #whole(part: Part, out: TurnEvent[]): void {
    this.#close(out);
    if (part.kind !== 'reasoning') this.#hiddenReasoning(out);
    if (this.#calls.count > 0) this.#calls.closeWhole(out);
    const index = this.#next++;
    out.push({ kind: 'part_start', choice: this.index, index, part });
    out.push({ kind: 'part_end', choice: this.index, index });
  }

  #unknown(key: string, value: Json, out: TurnEvent[]): void {
    if (value === null) return;
    const message = isObject(this.#extras?.message) ? this.#extras.message : {};
    if (message[key] === value) return;
    message[key] = value;
    (this.#extras ??= {}).message = message;
    out.push({
      kind: 'native',
      protocol: own,
      type: 'delta',
      value: { choice: this.index, delta: { [key]: value } },
    });
  }

  #push(delta: Extract<TurnEvent, { kind: 'part_delta' }>['delta'], out: TurnEvent[]): void {
    out.push({ kind: 'part_delta', choice: this.index, index: this.#open, delta });
  }
}

function thinkingText(value: Json | undefined): string {
  let text = '';
  if (Array.isArray(value)) {
    for (const part of value) if (isObject(part) && typeof part.text === 'string') text += part.text;
  }
  return text;
}

/** A content part of a reply; one whose shape is not the known one is kept whole. */
function readPart(value: JsonObject): Part {
  try {
    return decodePart(value, 'content');
  } catch {
    return { kind: 'native', protocol: own, type: asString(value.type) ?? '', value };
  }
}
