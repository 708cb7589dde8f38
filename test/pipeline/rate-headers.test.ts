import { expect, test } from 'bun:test';
import { rateHeaders } from '../../src/pipeline/rate-headers.ts';

const nowMs = Date.UTC(2026, 0, 1);
const rates = {
  requests: { limit: 60, remaining: 59, resetMs: 90_000 },
  tokens: { limit: 10_000, remaining: 0, resetMs: 250 },
};

test.each(['openai-chat', 'openai-responses', 'google-gemini'] as const)(
  'a client of %s is told what is left of its key in place of what is left of the upstream’s account',
  (surface) => {
    const headers: Record<string, string> = {
      'x-ratelimit-limit-requests': '500',
      'x-ratelimit-limit-project': '9',
    };
    rateHeaders(surface, rates, nowMs, headers);
    expect(headers).toEqual({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-reset-requests': '1m30s',
      'x-ratelimit-limit-tokens': '10000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '250ms',
      'x-ratelimit-limit-project': '9',
    });
  },
);

test('a client of Messages is told so in its own words, with times', () => {
  const headers = {};
  rateHeaders('anthropic-messages', { requests: rates.requests }, nowMs, headers);
  expect(headers).toEqual({
    'anthropic-ratelimit-requests-limit': '60',
    'anthropic-ratelimit-requests-remaining': '59',
    'anthropic-ratelimit-requests-reset': '2026-01-01T00:01:30.000Z',
  });
});
