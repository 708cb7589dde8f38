import type { Delta, Stop } from '../../turn/event.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import { applyDelta } from '../../turn/reply.ts';
import type { Extras, Part, ReasoningPart, ToolCallPart } from '../../turn/part.ts';
import { own } from './fields.ts';
import type { Losses } from './notes.ts';
import { encodeSeals } from './reasoning.ts';
import { dropPart, encodeAnnotations, encodeReplyImage } from './reply-encode.ts';
import type { Cited } from './reply-encode.ts';
import { encodeStop } from './stop.ts';

/** The stream that a choice is written in. */
export interface ChunkFrame {
  readonly losses: Losses;
  readonly replyId: string;
  /** The client knows `function_call` and not `tool_calls`. */
  readonly legacy: boolean;
  /** Completes a chunk that is written up to the end of `choices`. */
  chunk(text: string): string;
}

/** A part that is going out. */
interface PartWriter {
  readonly as:
    'text' | 'refusal' | 'reasoning' | 'function' | 'custom' | 'legacy' | 'audio' | 'image' | 'skip';
  /** What came so far, for the kinds of which the end needs more than the deltas. */
  readonly part: Part;
  /** The call's place among the choice's calls. */
  readonly call: number;
  /** Where a text begins in the message's whole text. */
  readonly from: number;
  /** Characters sent: of text, input or data. */
  sent: number;
  /** What reasoning goes out as, once it is decided; a part has either. */
  told: 'none' | 'text' | 'summary';
  /** The summary section that was last written to. */
  section: number;
}

/** Writes the deltas of one choice. Each method returns whole chunks, often none. */
export class ChoiceWriter {
  readonly #prefix: string;
  readonly #frame: ChunkFrame;
  readonly #parts: (PartWriter | undefined)[] = [];
  readonly #annotations: Json[] = [];
  #calls = 0;
  /** Length of the whole text so far, in UTF-16 code units. */
  #length = 0;
  #refused = false;

  /** `prefix` is a chunk up to the inside of this choice's delta. */
  constructor(prefix: string, frame: ChunkFrame) {
    this.#prefix = prefix;
    this.#frame = frame;
  }

  chunk(delta: string): string {
    return this.#frame.chunk(`${this.#prefix}${delta}},"finish_reason":null}]`);
  }

  start(index: number, part: Part): string {
    this.#frame.losses.foreign(part.extras);
    const as = this.#form(part);
    const writer: PartWriter = {
      as,
      part: as === 'skip' ? part : emptied(part),
      call: this.#calls,
      from: this.#length,
      sent: 0,
      told: 'none',
      section: 0,
    };
    this.#parts[index] = writer;
    let text = '';
    if (part.kind === 'tool_call' && as !== 'skip') {
      this.#calls += 1;
      text = this.#startCall(writer, part, index);
    } else if (part.kind === 'media' && as === 'audio') {
      const id = part.id ?? `audio_${this.#frame.replyId}_${index}`;
      text = this.chunk(`"audio":{"id":${JSON.stringify(id)}}`);
    } else if (part.kind === 'native' && part.protocol === own) {
      if (part.type === 'annotation') this.#annotations.push(part.value);
      else text = this.chunk(`"content":[${JSON.stringify(part.value)}]`);
    }
    return text + this.#catchUp(writer, part);
  }

  delta(index: number, delta: Delta): string {
    const writer = this.#parts[index];
    if (!writer) return '';
    switch (delta.field) {
      case 'text':
        return this.#text(writer, delta.value);
      case 'input':
        return this.#input(writer, delta.value);
      case 'summary':
        return writer.as === 'reasoning'
          ? this.#reasoning(writer, 'summary', delta.section, delta.value)
          : '';
      case 'logprobs':
        return this.#logprobs(writer, delta.value);
      case 'data':
        if (writer.as === 'audio') return this.#audioData(writer, delta.value);
        applyDelta(writer.part, delta);
        return '';
      case 'citation':
      case 'seal':
        applyDelta(writer.part, delta);
        return '';
    }
  }

