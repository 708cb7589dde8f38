import { asNumber, asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import { outputTokens, tierOf, type Usage } from '../../turn/usage.ts';

/** Members that only `message_start` carries; the rest is restated by `message_delta`. */
const startOnly: ReadonlySet<string> = new Set(['cache_creation', 'service_tier', 'inference_geo', 'speed']);

/**
 * Lays a later usage object over an earlier one: figures are cumulative, and the ones that do not apply are
 * left out or null, so only what is stated replaces.
 */
export function mergeUsage(before: JsonObject | undefined, after: JsonObject): JsonObject {
  const merged: JsonObject = { ...before };
  for (const key in after) {
    const value = after[key];
    if (value !== undefined && value !== null) merged[key] = value;
  }
  return merged;
}

/** Reads a usage object, in which `input_tokens` counts neither cache reads nor writes. */
export function decodeUsage(raw: JsonObject): Usage {
  const usage: Usage = { raw };
  const written = asNumber(raw.cache_creation_input_tokens);
  const hour = asNumber(asObject(raw.cache_creation)?.ephemeral_1h_input_tokens);
  const thinking = asNumber(asObject(raw.output_tokens_details)?.thinking_tokens);
  const output = asNumber(raw.output_tokens);
  const server = asObject(raw.server_tool_use);
  const hourWritten = written !== undefined && hour !== undefined ? Math.min(hour, written) : hour;
  set(usage, 'fresh', asNumber(raw.input_tokens));
  set(usage, 'cacheRead', asNumber(raw.cache_read_input_tokens));
  set(usage, 'cacheWrite', written === undefined ? undefined : written - (hourWritten ?? 0));
  set(usage, 'cacheWriteHour', hourWritten);
  const reasoning = thinking !== undefined && output !== undefined ? Math.min(thinking, output) : thinking;
  set(usage, 'output', output === undefined ? undefined : output - (reasoning ?? 0));
  set(usage, 'reasoning', reasoning);
  set(usage, 'webSearches', asNumber(server?.web_search_requests));
  set(usage, 'webFetches', asNumber(server?.web_fetch_requests));
  set(usage, 'tier', tierOf(raw.speed === 'fast' ? raw.speed : raw.service_tier));
  const region = asString(raw.inference_geo);
  if (region !== 'global' && region !== 'not_available') set(usage, 'region', region);
  return usage;
}

const nothing: JsonObject = {
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
};

/** The usage object of a whole message; zeros where nothing is known. */
export function encodeUsage(usage: Usage): JsonObject {
  const raw = ownRaw(usage.raw);
  if (raw !== undefined) return { ...nothing, ...raw };
  const out: JsonObject = {
    input_tokens: usage.fresh ?? 0,
    cache_creation_input_tokens: (usage.cacheWrite ?? 0) + (usage.cacheWriteHour ?? 0),
    cache_read_input_tokens: usage.cacheRead ?? 0,
    output_tokens: outputTokens(usage),
  };
  if (usage.cacheWriteHour !== undefined) {
    out.cache_creation = {
      ephemeral_5m_input_tokens: usage.cacheWrite ?? 0,
      ephemeral_1h_input_tokens: usage.cacheWriteHour,
    };
  }
  if (usage.reasoning !== undefined) out.output_tokens_details = { thinking_tokens: usage.reasoning };
  if (usage.webSearches !== undefined || usage.webFetches !== undefined) {
    out.server_tool_use = {
      web_search_requests: usage.webSearches ?? 0,
      web_fetch_requests: usage.webFetches ?? 0,
    };
  }
  return out;
}

/** The usage of `message_delta`: all of it but what `message_start` has said for good. */
export function encodeDeltaUsage(usage: Usage, started: JsonObject): JsonObject {
  const out = encodeUsage(usage);
  for (const key of startOnly) {
    if (started[key] !== undefined && JSON.stringify(started[key]) === JSON.stringify(out[key]))
      delete out[key];
  }
  return out;
}

/** Other protocols' usage objects have a total or break their inputs down. */
function ownRaw(raw: Json | undefined): JsonObject | undefined {
  if (!isObject(raw) || raw.input_tokens === undefined) return undefined;
  return raw.total_tokens === undefined && raw.input_tokens_details === undefined ? raw : undefined;
}

function set<K extends keyof Usage>(usage: Usage, key: K, value: Usage[K]): void {
  if (value !== undefined) usage[key] = value;
}
