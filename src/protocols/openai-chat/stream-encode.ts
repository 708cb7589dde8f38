import type { TurnEvent } from '../../turn/event.ts';
import { isObject } from '../../turn/json.ts';
import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Usage } from '../../turn/usage.ts';
import type { StreamEncoder, SurfaceContext } from '../protocol.ts';
import { ChoiceWriter, members } from './choice-encode.ts';
import type { ChunkFrame } from './choice-encode.ts';
import { failureFrames } from './failure.ts';
import { own } from './fields.ts';
import { Losses } from './notes.ts';
import { isLegacy, replyId, replyTier } from './reply-encode.ts';
import { encodeUsage, isStated } from './usage.ts';

/** Writes one stream of `chat.completion.chunk` frames. */
export function streamEncoder(context: SurfaceContext): StreamEncoder {
  return new ChunkWriter(context);
}

class ChunkWriter implements StreamEncoder, ChunkFrame {
  readonly losses = new Losses();
  readonly legacy: boolean;
  replyId = '';
  readonly #context: SurfaceContext;
  readonly #choices: (ChoiceWriter | undefined)[] = [];
  /** Opens each chunk: one id, date and model for all of them. */
  #head = '';
  /** Closes each chunk; those before the last say that the counts come later, if they were asked for. */
  readonly #tail: string;
  /** Members beside the choices, for the next chunk. */
  #beside: JsonObject | undefined;
  #usage: Usage = {};
  #stopped = false;
  #failed = false;

  constructor(context: SurfaceContext) {
    this.#context = context;
    this.legacy = isLegacy(context.body);
    this.#tail = context.includeUsage ? ',"usage":null}\n\n' : '}\n\n';
  }

  get notes(): readonly Note[] {
    return this.losses.notes;
  }

  encode(event: TurnEvent): string {
    switch (event.kind) {
      case 'part_delta':
        return this.#choices[event.choice]?.delta(event.index, event.delta) ?? '';
      case 'part_start':
        return this.#begin(event.choice) + this.#choices[event.choice]!.start(event.index, event.part);
      case 'part_end':
        return this.#begin(event.choice) + this.#choices[event.choice]!.end(event.index, event.part);
      case 'start':
        return this.#start(event);
      case 'usage':
        this.#usage = { ...this.#usage, ...event.usage };
        return '';
      case 'stop':
        this.#stopped = true;
        return this.#begin(event.choice) + this.#choices[event.choice]!.stop(event.stop, event.extras);
      case 'error':
        this.#failed = true;
        return failureFrames(event.failure);
      case 'keepalive':
        return ': keep-alive\n\n';
      case 'native':
        return event.protocol === own ? this.#native(event.type, event.value) : '';
      case 'status':
        return '';
    }
  }

  end(): string {
    if (this.#failed || !this.#stopped) return '';
    let text = '';
    if (this.#context.includeUsage && isStated(this.#usage)) {
      const usage = JSON.stringify(encodeUsage(this.#usage));
      text = `data: ${this.#head},"choices":[],"usage":${usage}${this.#takeBeside()}}\n\n`;
    }
    return text + 'data: [DONE]\n\n';
  }

  /** One chunk from its beginning up to the end of `choices`. */
  chunk(text: string): string {
    return this.#beside === undefined ? text + this.#tail : text + this.#takeBeside() + this.#tail;
  }

  #start(event: Extract<TurnEvent, { kind: 'start' }>): string {
    if (this.#head !== '') return '';
    const context = this.#context;
    this.replyId = replyId(event.id, context);
    const tier = replyTier(event.tier, this.losses);
    this.#head =
      `{"id":${JSON.stringify(this.replyId)},"object":"chat.completion.chunk"` +
      `,"created":${event.created ?? context.createdSeconds},"model":${JSON.stringify(event.model ?? context.model)}` +
      (tier === undefined ? '' : `,"service_tier":"${tier}"`);
    this.losses.foreign(event.extras);
    if (event.extras?.[own]) this.#addBeside(event.extras[own]);
    return this.#begin(0);
  }

  /** A choice's first chunk says its role. */
  #begin(index: number): string {
    if (this.#choices[index]) return '';
    if (this.#head === '') {
      const text = this.#start({ kind: 'start' });
      if (index === 0) return text;
      return text + this.#begin(index);
    }
    const choice = new ChoiceWriter(`data: ${this.#head},"choices":[{"index":${index},"delta":{`, this);
    this.#choices[index] = choice;
    return choice.chunk('"role":"assistant"');
  }

  #native(type: string, value: JsonObject): string {
    if (type === 'chunk') this.#addBeside(value);
    else if (type === 'delta' && isObject(value.delta)) {
      const index = typeof value.choice === 'number' ? value.choice : 0;
      return this.#begin(index) + this.#choices[index]!.chunk(members(value.delta));
    }
    return '';
  }

  #addBeside(more: JsonObject): void {
    this.#beside = { ...this.#beside, ...more };
  }

  #takeBeside(): string {
    const text = this.#beside === undefined ? '' : ',' + members(this.#beside);
    this.#beside = undefined;
    return text;
  }
}
