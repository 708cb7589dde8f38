import { beforeEach, describe, expect, test } from 'bun:test';
import type { GatewayKey } from '../../src/access/keys.ts';
import { createLimits, type Admission, type Limits, type LimitReached } from '../../src/access/limits.ts';
import { matches, windowEnd, windowStart, type KeyRules } from '../../src/access/rules.ts';

/** Wednesday, 2026-11-18, 12:00 UTC. */
const noon = Date.UTC(2026, 10, 18, 12);
let now = noon;
let limits: Limits;
beforeEach(() => {
  now = noon;
  limits = createLimits(() => now);
});

const keyWith = (rules: KeyRules): GatewayKey => ({
  id: 'key_1',
  prefix: 'abcdefgh',
  name: 'k',
  role: 'client',
  rules,
  createdMs: 0,
});
const admitted = (answer: Admission | LimitReached): Admission => {
  if ('limit' in answer) throw new Error(`refused: ${answer.limit}`);
  return answer;
};
const used = (tokens: number, usd = 0) => ({ tokens, nanoUsd: usd * 1e9 });

describe('limits of a key', () => {
  test('so many requests a minute, and then as they come free', () => {
    const key = keyWith({ requests_per_minute: 6 });
    for (let i = 0; i < 6; i++) admitted(limits.admit(key)).end(used(0));
    expect(limits.admit(key)).toEqual({ limit: 'requests_per_minute', retryAfterMs: 10_000 });
    now += 10_000;
    admitted(limits.admit(key)).end(used(0));
    expect(limits.admit(key)).toHaveProperty('limit', 'requests_per_minute');
  });

  test('headers say what is left', () => {
    const key = keyWith({ requests_per_minute: 6, tokens_per_minute: 600 });
    expect(admitted(limits.admit(key))).toMatchObject({
      requests: { limit: 6, remaining: 5, resetMs: 10_000 },
      tokens: { limit: 600, remaining: 600, resetMs: 0 },
    });
  });

  test('tokens are booked when they are known, and may overrun once', () => {
    const key = keyWith({ tokens_per_minute: 600 });
    const first = admitted(limits.admit(key));
    const second = admitted(limits.admit(key));
    first.end(used(900));
    second.end(used(300));
    expect(limits.admit(key)).toEqual({ limit: 'tokens_per_minute', retryAfterMs: 60_000 });
    now += 61_000;
    admitted(limits.admit(key));
  });

  test('no more at a time than allowed, and each place is freed once', () => {
    const key = keyWith({ concurrent: 2 });
    const first = admitted(limits.admit(key));
    admitted(limits.admit(key));
    expect(limits.admit(key)).toHaveProperty('limit', 'concurrent');
    first.end(used(0));
    first.end(used(0));
    admitted(limits.admit(key));
    expect(limits.admit(key)).toHaveProperty('limit', 'concurrent');
  });

  test('a budget is overrun by what is under way and no more', () => {
    const key = keyWith({ per_day: { usd: 1 } });
    const open = Array.from({ length: 20 }, () => admitted(limits.admit(key)));
    open[0]!.end(used(10, 1.5));
    expect(limits.admit(key)).toEqual({ limit: 'per_day', unit: 'usd', retryAfterMs: 12 * 60 * 60_000 });
    for (const each of open) each.end(used(10, 0.25));
    expect(limits.spent('key_1').day).toMatchObject({ tokens: 200, nanoUsd: (1.5 + 19 * 0.25) * 1e9 });
  });

  test('a budget is whole again when its window begins anew', () => {
    const key = keyWith({ per_day: { tokens: 100 }, per_week: { tokens: 150 } });
    admitted(limits.admit(key)).end(used(100));
    expect(limits.admit(key)).toHaveProperty('limit', 'per_day');
    now += 12 * 60 * 60_000;
    admitted(limits.admit(key)).end(used(60));
    expect(limits.admit(key)).toMatchObject({ limit: 'per_week', unit: 'tokens' });
  });

  test('what was spent before a restart counts', () => {
    const key = keyWith({ per_month: { usd: 5 } });
    const none = { nanoUsd: 0, tokens: 0 };
    limits.restore('key_1', { day: none, week: none, month: { nanoUsd: 5e9, tokens: 7 } });
    expect(limits.admit(key)).toHaveProperty('limit', 'per_month');
  });
});

test('windows are days, weeks from Monday and months, in UTC', () => {
  expect(windowStart('day', noon)).toBe(Date.UTC(2026, 10, 18));
  expect(windowStart('week', noon)).toBe(Date.UTC(2026, 10, 16));
  expect(windowStart('week', Date.UTC(2026, 10, 22, 23))).toBe(Date.UTC(2026, 10, 16));
  expect(windowStart('month', noon)).toBe(Date.UTC(2026, 10, 1));
  expect(windowEnd('month', Date.UTC(2026, 11, 31))).toBe(Date.UTC(2027, 0, 1));
});

test('a pattern allows itself, or whatever begins like it', () => {
  expect(matches(['fast', 'claude/*'], 'claude/claude-haiku-4-5')).toBe(true);
  expect(matches(['fast', 'claude/*'], 'faster')).toBe(false);
  expect(matches(['*'], 'anything')).toBe(true);
});
