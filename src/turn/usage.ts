import type { Json } from './json.ts';

/**
 * Tokens of one turn in disjoint counts: each token is in exactly one of them. A protocol's totals are
 * derived from these by its encoder; `undefined` means that the upstream did not say.
 */
export interface Usage {
  /** Prompt tokens that were neither read from nor written to a cache. */
  fresh?: number;
  cacheRead?: number;
  /** Written to a cache, lifetime not stated or five minutes. */
  cacheWrite?: number;
  /** Written to a cache with a lifetime of one hour. */
  cacheWriteHour?: number;
  /** Output tokens that are not reasoning, as far as the upstream tells them apart. */
  output?: number;
  reasoning?: number;
  /** Of `output` and `fresh`, how many were audio: not disjoint, reported beside them. */
  audioIn?: number;
  audioOut?: number;
  predictionAccepted?: number;
  predictionRejected?: number;
  webSearches?: number;
  webFetches?: number;
  /** The upstream's word for how it served the turn, where that was not the ordinary way: `flex`, `priority`. */
  tier?: string;
  /** The region it was served in, where the client or its account is held to one. */
  region?: string;
  /** The upstream's own usage object, verbatim. */
  raw?: Json;
}

/** Words for the ordinary service. */
const ordinary: ReadonlySet<string> = new Set(['default', 'standard', 'auto', 'on_demand']);

/** The `tier` of a usage: an upstream's word for how it served a turn, absent where that is the ordinary way. */
export const tierOf = (word: Json | undefined): string | undefined =>
  typeof word !== 'string' || word === '' || ordinary.has(word) ? undefined : word;

/** All prompt tokens, cached or not. */
export const inputTokens = (usage: Usage): number =>
  (usage.fresh ?? 0) + (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0) + (usage.cacheWriteHour ?? 0);

/** All output tokens, reasoning included. */
export const outputTokens = (usage: Usage): number => (usage.output ?? 0) + (usage.reasoning ?? 0);
