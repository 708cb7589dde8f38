import { isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { ReasoningPart, ToolCallPart } from '../../turn/part.ts';
import { sealFits } from '../seal.ts';
import { protocolId } from './names.ts';
import { openSeal, wordsOf } from './signature.ts';

/** Collects the parts of a model's turn, and puts each signature back onto the part that it came on. */
export class SignedParts {
  readonly parts: JsonObject[] = [];
  /** Signatures of calls, in order: clients that keep all reasoning in one place put them before other parts. */
  readonly #calls: string[] = [];
  #next: string | undefined;
  /** A signature of a text that such a client put before it. */
  #text: string | undefined;

  push(part: JsonObject): void {
    const isCall = part.functionCall !== undefined;
    const isText = typeof part.text === 'string';
    const signature = isCall ? this.#calls.shift() : (this.#next ?? (isText ? this.#text : undefined));
    if (signature === this.#next) this.#next = undefined;
    else if (signature === this.#text) this.#text = undefined;
    this.parts.push(signature === undefined ? part : { ...part, thoughtSignature: signature });
  }

  /**
   * Writes a thought and the signature it is sealed with.
   * @returns whether its seal could be used: it is of this protocol and, where that is known, of this issuer
   */
  thought(part: ReasoningPart, issuer: string): boolean {
    const { seal } = part;
    const fits = seal !== undefined && sealFits(seal, protocolId, issuer);
    const words = wordsOf(part);
    const { signature, place } = fits ? openSeal(seal) : { signature: undefined, place: undefined };
    if (words !== '' || place === 'self') {
      const thought: JsonObject = { text: words, thought: true };
      this.parts.push(place === 'self' ? { ...thought, thoughtSignature: signature } : thought);
    }
    if (signature === undefined) return seal === undefined;
    if (place === 'call') this.#calls.push(signature);
    else if (place === 'next') {
      this.#alone(this.#next);
      this.#next = signature;
    } else if (place === 'text') this.#onText(signature);
    else if (place === 'alone') this.#alone(signature);
    return true;
  }

  /** A signature whose part did not come stands on an empty text. */
  flush(): void {
    for (const signature of [this.#next, this.#text, ...this.#calls]) this.#alone(signature);
    this.#next = undefined;
    this.#text = undefined;
    this.#calls.length = 0;
  }

  #alone(signature: string | undefined): void {
    if (signature !== undefined) this.parts.push({ text: '', thoughtSignature: signature });
  }

  #onText(signature: string): void {
    const last = this.parts.at(-1);
    const isText =
      typeof last?.text === 'string' && last.thought !== true && last.thoughtSignature === undefined;
    if (isText) last.thoughtSignature = signature;
    else {
      this.#alone(this.#text);
      this.#text = signature;
    }
  }
}

/** The arguments of a call in the history, which are an object on the wire; what is not stands under `input`. */
export function callArgs({ input, inputAs }: ToolCallPart): { args: JsonObject; isWhole: boolean } {
  if (inputAs === 'text') return { args: { input }, isWhole: true };
  if (input.trim() === '') return { args: {}, isWhole: true };
  let value: Json;
  try {
    value = JSON.parse(input) as Json;
  } catch {
    value = input;
  }
  return isObject(value) ? { args: value, isWhole: true } : { args: { input: value }, isWhole: false };
}
