import { describe, expect, test } from 'bun:test';
import { spanMs, waitHint, waitInWords } from '../../src/protocols/wait-hint.ts';

const date = 'Sat, 21 Nov 2026 11:00:00 GMT';
const hint = (headers: Record<string, string>, status = 429) =>
  waitHint(new Headers({ date, ...headers }), status);

describe('how long an upstream asks to be left alone', () => {
  test.each([
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, 250],
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Sat, 21 Nov 2026 11:00:20 GMT' }, 20_000],
    [{ 'retry-after': 'Sat, 21 Nov 2026 10:00:00 GMT' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{}, undefined],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' }, 360_000],
    [{ 'x-ratelimit-remaining-tokens': '9', 'x-ratelimit-reset-tokens': '6m0s' }, undefined],
    [
      {
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '1s',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '20s',
      },
      20_000,
    ],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1795258860000' }, 60_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1795258860' }, 60_000],
    [
      {
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2026-11-21T11:01:00Z',
      },
      60_000,
    ],
  ] as const)('%j is %p ms', (headers, ms) => {
    expect(hint(headers as Record<string, string>)).toBe(ms as number);
  });

  test('limits are of no account when something else has failed', () => {
    const used = { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' };
    expect(hint(used, 500)).toBeUndefined();
  });

  test('a time says nothing in a reply without a date', () => {
    const headers = new Headers({ 'retry-after': 'Sat, 21 Nov 2026 11:00:20 GMT' });
    expect(waitHint(headers, 429)).toBeUndefined();
  });
});

test.each([
  ['48s', 48_000],
  ['0.25s', 250],
  ['120ms', 120],
  ['6m0s', 360_000],
  ['1h12m', 4_320_000],
  ['2d1h', 176_400_000],
  ['', undefined],
  ['soon', undefined],
] as const)('the span %j is %p ms', (span, ms) => {
  expect(spanMs(span)).toBe(ms as number);
});

test.each([
  ['Please try again in 1.2s. Visit …', 1_200],
  ['Please try again in 6m0s.', 360_000],
  ['Please try again in 28ms.', 28],
  ['try again in 20 seconds', 20_000],
  ['try again later', undefined],
] as const)('the words %j say %p ms', (message, ms) => {
  expect(waitInWords(message)).toBe(ms as number);
});
