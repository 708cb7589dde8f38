import { asArray, asNumber, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import { inputTokens, outputTokens, tierOf, type Usage } from '../../turn/usage.ts';

/**
 * Reads a `usageMetadata`. `promptTokenCount` holds the cached tokens but not those that hosted tools brought in,
 * `candidatesTokenCount` does not hold the thoughts. Servers that count the thoughts among the candidates are known
 * by their total.
 */
export function decodeUsage(raw: JsonObject): Usage {
  const usage: Usage = { raw };
  const prompt = asNumber(raw.promptTokenCount);
  const cached = asNumber(raw.cachedContentTokenCount);
  const tools = asNumber(raw.toolUsePromptTokenCount);
  const thoughts = asNumber(raw.thoughtsTokenCount);
  const candidates = asNumber(raw.candidatesTokenCount) ?? asNumber(raw.responseTokenCount);
  const total = asNumber(raw.totalTokenCount);
  if (prompt !== undefined || tools !== undefined) {
    usage.fresh = Math.max(0, (prompt ?? 0) - (cached ?? 0)) + (tools ?? 0);
  }
  if (cached !== undefined) usage.cacheRead = cached;
  const isWithin =
    candidates !== undefined &&
    thoughts !== undefined &&
    thoughts > 0 &&
    thoughts <= candidates &&
    total === (prompt ?? 0) + (tools ?? 0) + candidates;
  if (candidates !== undefined) usage.output = isWithin ? candidates - thoughts : candidates;
  // No text at all is no member at all.
  else if (total !== undefined && prompt !== undefined) usage.output = 0;
  if (thoughts !== undefined) usage.reasoning = thoughts;
  const tier = tierOf((asString(raw.serviceTier) ?? asString(raw.trafficType))?.toLowerCase());
  if (tier !== undefined && !tier.endsWith('unspecified')) usage.tier = tier;
  const audioIn = audio(raw.promptTokensDetails);
  const audioOut = audio(raw.candidatesTokensDetails);
  if (audioIn !== undefined) usage.audioIn = audioIn;
  if (audioOut !== undefined) usage.audioOut = audioOut;
  return usage;
}

/** Whether an upstream said anything about tokens at all. */
export const isStated = (usage: Usage): boolean =>
  usage.fresh !== undefined ||
  usage.cacheRead !== undefined ||
  usage.output !== undefined ||
  usage.reasoning !== undefined;

/** The `usageMetadata` of a reply. An upstream's own object goes on as it is. */
export function encodeUsage(usage: Usage): JsonObject {
  const raw = ownRaw(usage.raw);
  if (raw !== undefined) return raw;
  const prompt = inputTokens(usage);
  const out: JsonObject = { promptTokenCount: prompt };
  if (usage.cacheRead !== undefined) out.cachedContentTokenCount = usage.cacheRead;
  out.candidatesTokenCount = usage.output ?? 0;
  if (usage.reasoning !== undefined) out.thoughtsTokenCount = usage.reasoning;
  out.totalTokenCount = prompt + outputTokens(usage);
  return out;
}

const ownRaw = (raw: Json | undefined): JsonObject | undefined =>
  isObject(raw) && (raw.promptTokenCount !== undefined || raw.totalTokenCount !== undefined)
    ? raw
    : undefined;

/** The audio tokens of a breakdown by modality. */
function audio(details: Json | undefined): number | undefined {
  for (const entry of asArray(details)) {
    if (isObject(entry) && asString(entry.modality) === 'AUDIO') return asNumber(entry.tokenCount);
  }
  return undefined;
}
