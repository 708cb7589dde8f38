import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { dropCharge, openCharge, settleCharge } from '../../src/telemetry/charges.ts';
import { costUsd, dispatchCost, turnCost, type Prices } from '../../src/telemetry/cost.ts';
import type { Usage } from '../../src/turn/usage.ts';
import { turnRecord } from './records.ts';

const prices: Prices = {
  input: 5,
  cacheRead: 0.5,
  cacheWrite: 6.25,
  cacheWriteHour: 10,
  output: 25,
  longPrompts: [
    { inputTokensAbove: 200_000, input: 10, cacheRead: 1, output: 37.5 },
    { inputTokensAbove: 500_000, input: 20, cacheRead: 2, output: 50 },
  ],
  tiers: { flex: { input: 2.5, cacheRead: 0.25, output: 12.5 } },
  regions: { us: 1.1 },
  webSearchUsd: 0.01,
};

describe('what a turn costs', () => {
  test.each<[string, Usage, number]>([
    ['prompt and reply', { fresh: 125_000, output: 1000 }, 0.65],
    ['reasoning is priced as output', { fresh: 1000, output: 600, reasoning: 400 }, 0.03],
    [
      'cached tokens are counted once, at their own rate',
      { fresh: 1000, cacheRead: 9000, output: 0 },
      0.0095,
    ],
    [
      'writing to the cache for five minutes and for an hour differ',
      { fresh: 0, cacheWrite: 1000, cacheWriteHour: 1000, output: 0 },
      0.01625,
    ],
    ['a search costs by the piece', { fresh: 1000, output: 0, webSearches: 3 }, 0.035],
    ['a region costs more', { fresh: 1000, output: 1000, region: 'us' }, 0.033],
    ['a tier has its own rates', { fresh: 1000, cacheRead: 1000, output: 1000, tier: 'flex' }, 0.01525],
    ['no tokens cost nothing', { fresh: 0, output: 0 }, 0],
  ])('%s', (_, usage, usd) => {
    expect(costUsd(usage, prices)).toBe(usd);
  });

  test('beyond a length the whole turn has other rates, and what is cached counts into the length', () => {
    expect(costUsd({ fresh: 1000, cacheRead: 199_000, output: 0 }, prices)).toBe(0.1045);
    expect(costUsd({ fresh: 1001, cacheRead: 199_000, output: 1000 }, prices)).toBe(0.24651);
    expect(costUsd({ fresh: 600_000, output: 1000 }, prices)).toBe(12.05);
  });

  test('audio is a part of what was said, not more of it', () => {
    const spoken: Prices = { input: 2, audioIn: 32, output: 8, audioOut: 64 };
    expect(costUsd({ fresh: 1000, audioIn: 400, output: 500, audioOut: 500 }, spoken)).toBe(0.046);
    expect(costUsd({ fresh: 1000, audioIn: 400, output: 0 }, { input: 2, output: 8 })).toBe(0.002);
  });

  test.each<[string, Usage | undefined, Prices | undefined]>([
    ['no prices', { fresh: 1, output: 1 }, undefined],
    ['nothing counted', undefined, prices],
    ['an empty count', { raw: {} }, prices],
    ['no rate for a count that is not zero', { fresh: 1, cacheRead: 1, output: 1 }, { input: 1, output: 1 }],
    [
      'a cache write at long prompts, where the rate is not known',
      { fresh: 300_000, cacheWrite: 1, output: 1 },
      prices,
    ],
    ['a tier without rates', { fresh: 1, output: 1, tier: 'scale' }, prices],
    ['a region without a factor', { fresh: 1, output: 1, region: 'mars' }, prices],
    ['searches without a price', { fresh: 1, output: 1, webSearches: 1 }, { input: 1, output: 1 }],
  ])('is unknown, not nothing, with %s', (_, usage, given) => {
    expect(costUsd(usage, given)).toBeUndefined();
  });

  test('a rate is not missed where nothing was counted for it', () => {
    expect(costUsd({ fresh: 1000, cacheRead: 0, output: 0 }, { input: 1 })).toBe(0.001);
  });

  test('an upstream that states its charge is believed', () => {
    const stated: Prices = { stated: 'cost' };
    expect(costUsd({ fresh: 1000, output: 10, raw: { cost: 0.00123 } }, stated)).toBe(0.00123);
    expect(costUsd({ fresh: 1000, output: 10, raw: {} }, stated)).toBeUndefined();
  });

  test('sums are those of whole numbers, whatever the counts', () => {
    const rate = fc.integer({ min: 1, max: 200_000_000 });
    const count = fc.integer({ min: 0, max: 3_000_000 });
    fc.assert(
      fc.property(rate, rate, rate, count, count, count, (a, b, c, fresh, cacheRead, output) => {
        const usd = costUsd(
          { fresh, cacheRead, output },
          { input: a / 1e6, cacheRead: b / 1e6, output: c / 1e6 },
        )!;
        const pico = BigInt(a) * BigInt(fresh) + BigInt(b) * BigInt(cacheRead) + BigInt(c) * BigInt(output);
        expect(usd).toBeCloseTo(Number(pico) / 1e12, 9);
        if (pico < BigInt(Number.MAX_SAFE_INTEGER)) expect(usd).toBe(Number(pico) / 1e12);
      }),
    );
  });
});

