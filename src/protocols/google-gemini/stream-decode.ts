import type { TurnEvent } from '../../turn/event.ts';
import type { Failure } from '../../turn/failure.ts';
import { asArray, asString, isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type { DecodeSource, StreamDecoder } from '../protocol.ts';
import type { SseFrame } from '../sse.ts';
import { CandidateReader } from './candidate-reader.ts';
import { cutFailure, unreadableFailure } from '../broken-reply.ts';
import { errorFailure } from './failure.ts';
import { decodeLogprobs } from './logprobs.ts';
import { camel, camelObject, ownExtras } from './names.ts';
import type { CallIds } from './part-decode.ts';
import { blockedStop, decodeStop, isBlocked } from './stop.ts';
import { decodeUsage, isStated } from './usage.ts';

/** Reads the chunks of a `streamGenerateContent` stream, each a whole `GenerateContentResponse`. */
export function streamDecoder(source: DecodeSource): StreamDecoder {
  return new ResponseReader(source);
}

/** The events of a whole `GenerateContentResponse`. */
export function decodeResult(body: JsonObject, source: DecodeSource): TurnEvent[] {
  const out: TurnEvent[] = [];
  const reader = new ResponseReader(source);
  reader.chunk(body, out);
  reader.finish(out);
  return out;
}

const chunkKeys: ReadonlySet<string> = new Set([
  'candidates',
  'promptFeedback',
  'usageMetadata',
  'modelVersion',
  'responseId',
  'createTime',
  'error',
]);
const candidateKeys: ReadonlySet<string> = new Set([
  'index',
  'content',
  'finishReason',
  'logprobsResult',
  'groundingMetadata',
  'citationMetadata',
  'urlContextMetadata',
  'groundingAttributions',
]);

/** More candidates than the API gives. */
const candidateCountMax = 128;

interface Candidate {
  readonly reader: CandidateReader;
  finish: string | undefined;
  /** Members beside the content, as they were last told. */
  extras: JsonObject | undefined;
}

class ResponseReader implements StreamDecoder {
  done = false;
  readonly #source: DecodeSource;
  readonly #candidates: (Candidate | undefined)[] = [];
  #id = '';
  #isStarted = false;
  #usage: JsonObject | undefined;
  #feedback: JsonObject | undefined;
  #isBroken = false;

  constructor(source: DecodeSource) {
    this.#source = source;
  }

  decode(frame: SseFrame, out: TurnEvent[]): void {
    if (this.done) return;
    if (this.#isBroken) {
      this.#fail(unreadableFailure('the upstream sent a chunk that is not JSON'), out);
      return;
    }
    const text = frame.data;
    if (text === '' || text === '[DONE]') return;
    let data: Json;
    try {
      data = JSON.parse(text) as Json;
    } catch {
      // As the last frame this is a cut, which only the end of the body can tell.
      this.#isBroken = true;
      return;
    }
    if (isObject(data)) this.chunk(data, out);
    else for (const entry of asArray(data)) if (isObject(entry)) this.chunk(entry, out);
  }

  end(out: TurnEvent[]): void {
    if (this.done) return;
    // There is no last event: a reply is whole when each candidate has said why it ended.
    const isComplete =
      !this.#isBroken &&
      (this.#candidates.length > 0
        ? this.#candidates.every((candidate) => candidate === undefined || candidate.finish !== undefined)
        : isBlocked(this.#feedback));
    if (isComplete) this.finish(out);
    else this.#fail(cutFailure, out);
  }

  chunk(value: JsonObject, out: TurnEvent[]): void {
    if (this.done) return;
    const data = camel(value);
    if (isObject(data.error)) {
      this.#fail(errorFailure(data.error), out);
      return;
    }
    if (!this.#isStarted) this.#start(data, out);
    if (isObject(data.promptFeedback)) this.#feedback = { ...this.#feedback, ...camel(data.promptFeedback) };
    if (isObject(data.usageMetadata)) this.#usage = data.usageMetadata;
    const candidates = data.candidates;
    if (!Array.isArray(candidates)) return;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i];
      if (isObject(candidate)) this.#candidate(camel(candidate), i, out);
    }
  }

  /** Ends the reply: what each candidate still holds, the usage, and one stop for each. */
  finish(out: TurnEvent[]): void {
    if (this.done) return;
    if (!this.#isStarted) this.#start({}, out);
    const isRefused = isBlocked(this.#feedback);
    if (this.#candidates.length === 0 && !isRefused) this.#open(0);
    for (const candidate of this.#candidates) candidate?.reader.finish(out);
    this.#tellUsage(out);
    if (this.#candidates.length === 0) {
      const extras = ownExtras({ promptFeedback: this.#feedback! });
      out.push({ kind: 'stop', choice: 0, stop: blockedStop(this.#feedback!), extras });
    }
    this.#candidates.forEach((candidate, choice) => {
      if (candidate === undefined) return;
      const { finish, reader } = candidate;
      const extras: JsonObject = { ...candidate.extras, ...reader.beside };
      if (this.#feedback !== undefined && choice === 0) extras.promptFeedback = this.#feedback;
      const hasExtras = Object.keys(extras).length > 0;
      const stop =
        isRefused && finish === undefined ? blockedStop(this.#feedback!) : decodeStop(finish, reader.calls);
      out.push({ kind: 'stop', choice, stop, extras: hasExtras ? ownExtras(extras) : undefined });
    });
    this.done = true;
  }

  #start(data: JsonObject, out: TurnEvent[]): void {
    this.#isStarted = true;
    const id = asString(data.responseId) || undefined;
    const model = asString(data.modelVersion) || undefined;
    const created = Date.parse(asString(data.createTime) ?? '');
    this.#id = id ?? '';
    const extras = rest(data, chunkKeys);
    out.push({
      kind: 'start',
      ...(id !== undefined && { id }),
      ...(model !== undefined && { model }),
      ...(Number.isFinite(created) && { created: Math.floor(created / 1000) }),
      ...(extras !== undefined && { extras: ownExtras(extras) }),
    });
    const usage = camelObject(data.usageMetadata);
    const counts = usage && decodeUsage(usage);
    // The prompt's size is known from the beginning; some clients are told it there.
    if (counts && isStated(counts)) out.push({ kind: 'usage', usage: counts });
  }

  #candidate(candidate: JsonObject, position: number, out: TurnEvent[]): void {
    const given = candidate.index;
    const index =
      typeof given === 'number' && given >= 0 && given < candidateCountMax ? Math.floor(given) : position;
    const held = this.#candidates[index] ?? this.#open(index);
    const { reader } = held;
    reader.ground(candidate);
    const content = candidate.content;
    if (isObject(content)) {
      const parts = content.parts;
      if (Array.isArray(parts)) {
        for (let i = 0; i < parts.length; i++) {
          const part = parts[i];
          if (isObject(part)) reader.part(part, out);
        }
      } else if (isObject(parts)) reader.part(parts, out);
    }
    if (isObject(candidate.logprobsResult)) {
      const value = decodeLogprobs(camel(candidate.logprobsResult));
      if (value.length > 0) reader.logprobs({ field: 'logprobs', value }, out);
    }
    for (const key in candidate) {
      if (!candidateKeys.has(key)) held.extras = { ...held.extras, [key]: candidate[key] };
    }
    const finish = candidate.finishReason;
    if (typeof finish === 'string' && finish !== '' && finish !== 'FINISH_REASON_UNSPECIFIED')
      held.finish = finish;
  }

  #open(index: number): Candidate {
    while (this.#candidates.length < index) this.#candidates.push(undefined);
    const reader = new CandidateReader(index, replyIds(this.#id, index), this.#source);
    const candidate: Candidate = { reader, finish: undefined, extras: undefined };
    this.#candidates[index] = candidate;
    return candidate;
  }

  #fail(failure: Failure, out: TurnEvent[]): void {
    if (!this.#isStarted) this.#start({}, out);
    this.#tellUsage(out);
    out.push({ kind: 'error', failure });
    this.done = true;
  }

  #tellUsage(out: TurnEvent[]): void {
    if (this.#usage) out.push({ kind: 'usage', usage: decodeUsage(camel(this.#usage)) });
    this.#usage = undefined;
  }
}

/** Ids for the calls of a reply whose upstream gives none. */
function replyIds(replyId: string, choice: number): CallIds {
  const head = `call_${replyId || 'reply'}_${choice > 0 ? `${choice}_` : ''}`;
  let count = 0;
  let hosted = '';
  return {
    call: (given) => given ?? `${head}${count++}`,
    result: (given) => given ?? `${head}${count++}`,
    hosted(given, isResult) {
      if (given !== undefined) return given;
      if (!isResult || hosted === '') hosted = `${head}${count++}`;
      return hosted;
    },
  };
}
