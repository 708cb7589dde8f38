import type { TurnEvent } from '../../turn/event.ts';
import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Reply } from '../../turn/reply.ts';
import type { Usage } from '../../turn/usage.ts';
import type { StreamEncoder, SurfaceContext } from '../protocol.ts';
import { CandidateWriter } from './candidate-writer.ts';
import { failureFrames } from './failure.ts';
import { protocolId } from './names.ts';
import { ReplyNotes } from './notes.ts';
import { encodeUsage, isStated } from './usage.ts';

/**
 * Writes a `streamGenerateContent` stream. Each event is a whole response, and nothing else may stand between them:
 * Gemini CLI gives up on comments. Every chunk of a reply that has parts has one too, because the official SDK leaves
 * a reply out of its history when any chunk has none.
 */
export function streamEncoder(context: SurfaceContext): StreamEncoder {
  return new ResponseWriter(context);
}

/** Writes a whole `GenerateContentResponse`. */
export function encodeResult(reply: Reply, context: SurfaceContext): { body: JsonObject; notes: Note[] } {
  const notes = new ReplyNotes();
  noteTier(reply.tier, notes);
  const body: JsonObject = {};
  const candidates: JsonObject[] = [];
  reply.choices.forEach((choice, index) => {
    const parts: string[] = [];
    const writer = new CandidateWriter((part) => parts.push(part), notes, context.unsealed);
    choice.parts.forEach((part, i) => {
      writer.start(i, part);
      writer.end(i, part);
    });
    const stop = choice.stop ?? { reason: 'end' };
    const beside = writer.stop(stop, choice.extras);
    const feedback = choice.extras?.[protocolId]?.promptFeedback;
    if (feedback !== undefined) body.promptFeedback = feedback;
    if (feedback !== undefined && parts.length === 0 && isVerdict(feedback as JsonObject, stop.raw)) return;
    const content: JsonObject = { parts: JSON.parse(`[${parts.join()}]`) as JsonObject[], role: 'model' };
    candidates.push({ ...(parts.length > 0 && { content }), ...beside, index });
  });
  if (candidates.length > 0) body.candidates = candidates;
  if (isStated(reply.usage)) body.usageMetadata = encodeUsage(reply.usage);
  body.modelVersion = reply.model ?? context.model;
  body.responseId = reply.id || context.requestId;
  return { body: Object.assign(body, reply.extras?.[protocolId]), notes: notes.list };
}

/** The prompt itself was refused, so there is no candidate. */
const isVerdict = (feedback: JsonObject, raw: string | undefined): boolean =>
  feedback.blockReason !== undefined && feedback.blockReason === raw;

const usualTiers: ReadonlySet<string> = new Set(['auto', 'default', 'standard', 'standard_only']);

function noteTier(tier: string | undefined, notes: ReplyNotes): void {
  if (tier === undefined || usualTiers.has(tier)) return;
  notes.add('service_tier', 'dropped', `a reply does not tell its service tier, which was ${tier}`);
}

class ResponseWriter implements StreamEncoder {
  readonly #context: SurfaceContext;
  readonly #notes = new ReplyNotes();
  readonly #candidates: (CandidateWriter | undefined)[] = [];
  /** Ends each chunk: one id and model for all of them. */
  #tail = '';
  /** Members beside the candidates, for the first chunk. */
  #beside: JsonObject | undefined;
  #usage: Usage = {};
  #out = '';

  constructor(context: SurfaceContext) {
    this.#context = context;
  }

  get notes(): readonly Note[] {
    return this.#notes.list;
  }

  encode(event: TurnEvent): string {
    this.#out = '';
    switch (event.kind) {
      case 'part_delta':
        this.#candidates[event.choice]?.delta(event.index, event.delta);
        break;
      case 'part_start':
        this.#candidate(event.choice).start(event.index, event.part);
        break;
      case 'part_end':
        this.#candidate(event.choice).end(event.index, event.part);
        break;
      case 'start':
        this.#start(event);
        break;
      case 'usage':
        this.#usage = { ...this.#usage, ...event.usage };
        break;
      case 'stop':
        this.#stop(event);
        break;
      case 'error':
        return failureFrames(event.failure);
      case 'keepalive':
      case 'native':
      case 'status':
        break;
    }
    return this.#out;
  }

  end(): string {
    return '';
  }

  #start(event: Extract<TurnEvent, { kind: 'start' }>): void {
    if (this.#tail !== '') return;
    const model = JSON.stringify(event.model ?? this.#context.model);
    const id = JSON.stringify(event.id || this.#context.requestId);
    this.#tail = `"modelVersion":${model},"responseId":${id}}\n\n`;
    this.#beside = event.extras?.[protocolId];
    noteTier(event.tier, this.#notes);
  }

  #candidate(index: number): CandidateWriter {
    const known = this.#candidates[index];
    if (known !== undefined) return known;
    if (this.#tail === '') this.#start({ kind: 'start' });
    const tail = `]},"index":${index}}],`;
    const write = (part: string): void =>
      this.#chunk(`"candidates":[{"content":{"role":"model","parts":[${part}${tail}`);
    const writer = new CandidateWriter(write, this.#notes, this.#context.unsealed);
    this.#candidates[index] = writer;
    return writer;
  }

  /** @param members the chunk's own members, with a comma behind each */
  #chunk(members: string): void {
    let beside = '';
    if (this.#beside !== undefined) beside = `${JSON.stringify(this.#beside).slice(1, -1)},`;
    this.#beside = undefined;
    this.#out += `data: {${members}${beside}${this.#tail}`;
  }

  #stop({ choice, stop, extras }: Extract<TurnEvent, { kind: 'stop' }>): void {
    const writer = this.#candidate(choice);
    const beside = writer.stop(stop, extras);
    const feedback = extras?.[protocolId]?.promptFeedback as JsonObject | undefined;
    const members: JsonObject = {};
    if (feedback !== undefined) members.promptFeedback = feedback;
    if (!writer.isEmpty || !feedback || !isVerdict(feedback, stop.raw)) {
      const content: JsonObject = { role: 'model', parts: [{ text: '' }] };
      members.candidates = [{ ...(!writer.isEmpty && { content }), ...beside, index: choice }];
    }
    if (isStated(this.#usage)) members.usageMetadata = encodeUsage(this.#usage);
    this.#chunk(`${JSON.stringify(members).slice(1, -1)},`);
  }
}
