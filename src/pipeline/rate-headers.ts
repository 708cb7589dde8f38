import type { RateState, TurnRecord } from '../telemetry/record.ts';
import type { ProtocolId } from '../turn/part.ts';

/**
 * What is left of a key's rates as the client's protocol says it: OpenAI's `x-ratelimit-*` with durations such as
 * `1m30s`, Anthropic's `anthropic-ratelimit-*` with times. They stand in place of the upstream's own, which are of an
 * account that is not the client's.
 */
export function rateHeaders(
  surface: ProtocolId,
  rates: NonNullable<TurnRecord['rates']>,
  nowMs: number,
  into: Record<string, string>,
): void {
  for (const unit of units) {
    const rate = rates[unit];
    if (rate === undefined) continue;
    if (surface === 'anthropic-messages') Object.assign(into, inAnthropicWords(unit, rate, nowMs));
    else {
      into[`x-ratelimit-limit-${unit}`] = String(rate.limit);
      into[`x-ratelimit-remaining-${unit}`] = String(rate.remaining);
      into[`x-ratelimit-reset-${unit}`] = duration(rate.resetMs);
    }
  }
}

const units = ['requests', 'tokens'] as const;

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
