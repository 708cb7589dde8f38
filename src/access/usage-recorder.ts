import type { Recorder, TurnRecord } from '../telemetry/record.ts';
import { inputTokens, outputTokens, type Usage } from '../turn/usage.ts';
import type { Spent } from './limits.ts';
import type { UsageLedger } from './usage-ledger.ts';

/**
 * What a request used of its key's budget, all its tries together. What an upstream did not count, and a price that
 * is not known, add nothing.
 */
export function spentOf({ costs }: Pick<TurnRecord, 'costs'>): Spent {
  let nanoUsd = 0;
  let tokens = 0;
  for (const { usd = 0, usage } of costs) {
    nanoUsd += Math.round(usd * 1e9);
    if (usage !== undefined) tokens += inputTokens(usage) + outputTokens(usage);
  }
  return { nanoUsd, tokens };
}

/** Books every request that reached an account, and what each of its tries used where it was made. */
export const usageRecorder = (ledger: UsageLedger): Recorder => ({
  record(record) {
    const { provider, accountId, upstreamModel, costs, keyId = '', outcome } = record;
    if (provider === undefined || accountId === undefined || upstreamModel === undefined) return;
    const failed = outcome === 'error' || outcome === 'cut';
    ledger.add({
      keyId,
      provider,
      account: accountId,
      model: upstreamModel,
      request: failed ? 'failed' : 'ok',
    });
    for (const { provider, account = accountId, model, usage = {}, usd } of costs) {
      ledger.add({ keyId, provider, account, model, used: { tokens: tokensOf(usage), costUsd: usd } });
    }
  },
  streamsOpen() {},
});

const tokensOf = (usage: Usage) => ({
  fresh: usage.fresh ?? 0,
  cacheRead: usage.cacheRead ?? 0,
  cacheWrite: (usage.cacheWrite ?? 0) + (usage.cacheWriteHour ?? 0),
  output: usage.output ?? 0,
  reasoning: usage.reasoning ?? 0,
});
