import { asNumber, asObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import { inputTokens, outputTokens, tierOf, type Usage } from '../../turn/usage.ts';

/** Reads `response.usage`: totals that include cached and reasoning tokens become disjoint counts. */
export function decodeUsage(usage: JsonObject, toolUsage?: JsonObject, word?: Json): Usage {
  const tier = tierOf(word);
  const inputDetails = asObject(usage.input_tokens_details) ?? {};
  const outputDetails = asObject(usage.output_tokens_details) ?? {};
  const input = asNumber(usage.input_tokens);
  const output = asNumber(usage.output_tokens);
  const cacheRead = asNumber(inputDetails.cached_tokens);
  const cacheWrite = asNumber(inputDetails.cache_write_tokens);
  const reasoning = asNumber(outputDetails.reasoning_tokens);
  return {
    fresh: input === undefined ? undefined : Math.max(0, input - (cacheRead ?? 0) - (cacheWrite ?? 0)),
    cacheRead,
    cacheWrite,
    output: output === undefined ? undefined : Math.max(0, output - (reasoning ?? 0)),
    reasoning,
    webSearches: asNumber(asObject(toolUsage?.web_search)?.num_requests),
    ...(tier !== undefined && { tier }),
    raw: usage,
  };
}

/** Writes `response.usage`; null when the upstream counted nothing. */
export function encodeUsage(usage: Usage): JsonObject | null {
  if (usage.fresh === undefined && usage.output === undefined && usage.cacheRead === undefined) return null;
  const input = inputTokens(usage);
  const output = outputTokens(usage);
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: usage.cacheRead ?? 0,
      cache_write_tokens: (usage.cacheWrite ?? 0) + (usage.cacheWriteHour ?? 0),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + output,
  };
}

const usageMembers = new Set([
  'input_tokens',
  'input_tokens_details',
  'output_tokens',
  'output_tokens_details',
  'total_tokens',
]);

/** What a server counts beyond the protocol's own members. */
export const unusualUsage = (usage: JsonObject): JsonObject | undefined => rest(usage, usageMembers);