describe('the cost of a dispatch', () => {
  const of = { provider: 'p', model: 'm' };

  test('is exact when the reply is whole', () => {
    expect(dispatchCost({ ...of, prices, usage: { fresh: 1000, output: 0 }, whole: true })).toEqual({
      ...of,
      usd: 0.005,
      basis: 'exact',
    });
  });

  test('is what was counted until then when the reply broke off', () => {
    expect(dispatchCost({ ...of, prices, usage: { fresh: 1000, output: 1 }, whole: false })).toEqual({
      ...of,
      usd: 0.005025,
      basis: 'partial',
      lacks: 'usage',
    });
    expect(dispatchCost({ ...of, prices, whole: false })).toEqual({
      ...of,
      basis: 'unknown',
      lacks: 'usage',
    });
  });

  test('lacks its price before it lacks its usage', () => {
    expect(dispatchCost({ ...of, usage: { fresh: 1, output: 1 }, whole: true })).toEqual({
      ...of,
      basis: 'unknown',
      lacks: 'price',
    });
  });
});

describe('the cost of a turn', () => {
  const cost = (usd: number | undefined, basis: 'exact' | 'partial' | 'unknown') => ({
    provider: 'p',
    model: 'm',
    usd,
    basis,
  });

  test('is the sum of its dispatches, as well known as the least known of them', () => {
    expect(turnCost([])).toBeUndefined();
    expect(turnCost([cost(0.1, 'exact'), cost(0.2, 'exact')])).toEqual({ usd: 0.3, basis: 'exact' });
    expect(turnCost([cost(0.1, 'partial'), cost(0.2, 'exact')])).toEqual({ usd: 0.3, basis: 'partial' });
    expect(turnCost([cost(0.1, 'partial'), cost(undefined, 'unknown')])).toEqual({ basis: 'unknown' });
  });

  test('grows with every try, each at the prices of the place it went to', () => {
    const record = turnRecord({ usage: undefined, prices });
    openCharge(record);
    settleCharge(record, { fresh: 1000, output: 0 }, false);
    record.provider = 'other';
    record.prices = { input: 1, output: 1 };
    openCharge(record);
    dropCharge(record);
    openCharge(record);
    settleCharge(record, { fresh: 1000, output: 1000 }, true);
    settleCharge(record, { fresh: 1000, output: 1000 }, true);
    expect(record.costs.map(({ provider, usd, basis }) => [provider, usd, basis])).toEqual([
      ['claude', 0.005, 'partial'],
      ['other', 0.002, 'exact'],
    ]);
    expect([record.costUsd, record.costBasis]).toEqual([0.007, 'partial']);
  });
});
