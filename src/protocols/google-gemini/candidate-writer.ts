import type { Delta, Stop } from '../../turn/event.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { Citation, Extras, Part, ReasoningPart, Seal } from '../../turn/part.ts';
import { applyDelta } from '../../turn/reply.ts';
import { encodeGrounding, type CitedText } from './citation-encode.ts';
import { encodeLogprobs } from './logprobs.ts';
import { HostedTrace } from './hosted-trace.ts';
import { protocolId } from './names.ts';
import type { ReplyNotes } from './notes.ts';
import { replyPart } from './part-writer.ts';
import { openSeal, packReasoning } from './signature.ts';
import { encodeStop } from './stop.ts';

/** A part that is going out. */
interface OpenPart {
  readonly as: 'text' | 'reasoning' | 'whole';
  /** What came so far. */
  readonly part: Part;
  /** Characters of text that were sent. */
  sent: number;
  /** What reasoning goes out as, once it is decided. */
  told: 'none' | 'text' | 'summary';
  /** The summary section that was last written to. */
  section: number;
  /** Its place among the parts that were written. */
  place: number;
}

/**
 * Writes one candidate, part by part. Text and thoughts go out as they come, all else when it is whole. A signature
 * goes onto the part that it belongs to; the sealed reasoning of another protocol onto the first part that is not a
 * thought, because clients that keep no thoughts keep that one.
 */
export class CandidateWriter {
  readonly #write: (part: string) => void;
  readonly #notes: ReplyNotes;
  readonly #parts: (OpenPart | undefined)[] = [];
  /** Signatures for the next call, and for the next part of another kind. */
  #callSignature: string | undefined;
  #nextSignature: string | undefined;
  /** Sealed reasoning of other protocols that waits for the next part. */
  #packed: ReasoningPart[] = [];
  #unsealed: Seal | undefined;
  readonly #hosted: HostedTrace;
  readonly #cited: CitedText[] = [];
  readonly #logprobs: Json[] = [];
  #count = 0;
  #last: OpenPart | undefined;
  #isRefused = false;

  /**
   * @param write takes the JSON of each part
   * @param unsealed for the first call, where its maker signs nothing: newer models refuse one without a signature
   */
  constructor(write: (part: string) => void, notes: ReplyNotes, unsealed?: Seal) {
    this.#write = write;
    this.#notes = notes;
    this.#unsealed = unsealed;
    this.#hosted = new HostedTrace(notes);
  }

  /** No part was written. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  start(index: number, part: Part): void {
    const as =
      part.kind === 'text' || part.kind === 'refusal'
        ? 'text'
        : part.kind === 'reasoning'
          ? part.kind
          : 'whole';
    const open: OpenPart = { as, part: copied(part), sent: 0, told: 'none', section: 0, place: 0 };
    this.#parts[index] = open;
    if (part.kind === 'refusal') this.#isRefused = true;
    if (as !== 'whole') this.#catchUp(open, part);
  }

  delta(index: number, delta: Delta): void {
    const open = this.#parts[index];
    if (open === undefined) return;
    if (open.as === 'text' && delta.field === 'text') this.#say(open, delta.value);
    else if (open.as === 'reasoning' && delta.field === 'text') this.#think(open, 'text', 0, delta.value);
    else if (open.as === 'reasoning' && delta.field === 'summary') {
      this.#think(open, 'summary', delta.section, delta.value);
    } else if (delta.field === 'logprobs') this.#logprobs.push(...delta.value);
    else applyDelta(open.part, delta);
  }

  end(index: number, part: Part | undefined): void {
    if (this.#parts[index] === undefined && part !== undefined) this.start(index, part);
    const open = this.#parts[index];
    if (open === undefined) return;
    this.#parts[index] = undefined;
    if (part !== undefined && open.as !== 'whole') this.#catchUp(open, part);
    if (open.as === 'whole') this.#whole(part ?? open.part);
    else if (open.part.kind === 'reasoning') this.#endThought(open.part);
    else if (open.part.kind === 'text' && open.part.citations !== undefined) {
      const { text, citations } = open.part;
      this.#cited.push({ text, citations, partIndex: open.place });
    }
  }

  /** Ends all parts; returns the members of the candidate that stand beside its content. */
  stop(stop: Stop, extras: Extras | undefined): JsonObject {
    this.#parts.forEach((open, index) => open && this.end(index, undefined));
    this.#flush();
    const { word, why } = encodeStop(stop, this.#isRefused);
    if (why !== undefined) this.#notes.add('finishReason', 'dropped', why);
    const { promptFeedback: _, ...own } = extras?.[protocolId] ?? {};
    const candidate: JsonObject = { finishReason: word };
    if (this.#logprobs.length > 0) candidate.logprobsResult = encodeLogprobs(this.#logprobs);
    const grounding = this.#grounding(own);
    if (grounding !== undefined) candidate.groundingMetadata = grounding;
    const pages = this.#hosted.pages();
    if (pages !== undefined) candidate.urlContextMetadata = pages;
    return Object.assign(candidate, own);
  }

  /** Citations that did not come as this protocol's own metadata, which goes out as it was. */
  #grounding(own: JsonObject): JsonObject | undefined {
    if (own.groundingMetadata !== undefined) return undefined;
    const isForeign = ({ wire }: Citation): boolean => wire.protocol !== protocolId;
    const cited = this.#cited.map((entry) => ({ ...entry, citations: entry.citations.filter(isForeign) }));
    const { queries } = this.#hosted;
    const grounding = encodeGrounding(cited);
    return queries.length === 0 ? grounding : { webSearchQueries: [...queries], ...grounding };
  }

  #say(open: OpenPart, value: string): void {
    if (value === '') return;
    const { part } = open;
    if (part.kind === 'text' || part.kind === 'refusal') part.text += value;
    open.sent += value.length;
    if (open !== this.#last) open.place = this.#begin(open);
    const signature = this.#takeSignature(false);
    const tail = signature === undefined ? '}' : `,"thoughtSignature":${JSON.stringify(signature)}}`;
    this.#write(`{"text":${JSON.stringify(value)}${tail}`);
  }

  #think(open: OpenPart, field: 'text' | 'summary', section: number, value: string): void {
    applyDelta(open.part, field === 'text' ? { field, value } : { field, section, value });
    if (value === '') return;
    if (open.told === 'none') open.told = field;
    else if (open.told !== field) {
      this.#notes.add('reasoning', 'dropped', 'a thought is shown as its text or its summary, not both');
      return;
    }
    const text = section > open.section ? `\n\n${value}` : value;
    open.section = Math.max(section, open.section);
    if (open !== this.#last) open.place = this.#begin(open);
    this.#write(`{"text":${JSON.stringify(text)},"thought":true}`);
  }

  /** Sends what a part holds beyond the deltas so far: it may start filled, or be whole only at its end. */
  #catchUp(open: OpenPart, part: Part): void {
    const known = open.part;
    if (part.kind === 'text' || part.kind === 'refusal') {
      this.#say(open, part.text.slice(open.sent));
      if (part.kind === 'text' && known.kind === 'text') {
        if ((part.citations?.length ?? 0) > (known.citations?.length ?? 0)) known.citations = part.citations;
        if (part.logprobs !== undefined && part !== known && this.#logprobs.length === 0) {
          this.#logprobs.push(...part.logprobs);
        }
      }
      return;
    }
    if (part.kind !== 'reasoning' || known.kind !== 'reasoning') return;
    const had = known.text?.length ?? 0;
    if (part.text !== undefined && part.text.length > had) this.#think(open, 'text', 0, part.text.slice(had));
    part.summary?.forEach((section, i) => {
      const length = known.summary?.[i]?.length ?? 0;
      if (section.length > length) this.#think(open, 'summary', i, section.slice(length));
    });
    if (part.seal !== undefined) known.seal = part.seal;
    if (part.id !== undefined) known.id = part.id;
  }

