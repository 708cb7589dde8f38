import type { Delta, TurnEvent } from '../../turn/event.ts';
import { asArray, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { Part, ReasoningPart, ToolCallPart } from '../../turn/part.ts';
import type { DecodeSource } from '../protocol.ts';
import { unwrapInput } from '../repairs/custom-input.ts';
import { Grounding } from './citation-decode.ts';
import { camel } from './names.ts';
import { PartialArgs } from './partial-args.ts';
import { decodePart, isBareText, type CallIds } from './part-decode.ts';
import { ownSeal, unpackReasoning, type SignaturePlace } from './signature.ts';

/** A call whose arguments are still arriving. */
interface OpenCall {
  readonly data: JsonObject;
  readonly args: PartialArgs;
}

/**
 * Turns the parts of one candidate, or of a model's turn in the history, into events. Text and thoughts run on over
 * any number of parts and chunks; a signature becomes the seal of a reasoning part beside the part it stands on.
 */
export class CandidateReader {
  /** The client is asked to run a tool. */
  calls = false;
  readonly #choice: number;
  readonly #ids: CallIds;
  readonly #source: Partial<DecodeSource>;
  readonly #grounding = new Grounding();
  #next = 0;
  #open: 'none' | 'text' | 'reasoning' = 'none';
  #text = '';
  /** A signature that came behind the beginning of the open text; the text ends there. */
  #trailing: { readonly signature: string; readonly place: SignaturePlace } | undefined;
  #call: OpenCall | undefined;

  constructor(choice: number, ids: CallIds, source: Partial<DecodeSource>) {
    this.#choice = choice;
    this.#ids = ids;
    this.#source = source;
  }

  /** No part has begun. */
  get isEmpty(): boolean {
    return this.#next === 0;
  }

  /** Reads one part as it stands on the wire. */
  part(value: JsonObject, out: TurnEvent[]): void {
    const part = camel(value);
    if (!isBareText(part)) {
      this.#other(part, out);
      return;
    }
    const text = part.text as string;
    const signature = asString(part.thoughtSignature) || undefined;
    if (part.thought === true) this.#thought(text, signature, out);
    else if (signature !== undefined) this.#signedText(text, signature, out);
    else if (text !== '') this.#say(text, out);
  }

  /** Sources of the text, as they stand on the candidate. */
  ground(candidate: JsonObject): void {
    this.#grounding.add(candidate);
  }

  logprobs(value: Delta & { field: 'logprobs' }, out: TurnEvent[]): void {
    if (this.#open === 'text') this.#push(value, out);
  }

  /** Ends whatever is still open. */
  finish(out: TurnEvent[]): void {
    this.#endCall(out);
    // What sources say of a text that is over is told with the last one.
    this.#close(out);
  }

  /** What was said of the sources and is not in the citations. */
  get beside(): JsonObject | undefined {
    return this.#grounding.raw();
  }

  #say(text: string, out: TurnEvent[]): void {
    if (this.#open !== 'text' || this.#trailing !== undefined)
      this.#begin('text', { kind: 'text', text: '' }, out);
    this.#text += text;
    this.#push({ field: 'text', value: text }, out);
  }

  #thought(text: string, signature: string | undefined, out: TurnEvent[]): void {
    if (text !== '') {
      if (this.#open !== 'reasoning') this.#begin('reasoning', { kind: 'reasoning', text: '' }, out);
      this.#push({ field: 'text', value: text }, out);
    }
    if (signature === undefined) return;
    if (this.#restore(signature, out)) return;
    if (this.#open !== 'reasoning') this.#begin('reasoning', { kind: 'reasoning', text: '' }, out);
    this.#seal(signature, 'self', out);
  }

  /** A signature at a text's beginning stands before it; one that comes later, behind it. */
  #signedText(text: string, signature: string, out: TurnEvent[]): void {
    if (this.#open === 'text' && this.#trailing === undefined && unpackReasoning(signature) === undefined) {
      if (text !== '') this.#say(text, out);
      this.#trailing = { signature, place: text === '' ? 'alone' : 'text' };
      return;
    }
    if (text === '') {
      if (!this.#restore(signature, out)) this.#hidden(signature, 'alone', out);
      return;
    }
    this.#sign(signature, 'next', out);
    this.#begin('text', { kind: 'text', text: '' }, out);
    this.#say(text, out);
  }

  #other(part: JsonObject, out: TurnEvent[]): void {
    const signature = asString(part.thoughtSignature) || undefined;
    const data = isObject(part.functionCall) ? camel(part.functionCall) : undefined;
    if (data !== undefined && this.#partial(part, data, signature, out)) return;
    this.#endCall(out);
    if (signature !== undefined) this.#sign(signature, data === undefined ? 'next' : 'call', out);
    this.#whole(decodePart(part, this.#ids), out);
  }

  /**
   * Arguments in pieces: the first part names the function, the last has no `willContinue`, and none of them need
   * hold anything.
   */
  #partial(part: JsonObject, data: JsonObject, signature: string | undefined, out: TurnEvent[]): boolean {
    const isMore = this.#call !== undefined && !data.name;
    if (!isMore && data.willContinue !== true && data.partialArgs === undefined) {
      // What ends a call that is over already says nothing.
      return Object.keys(data).length === 0 && signature === undefined && this.#next > 0;
    }
    if (!isMore) {
      this.#endCall(out);
      if (signature !== undefined) this.#sign(signature, 'call', out);
      const { partialArgs: _p, willContinue: _w, ...named } = data;
      this.#call = { data: named, args: new PartialArgs() };
    }
    const { args } = this.#call!;
    if (isObject(data.args)) Object.assign(args.args, data.args);
    for (const piece of asArray(data.partialArgs)) if (isObject(piece)) args.add(camel(piece));
    if (data.willContinue !== true) this.#endCall(out);
    return true;
  }

  #endCall(out: TurnEvent[]): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.#whole(decodePart({ functionCall: { ...call.data, args: call.args.args } }, this.#ids), out);
  }

  /** Puts a signature in front of the part that it stands on. */
  #sign(signature: string, place: SignaturePlace, out: TurnEvent[]): void {
    if (this.#restore(signature, out)) return;
    if (this.#open === 'reasoning') this.#seal(signature, place, out);
    else this.#hidden(signature, place, out);
  }

  /** A signature in which reasoning of another protocol was packed gives that reasoning back. */
  #restore(signature: string, out: TurnEvent[]): boolean {
    const parts = unpackReasoning(signature);
    if (parts === undefined) return false;
    this.#close(out);
    for (const part of parts) this.#emit(part, out);
    return true;
  }

  #seal(signature: string, place: SignaturePlace, out: TurnEvent[]): void {
    this.#push({ field: 'seal', value: ownSeal(signature, place, this.#source.issuer) }, out);
    this.#close(out);
  }

  /** A signature without words of its own. */
  #hidden(signature: string, place: SignaturePlace, out: TurnEvent[]): void {
    this.#close(out);
    const seal = ownSeal(signature, place, this.#source.issuer);
    this.#emit({ kind: 'reasoning', hidden: true, seal } satisfies ReasoningPart, out);
  }

  #whole(part: Part, out: TurnEvent[]): void {
    this.#close(out);
    if (part.kind === 'tool_call' && part.by === 'client') {
      this.calls = true;
      this.#emitCall(this.#restoreName(part), out);
    } else {
      this.#emit(part, out);
    }
  }

  /** A tool that went up under another name, or as another kind, is the client's own again. */
  #restoreName(part: ToolCallPart): ToolCallPart {
    const mine = this.#source.names?.get(part.name);
    if (mine === undefined) return part;
    part.name = mine.name;
    if (mine.namespace !== undefined) part.namespace = mine.namespace;
    if (mine.custom) {
      part.family = 'custom';
      part.inputAs = 'text';
      part.input = unwrapInput(part.input);
    }
    return part;
  }

  #emitCall(part: ToolCallPart, out: TurnEvent[]): void {
    const { input } = part;
    const index = this.#next++;
    part.input = '';
    out.push({ kind: 'part_start', choice: this.#choice, index, part });
    out.push({ kind: 'part_delta', choice: this.#choice, index, delta: { field: 'input', value: input } });
    out.push({ kind: 'part_end', choice: this.#choice, index });
  }

  #emit(part: Part, out: TurnEvent[]): void {
    const index = this.#next++;
    out.push({ kind: 'part_start', choice: this.#choice, index, part });
    out.push({ kind: 'part_end', choice: this.#choice, index });
  }

  #begin(kind: 'text' | 'reasoning', part: Part, out: TurnEvent[]): void {
    this.#endCall(out);
    this.#close(out);
    this.#open = kind;
    this.#text = '';
    out.push({ kind: 'part_start', choice: this.#choice, index: this.#next++, part });
  }

  #close(out: TurnEvent[]): void {
    if (this.#open === 'none') return;
    if (this.#open === 'text') {
      for (const value of this.#grounding.take(this.#text)) this.#push({ field: 'citation', value }, out);
    }
    out.push({ kind: 'part_end', choice: this.#choice, index: this.#next - 1 });
    this.#open = 'none';
    const trailing = this.#trailing;
    this.#trailing = undefined;
    if (trailing !== undefined) this.#hidden(trailing.signature, trailing.place, out);
  }

  #push(delta: Delta, out: TurnEvent[]): void {
    out.push({ kind: 'part_delta', choice: this.#choice, index: this.#next - 1, delta });
  }
}
