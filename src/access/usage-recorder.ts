import type { DispatchCost } from '../telemetry/cost.ts';
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
    const request = outcome === 'error' || outcome === 'cut' ? 'failed' : 'ok';
    const last = costs.at(-1);
    // Most requests are tried once, where they end.
    const isThere = last?.provider === provider && last.account === accountId && last.model === upstreamModel;
    const used = isThere ? usedOf(last) : undefined;
    ledger.add({ keyId, provider, account: accountId, model: upstreamModel, request, used });
    for (const cost of costs) {
      if (isThere && cost === last) continue;
      const { provider, account = accountId, model } = cost;
      ledger.add({ keyId, provider, account, model, used: usedOf(cost) });
    }
  },
  streamsOpen() {},
});

const usedOf = ({ usage = {}, usd }: DispatchCost) => ({ tokens: tokensOf(usage), costUsd: usd });

const tokensOf = (usage: Usage) => ({
  fresh: usage.fresh ?? 0,
  cacheRead: usage.cacheRead ?? 0,
  cacheWrite: (usage.cacheWrite ?? 0) + (usage.cacheWriteHour ?? 0),
  output: usage.output ?? 0,
  reasoning: usage.reasoning ?? 0,
});