  end(index: number, part: Part | undefined): string {
    let text = '';
    if (part && !this.#parts[index]) text = this.start(index, part);
    const writer = this.#parts[index];
    if (!writer) return text;
    if (part) text += this.#catchUp(writer, part);
    const { as, part: known } = writer;
    if ((as === 'function' || as === 'legacy') && writer.sent === 0) text += this.#input(writer, '{}');
    else if (as === 'image' && known.kind === 'media') {
      const image = encodeReplyImage(known, this.#frame.losses);
      if (image) text += this.chunk(`"images":[${JSON.stringify(image)}]`);
    } else if (known.kind === 'reasoning' && known.seal?.protocol === own) text += this.#seals([known]);
    else if (as === 'audio') {
      const expires = part?.extras?.[own]?.expires_at;
      if (expires !== undefined) text += this.chunk(`"audio":{"expires_at":${JSON.stringify(expires)}}`);
    }
    return text;
  }

  stop(stop: Stop, extras: Extras | undefined): string {
    const { losses, legacy } = this.#frame;
    const { word, why } = encodeStop(stop, this.#refused, legacy);
    if (why !== undefined) losses.add('finish_reason', 'dropped', why);
    losses.foreign(extras);
    // Of the members beside the delta; those of the message went out when they came.
    const { message: _message, ...beside } = extras?.[own] ?? {};
    const more = Object.keys(beside).length > 0 ? ',' + members(beside) : '';
    return this.#closing() + this.#frame.chunk(`${this.#prefix}},"finish_reason":"${word}"${more}}]`);
  }

  #form(part: Part): PartWriter['as'] {
    const { losses, legacy } = this.#frame;
    switch (part.kind) {
      case 'text':
      case 'refusal':
      case 'reasoning':
        return part.kind;
      case 'tool_call':
        if (part.by === 'server') break;
        if (!legacy) return part.inputAs === 'text' ? 'custom' : 'function';
        if (this.#calls === 0) return 'legacy';
        losses.add('tool_calls', 'dropped', 'the legacy form has one function call', 'degrade');
        return 'skip';
      case 'media':
        return part.as === 'audio' && part.source.by === 'bytes' ? 'audio' : 'image';
      case 'native':
        if (part.protocol === own) return 'skip';
        break;
    }
    dropPart(part, losses);
    return 'skip';
  }

  #startCall(writer: PartWriter, part: ToolCallPart, index: number): string {
    const name = JSON.stringify(part.name);
    if (writer.as === 'legacy') return this.chunk(`"function_call":{"name":${name},"arguments":""}`);
    const id = JSON.stringify(part.callId || `call_${this.#frame.replyId}_${index}`);
    const body =
      writer.as === 'custom'
        ? `"custom":{"name":${name},"input":""}`
        : `"function":{"name":${name},"arguments":""}`;
    const more = part.extras?.[own] ? ',' + members(part.extras[own]) : '';
    return this.chunk(
      `"tool_calls":[{"index":${writer.call},"id":${id},"type":"${writer.as}",${body}${more}}]`,
    );
  }

  #text(writer: PartWriter, value: string): string {
    switch (writer.as) {
      case 'text':
        writer.sent += value.length;
        this.#length += value.length;
        return this.chunk(`"content":${JSON.stringify(value)}`);
      case 'reasoning':
        return value === '' ? '' : this.#reasoning(writer, 'text', 0, value);
      case 'refusal':
        this.#refused = true;
        writer.sent += value.length;
        return this.chunk(`"refusal":${JSON.stringify(value)}`);
      case 'audio':
        return this.chunk(`"audio":{"transcript":${JSON.stringify(value)}}`);
      default:
        return '';
    }
  }

  #input(writer: PartWriter, value: string): string {
    writer.sent += value.length;
    const piece = JSON.stringify(value);
    switch (writer.as) {
      case 'function':
        return this.chunk(`"tool_calls":[{"index":${writer.call},"function":{"arguments":${piece}}}]`);
      case 'custom':
        return this.chunk(`"tool_calls":[{"index":${writer.call},"custom":{"input":${piece}}}]`);
      case 'legacy':
        return this.chunk(`"function_call":{"arguments":${piece}}`);
      default:
        return '';
    }
  }

