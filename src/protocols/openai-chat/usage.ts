import { asNumber, asObject, isObject } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import { inputTokens, outputTokens, tierOf } from '../../turn/usage.ts';
import type { Usage } from '../../turn/usage.ts';

/**
 * Reads a `usage` object. `prompt_tokens` holds the cached ones and `completion_tokens` the reasoning ones;
 * servers that count reasoning beside the completion are known by their `total_tokens`.
 */
export function decodeUsage(raw: JsonObject, word?: Json): Usage {
  const tier = tierOf(word);
  const input = asObject(raw.prompt_tokens_details);
  const output = asObject(raw.completion_tokens_details);
  const prompt = asNumber(raw.prompt_tokens);
  const completion = asNumber(raw.completion_tokens);
  const total = asNumber(raw.total_tokens);
  const cacheRead =
    asNumber(input?.cached_tokens) ?? asNumber(raw.prompt_cache_hit_tokens) ?? asNumber(raw.cached_tokens);
  const cacheWrite = asNumber(input?.cache_write_tokens);
  const reasoning = asNumber(output?.reasoning_tokens) ?? asNumber(raw.reasoning_tokens);
  const cached = (cacheRead ?? 0) + (cacheWrite ?? 0);
  const beside =
    reasoning !== undefined &&
    completion !== undefined &&
    (reasoning > completion || (reasoning > 0 && total === (prompt ?? 0) + completion + reasoning));
  return {
    fresh: prompt === undefined ? undefined : cached <= prompt ? prompt - cached : prompt,
    cacheRead,
    cacheWrite,
    output: completion === undefined ? undefined : beside ? completion : completion - (reasoning ?? 0),
    reasoning,
    audioIn: asNumber(input?.audio_tokens),
    audioOut: asNumber(output?.audio_tokens),
    predictionAccepted: asNumber(output?.accepted_prediction_tokens),
    predictionRejected: asNumber(output?.rejected_prediction_tokens),
    webSearches:
      asNumber(asObject(raw.server_tool_use)?.web_search_requests) ?? asNumber(raw.num_search_queries),
    ...(tier !== undefined && { tier }),
    raw,
  };
}

/** Whether an upstream said anything about tokens at all. */
export const isStated = (usage: Usage): boolean =>
  usage.fresh !== undefined ||
  usage.cacheRead !== undefined ||
  usage.output !== undefined ||
  usage.reasoning !== undefined;

/**
 * Writes a `usage` object with totals derived from the disjoint counts. Counts that the upstream did not
 * state stay out; members of its own object that are not modelled (such as a cost) stay in.
 */
export function encodeUsage(usage: Usage): JsonObject {
  const raw = chatUsage(usage.raw);
  const prompt = inputTokens(usage);
  const completion = outputTokens(usage);
  const body: JsonObject = {
    ...raw,
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
  const written =
    usage.cacheWrite === undefined && usage.cacheWriteHour === undefined
      ? undefined
      : (usage.cacheWrite ?? 0) + (usage.cacheWriteHour ?? 0);
  const input = withCounts(raw?.prompt_tokens_details, {
    cached_tokens: usage.cacheRead,
    cache_write_tokens: written,
    audio_tokens: usage.audioIn,
  });
  const output = withCounts(raw?.completion_tokens_details, {
    reasoning_tokens: usage.reasoning,
    audio_tokens: usage.audioOut,
    accepted_prediction_tokens: usage.predictionAccepted,
    rejected_prediction_tokens: usage.predictionRejected,
  });
  if (input) body.prompt_tokens_details = input;
  if (output) body.completion_tokens_details = output;
  return body;
}

/** The upstream's own object when it is of this protocol. */
const chatUsage = (raw: Json | undefined): JsonObject | undefined =>
  isObject(raw) && raw.prompt_tokens !== undefined ? raw : undefined;

function withCounts(
  from: Json | undefined,
  counts: Record<string, number | undefined>,
): JsonObject | undefined {
  const out: JsonObject = { ...asObject(from) };
  for (const key in counts) if (counts[key] !== undefined) out[key] = counts[key];
  return Object.keys(out).length > 0 ? out : undefined;
}