  #endThought(part: ReasoningPart): void {
    const { seal } = part;
    if (seal === undefined) return;
    if (seal.protocol !== protocolId) {
      this.#packed.push(part);
      return;
    }
    const { signature, place } = openSeal(seal);
    if (place === 'call' || place === 'next') {
      this.#flush();
      if (place === 'call') this.#callSignature = signature;
      else this.#nextSignature = signature;
      return;
    }
    this.#begin(undefined);
    const thought = place === 'self' ? ',"thought":true' : '';
    this.#write(`{"text":""${thought},"thoughtSignature":${JSON.stringify(signature)}}`);
  }

  #whole(part: Part): void {
    const written = replyPart(part, this.#hosted, this.#notes);
    if (written === undefined) return;
    this.#begin(undefined);
    const signature = this.#takeSignature(written.functionCall !== undefined);
    this.#write(
      JSON.stringify(signature === undefined ? written : { ...written, thoughtSignature: signature }),
    );
  }

  /** A new part begins on the wire; returns its place. */
  #begin(open: OpenPart | undefined): number {
    this.#last = open;
    return this.#count++;
  }

  /** The signature that the next part carries. */
  #takeSignature(isCall: boolean): string | undefined {
    if (this.#packed.length > 0) {
      if (isCall) this.#unsealed = undefined;
      return packReasoning(this.#takePacked());
    }
    const signature = isCall ? this.#callSignature : this.#nextSignature;
    if (isCall) this.#callSignature = undefined;
    else this.#nextSignature = undefined;
    return signature ?? (isCall ? this.#unsealedCall() : undefined);
  }

  /** Says of the first call that it has no signature of this protocol. */
  #unsealedCall(): string | undefined {
    const seal = this.#unsealed;
    this.#unsealed = undefined;
    return seal && packReasoning([{ kind: 'reasoning', seal }]);
  }

  #takePacked(): ReasoningPart[] {
    const packed = this.#packed;
    this.#packed = [];
    return packed;
  }

  /** What waits for a part that does not come goes onto an empty text. */
  #flush(): void {
    if (this.#packed.length > 0) this.#alone(packReasoning(this.#takePacked()));
    for (const signature of [this.#nextSignature, this.#callSignature]) {
      if (signature !== undefined) this.#alone(signature);
    }
    this.#nextSignature = undefined;
    this.#callSignature = undefined;
  }

  #alone(signature: string): void {
    this.#last = undefined;
    this.#count++;
    this.#write(`{"text":"","thoughtSignature":${JSON.stringify(signature)}}`);
  }
}

/** A copy to collect deltas in: what the part already holds is sent, and so counted, when it is caught up with. */
function copied(part: Part): Part {
  switch (part.kind) {
    case 'text':
      return { kind: 'text', text: '' };
    case 'refusal':
      return { kind: 'refusal', text: '' };
    case 'reasoning':
      return { kind: 'reasoning', id: part.id, hidden: part.hidden };
    default:
      return { ...part };
  }
}