  #reasoning(writer: PartWriter, field: 'text' | 'summary', section: number, value: string): string {
    applyDelta(writer.part, field === 'text' ? { field, value } : { field, section, value });
    if (writer.told === 'none') writer.told = field;
    else if (writer.told !== field) {
      this.#frame.losses.add('reasoning', 'dropped', 'chat shows a reasoning text or its summary, not both');
      return '';
    }
    if (section <= writer.section) return this.chunk(`"reasoning_content":${JSON.stringify(value)}`);
    writer.section = section;
    return this.chunk(`"reasoning_content":${JSON.stringify(`\n\n${value}`)}`);
  }

  #logprobs(writer: PartWriter, value: Json[]): string {
    if (writer.as !== 'text' && writer.as !== 'refusal') return '';
    const list = JSON.stringify(value);
    const body =
      writer.as === 'text' ? `"content":${list},"refusal":null` : `"content":null,"refusal":${list}`;
    return this.#frame.chunk(`${this.#prefix}},"logprobs":{${body}},"finish_reason":null}]`);
  }

  #audioData(writer: PartWriter, value: string): string {
    writer.sent += value.length;
    return this.chunk(`"audio":{"data":${JSON.stringify(value)}}`);
  }

  /** Sends what a part holds beyond the deltas so far: a part may start filled, or be whole only at its end. */
  #catchUp(writer: PartWriter, part: Part): string {
    const { as, part: known, sent } = writer;
    switch (part.kind) {
      case 'text':
      case 'refusal': {
        if (part.kind === 'text' && known.kind === 'text') {
          if ((part.citations?.length ?? 0) > (known.citations?.length ?? 0))
            known.citations = part.citations;
        }
        return as === part.kind && part.text.length > sent ? this.#text(writer, part.text.slice(sent)) : '';
      }
      case 'tool_call':
        return part.input.length > sent ? this.#input(writer, part.input.slice(sent)) : '';
      case 'reasoning':
        return known.kind === 'reasoning' ? this.#catchUpReasoning(writer, known, part) : '';
      case 'media': {
        if (known.kind !== 'media' || part.source.by !== 'bytes' || as !== 'audio') {
          if (known.kind === 'media') known.source = part.source;
          return '';
        }
        if (sent > 0 || part.source.data === '') return '';
        const said = part.transcript === undefined ? '' : this.#text(writer, part.transcript);
        return said + this.#audioData(writer, part.source.data);
      }
      default:
        return '';
    }
  }

  #catchUpReasoning(writer: PartWriter, known: ReasoningPart, part: ReasoningPart): string {
    let text = '';
    const sent = known.text?.length ?? 0;
    if (part.text !== undefined && part.text.length > sent) {
      text += this.#reasoning(writer, 'text', 0, part.text.slice(sent));
    }
    part.summary?.forEach((section, i) => {
      const had = known.summary?.[i]?.length ?? 0;
      if (section.length > had) text += this.#reasoning(writer, 'summary', i, section.slice(had));
    });
    if (part.seal) known.seal = part.seal;
    if (part.id !== undefined) known.id = part.id;
    return text;
  }

  /**
   * Citations and the seals of other protocols go out whole in one delta before the end: the official SDK keeps
   * only the last value of members that it does not know. This protocol's own seals went out with their part,
   * as their maker sends them.
   */
  #closing(): string {
    const cited: Cited[] = [];
    const reasoning: ReasoningPart[] = [];
    for (const writer of this.#parts) {
      if (!writer) continue;
      const { part } = writer;
      if (part.kind === 'reasoning' && part.seal?.protocol !== own) reasoning.push(part);
      else if (part.kind === 'text' && part.citations) {
        cited.push({ citations: part.citations, from: writer.from, to: writer.from + writer.sent });
      }
    }
    const annotations = [...encodeAnnotations(cited, this.#frame.losses), ...this.#annotations];
    const text = annotations.length > 0 ? this.chunk(members({ annotations })) : '';
    return text + this.#seals(reasoning);
  }

  #seals(parts: readonly ReasoningPart[]): string {
    const { details, opaque } = encodeSeals(parts);
    if (!details && opaque === undefined) return '';
    const delta: JsonObject = {};
    if (details) delta.reasoning_details = details;
    if (opaque !== undefined) delta.reasoning_opaque = opaque;
    return this.chunk(members(delta));
  }
}

/** The inside of an object's JSON. */
export const members = (object: JsonObject): string => JSON.stringify(object).slice(1, -1);

/** A copy to collect deltas in: what the part already holds is sent, and so counted, by `#catchUp`. */
function emptied(part: Part): Part {
  switch (part.kind) {
    case 'text':
      return { kind: 'text', text: '' };
    case 'reasoning':
      return { kind: 'reasoning', id: part.id, hidden: part.hidden };
    case 'media':
      return { ...part };
    default:
      return part;
  }
}
