import { requestText } from '../tokens/request-text.ts';
import { sampleOf } from '../tokens/sample.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import type { Recorder, TurnRecord } from '../telemetry/record.ts';
import type { TurnRequest } from '../turn/request.ts';
import { inputTokens } from '../turn/usage.ts';

/** A number of tokens that nobody counted, and what it rests on. */
export interface Estimate {
  readonly tokens: number;
  /** What the model's upstream counts for one token of the tokenizer; 1 while nothing is known. */
  readonly ratio: number;
  /** How many turns the ratio was learnt from. */
  readonly samples: number;
}

/** Estimates the tokens of requests, and learns from turns how far each model is from the tokenizer. */
export interface TokenEstimator extends Recorder {
  estimate(provider: string, model: string, request: TurnRequest): Promise<Estimate>;
  /**
   * Offers the request of a turn to learn from. `read` is called later if at all, and holds the request as long;
   * what the turn has cost comes with its record.
   */
  offer(record: TurnRecord, read: () => TurnRequest): void;
  stop(): void;
}

/** One request of a model is taken in this time, so that learning costs next to nothing. */
const sampleEveryMs = 60_000;
const sampleBytesMax = 256 * 1024;
/** A shorter body cannot hold as many tokens as a sample must have. */
const sampleBytesMin = 2 * 1024;
/** In a shorter request the hundreds of tokens that a provider adds for tools weigh more than its vocabulary. */
const sampleTokensMin = 1_000;
/** A turn beyond these has tokens that are not in its request; ratios of vocabularies are well within. */
const ratioMin = 0.4;
const ratioMax = 3;
const newestWeight = 0.3;
/** Turns are learnt from when their reply is long gone. */
const learnAfterMs = 1_000;

/** Turns that wait until the tokenizer is wanted at all: the latest of each model, and only for a while. */
const heldModelsMax = 8;
const heldForMs = 10 * 60_000;

/** Models that are remembered; names come from clients. */
const modelsMax = 500;

/** Of a longer text about so much is tokenized, spread evenly: some 50 ms of work. */
const textCharsMax = 500_000;

interface Learnt {
  ratio: number;
  samples: number;
}

/** A turn to learn from: its request, and the input tokens that its upstream counted. */
interface Turn {
  readonly read: () => TurnRequest;
  readonly tokens: number;
}

export function tokenEstimator(tokenizer: Tokenizer, nowMs: () => number): TokenEstimator {
  const learnt = new Map<string, Learnt>();
  const sampledMs = new Map<string, number>();
  const offered = new WeakMap<TurnRecord, () => TurnRequest>();
  const held = new Map<string, Turn>();
  const timers = new Set<ReturnType<typeof setTimeout>>();

  function later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timer.unref();
    timers.add(timer);
  }

  async function learn(
    key: string,
    { read, tokens }: Turn,
    count: (text: string) => Promise<number> | undefined,
  ): Promise<void> {
    try {
      const { texts, fixedTokens, plain } = requestText(read());
      const { text, scale } = sampleOf(texts, textCharsMax);
      const counted = plain ? await count(text) : undefined;
      if (counted === undefined) return;
      const estimated = counted * scale + fixedTokens;
      const ratio = tokens / estimated;
      if (estimated < sampleTokensMin || ratio < ratioMin || ratio > ratioMax) return;
      const known = learnt.get(key);
      if (known === undefined) put(learnt, key, { ratio, samples: 1 }, modelsMax);
      else {
        known.ratio += newestWeight * (ratio - known.ratio);
        known.samples++;
      }
    } catch {
      // A request that cannot be read, or a tokenizer that has been stopped: nothing to learn.
    }
  }

  function hold(key: string, turn: Turn): void {
    put(held, key, turn, heldModelsMax);
    later(heldForMs, () => {
      if (held.get(key) === turn) held.delete(key);
    });
  }

  return {
    async estimate(provider, model, request) {
      const key = keyOf(provider, model);
      const { texts, fixedTokens } = requestText(request);
      const { text, scale } = sampleOf(texts, textCharsMax);
      const turn = held.get(key);
      if (turn !== undefined) {
        held.delete(key);
        await learn(key, turn, (sample) => tokenizer.count(sample));
      }
      const counted = text === '' ? 0 : await tokenizer.count(text);
      const { ratio, samples } = learnt.get(key) ?? { ratio: 1, samples: 0 };
      return { tokens: Math.round((counted * scale + fixedTokens) * ratio), ratio, samples };
    },

    offer(record, read) {
      if (record.bytesIn < sampleBytesMin || record.bytesIn > sampleBytesMax) return;
      const key = keyOf(record.provider!, record.upstreamModel!);
      const now = nowMs();
      if (now - (sampledMs.get(key) ?? -Infinity) < sampleEveryMs) return;
      put(sampledMs, key, now, modelsMax);
      offered.set(record, read);
    },

    record(record) {
      const read = offered.get(record);
      if (read === undefined) return;
      offered.delete(record);
      const { usage, outcome } = record;
      const tokens = usage === undefined ? 0 : inputTokens(usage);
      const key = keyOf(record.provider!, record.upstreamModel!);
      if (outcome !== 'ok' || tokens < sampleTokensMin) {
        // The next turn may do.
        sampledMs.delete(key);
        return;
      }
      const turn: Turn = { read, tokens };
      if (!tokenizer.loaded) hold(key, turn);
      else later(learnAfterMs, () => void learn(key, turn, tokenizer.countIfLoaded));
    },

    streamsOpen() {},

    stop() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      held.clear();
      tokenizer.stop();
    },
  };
}

const keyOf = (provider: string, model: string): string => `${provider}/${model}`;

/** Sets an entry as the newest; beyond `max` the oldest goes. */
function put<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max) map.delete(oldest!);
}
