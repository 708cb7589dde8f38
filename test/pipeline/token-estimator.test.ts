import { afterEach, describe, expect, jest, test } from 'bun:test';
import { tokenEstimator, type TokenEstimator } from '../../src/pipeline/token-estimator.ts';
import type { TurnRecord } from '../../src/telemetry/record.ts';
import type { Tokenizer } from '../../src/tokens/tokenizer.ts';
import type { TurnRequest } from '../../src/turn/request.ts';
import { turnRecord } from '../telemetry/records.ts';

/** A tokenizer for which every character is a token. */
function letters(): Tokenizer & { loaded: boolean; texts: string[] } {
  const texts: string[] = [];
  const count = async (text: string) => {
    texts.push(text);
    return text.length;
  };
  const tokenizer = {
    texts,
    loaded: false,
    count(text: string) {
      tokenizer.loaded = true;
      return count(text);
    },
    countIfLoaded: (text: string) => (tokenizer.loaded ? count(text) : undefined),
    stop() {},
  };
  return tokenizer;
}

const request = (text: string): TurnRequest => ({
  protocol: 'openai-chat',
  model: 'm',
  instructions: [],
  turns: [{ role: 'user', parts: [{ kind: 'text', text }] }],
  tools: [],
  sampling: {},
  delivery: { stream: false },
  meta: {},
  extras: {},
});

/** One message's marks and those of the reply. */
const marks = 7;

interface Setup {
  readonly estimator: TokenEstimator;
  readonly tokenizer: ReturnType<typeof letters>;
  /** A turn from its request to its record, `afterMs` after the one before. */
  turn(turn: { chars?: number; tokens?: number; record?: Partial<TurnRecord>; afterMs?: number }): void;
  estimate(chars: number, model?: string): ReturnType<TokenEstimator['estimate']>;
}

function setup(): Setup {
  let nowMs = 1_000_000;
  const tokenizer = letters();
  const estimator = tokenEstimator(tokenizer, () => nowMs);
  return {
    estimator,
    tokenizer,
    turn({ chars = 993, tokens = 2000, record: more, afterMs = 61_000 }) {
      nowMs += afterMs;
      const record = turnRecord({ provider: 'p', upstreamModel: 'm', bytesIn: 5000, ...more });
      record.usage = undefined;
      estimator.offer(record, () => request('x'.repeat(chars)));
      Object.assign(record, { outcome: 'ok', usage: { fresh: tokens - 100, cacheRead: 100 } }, more);
      estimator.record(record);
    },
    estimate: (chars, model = 'm') => estimator.estimate('p', model, request('x'.repeat(chars))),
  };
}

describe('an estimate', () => {
  test('is the tokenizer’s count and the marks around messages while nothing is known', async () => {
    const { estimate } = setup();
    expect(await estimate(93)).toEqual({ tokens: 93 + marks, ratio: 1, samples: 0 });
  });

  test('does not ask the tokenizer for a request without text', async () => {
    const { estimator, tokenizer } = setup();
    const empty = { ...request(''), turns: [] };
    expect(await estimator.estimate('p', 'm', empty)).toEqual({ tokens: 3, ratio: 1, samples: 0 });
    expect(tokenizer.texts).toEqual([]);
  });

  test('is scaled by what the turn before it has cost', async () => {
    const { turn, estimate } = setup();
    turn({ chars: 993, tokens: 2000 });
    expect(await estimate(93)).toEqual({ tokens: 200, ratio: 2, samples: 1 });
  });

  test('is scaled for that model only', async () => {
    const { turn, estimate } = setup();
    turn({});
    expect((await estimate(93, 'other')).samples).toBe(0);
    expect((await estimate(93)).samples).toBe(1);
  });

  test('of a very long text rests on a part of it', async () => {
    const { estimate, tokenizer } = setup();
    const { tokens } = await estimate(3_000_000);
    expect(tokens).toBe(3_000_000 + marks);
    expect(tokenizer.texts[0]!.length).toBeLessThanOrEqual(500_000);
  });
});

describe('learning from turns', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test('goes on by itself once the tokenizer is there, and moves slowly', async () => {
    const { turn, estimate, estimator } = setup();
    turn({ tokens: 1000 });
    expect((await estimate(93)).ratio).toBe(1);
    jest.useFakeTimers();
    turn({ tokens: 2000 });
    jest.advanceTimersByTime(1_500);
    jest.useRealTimers();
    await Bun.sleep(1);
    const { ratio, samples } = await estimate(93);
    expect(samples).toBe(2);
    expect(ratio).toBeCloseTo(1.3);
    estimator.stop();
  });

  test('takes one turn a minute and no more', async () => {
    const { turn, estimate } = setup();
    turn({ tokens: 2000 });
    turn({ tokens: 1000, afterMs: 1_000 });
    expect(await estimate(93)).toMatchObject({ ratio: 2, samples: 1 });
  });

  test('goes to the next turn when one is of no use', async () => {
    const { turn, estimate } = setup();
    turn({ record: { outcome: 'cancelled' } });
    turn({ tokens: 50, afterMs: 1_000 });
    turn({ record: { usage: undefined }, afterMs: 1_000 });
    turn({ record: { bytesIn: 1_000_000 }, afterMs: 1_000 });
    turn({ tokens: 1500, afterMs: 1_000 });
    expect(await estimate(93)).toMatchObject({ ratio: 1.5, samples: 1 });
  });

  test('does not believe in a turn whose tokens are not in its request', async () => {
    const { turn, estimate } = setup();
    turn({ tokens: 90_000 });
    expect(await estimate(93)).toMatchObject({ ratio: 1, samples: 0 });
  });

  test('passes over a short request, in which what the provider adds weighs too much', async () => {
    const { turn, estimate } = setup();
    turn({ chars: 900, tokens: 1500 });
    expect((await estimate(93)).samples).toBe(0);
  });

  test('keeps the latest turn of a few models only until the tokenizer is wanted', async () => {
    const { turn, estimate } = setup();
    for (let i = 0; i < 20; i++) turn({ record: { upstreamModel: `m${i}` } });
    expect((await estimate(93, 'm0')).samples).toBe(0);
    expect((await estimate(93, 'm19')).samples).toBe(1);
  });

  test('forgets a turn that was not wanted in time', async () => {
    const { turn, estimate } = setup();
    jest.useFakeTimers();
    turn({});
    jest.advanceTimersByTime(11 * 60_000);
    jest.useRealTimers();
    expect((await estimate(93)).samples).toBe(0);
  });

  test('survives a request that cannot be read', async () => {
    const { estimator, estimate } = setup();
    const record = turnRecord({ provider: 'p', upstreamModel: 'm', bytesIn: 10 });
    estimator.offer(record, () => {
      throw new Error('unreadable');
    });
    estimator.record(Object.assign(record, { outcome: 'ok', usage: { fresh: 500 } }));
    expect((await estimate(93)).samples).toBe(0);
  });
});
