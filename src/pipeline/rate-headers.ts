import type { RateState, TurnRecord } from '../telemetry/record.ts';
import type { ProtocolId } from '../turn/part.ts';

/**
 * What is left of a key's rates as the client's protocol says it: OpenAI's `x-ratelimit-*` with durations such as
 * `1m30s`, Anthropic's `anthropic-ratelimit-*` with times. They stand in place of the upstream's own, which are of an
 * account that is not the client's.
 */
export function rateHeaders(
  surface: ProtocolId,
  rates: TurnRecord['rates'],
  nowMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const unit of ['requests', 'tokens'] as const) {
    const rate = rates?.[unit];
    if (rate === undefined) continue;
    if (surface === 'anthropic-messages') Object.assign(headers, inAnthropicWords(unit, rate, nowMs));
    else {
      headers[`x-ratelimit-limit-${unit}`] = String(rate.limit);
      headers[`x-ratelimit-remaining-${unit}`] = String(rate.remaining);
      headers[`x-ratelimit-reset-${unit}`] = duration(rate.resetMs);
    }
  }
  return headers;
}

const inAnthropicWords = (unit: string, { limit, remaining, resetMs }: RateState, nowMs: number) => ({
  [`anthropic-ratelimit-${unit}-limit`]: String(limit),
  [`anthropic-ratelimit-${unit}-remaining`]: String(remaining),
  [`anthropic-ratelimit-${unit}-reset`]: new Date(nowMs + resetMs).toISOString(),
});

function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
