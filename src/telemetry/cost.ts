import { asNumber, isObject } from '../turn/json.ts';
import { inputTokens, type Usage } from '../turn/usage.ts';

/** What a million tokens cost, in US dollars. A rate that is absent is not known, which is not the same as none. */
export interface Rates {
  readonly input?: number;
  readonly cacheRead?: number;
  /** Written to a cache for five minutes, or for a time that is not stated. */
  readonly cacheWrite?: number;
  readonly cacheWriteHour?: number;
  readonly output?: number;
  /** Where reasoning costs something else than other output. */
  readonly reasoning?: number;
  /** Where audio costs something else than text. */
  readonly audioIn?: number;
  readonly audioOut?: number;
}

/** Rates that hold for the whole of a turn whose prompt is longer. */
export interface LongPrompt extends Rates {
  readonly inputTokensAbove: number;
}

export interface Prices extends Rates {
  /** Ascending. */
  readonly longPrompts?: readonly LongPrompt[];
  /** Other rates, by the upstream's word for how it served the turn: `flex`, `priority`, `fast`. */
  readonly tiers?: Readonly<Record<string, Prices>>;
  /** What tokens cost more where the turn was served in a region, as a factor. */
  readonly regions?: Readonly<Record<string, number>>;
  readonly webSearchUsd?: number;
  /** The member of the upstream's own usage object in which it states what it charges, in US dollars. */
  readonly stated?: string;
}

/**
 * What a turn cost in US dollars, each token counted once; `undefined` when anything that was counted has no
 * known price.
 *
 * @example
 * costUsd({ fresh: 1000, cacheRead: 9000, output: 200 }, { input: 5, cacheRead: 0.5, output: 25 }); // 0.0145
 * costUsd({ fresh: 1000, output: 200 }, { input: 5 }); // undefined
 */
export function costUsd(usage: Usage | undefined, prices: Prices | undefined): number | undefined {
  if (usage === undefined || prices === undefined || !isCounted(usage)) return undefined;
  if (prices.stated !== undefined)
    return isObject(usage.raw) ? asNumber(usage.raw[prices.stated]) : undefined;
  const rates = ratesFor(usage, prices);
  const factor = usage.region === undefined ? 1 : prices.regions?.[usage.region];
  const searches = usage.webSearches ?? 0;
  if (rates === undefined || factor === undefined) return undefined;
  if (searches > 0 && prices.webSearchUsd === undefined) return undefined;

  const { fresh = 0, output = 0 } = usage;
  const audioIn = Math.min(usage.audioIn ?? 0, fresh);
  const audioOut = Math.min(usage.audioOut ?? 0, output);
  const amounts: readonly (readonly [tokens: number, rate: number | undefined])[] = [
    [fresh - audioIn, rates.input],
    [audioIn, rates.audioIn ?? rates.input],
    [usage.cacheRead ?? 0, rates.cacheRead],
    [usage.cacheWrite ?? 0, rates.cacheWrite],
    [usage.cacheWriteHour ?? 0, rates.cacheWriteHour],
    [output - audioOut, rates.output],
    [audioOut, rates.audioOut ?? rates.output],
    [usage.reasoning ?? 0, rates.reasoning ?? rates.output],
  ];
  let picodollars = picoOf(prices.webSearchUsd ?? 0) * searches;
  for (const [tokens, rate] of amounts) {
    if (tokens === 0) continue;
    if (rate === undefined) return undefined;
    // A rate has at most six decimals, so that in this unit sums are of whole numbers, without rounding.
    picodollars += tokens * Math.round(rate * factor * 1e6);
  }
  return picodollars / 1e12;
}

const picoOf = (usd: number): number => Math.round(usd * 1e12);

const isCounted = (usage: Usage): boolean =>
  usage.fresh !== undefined ||
  usage.cacheRead !== undefined ||
  usage.output !== undefined ||
  usage.reasoning !== undefined;

/** The rates of the tier and of the prompt's length; `undefined` for a tier that nobody has a price of. */
function ratesFor(usage: Usage, prices: Prices): Rates | undefined {
  const { tier } = usage;
  const own = tier === undefined ? prices : prices.tiers?.[tier];
  const prompt = inputTokens(usage);
  return own?.longPrompts?.findLast((long) => prompt > long.inputTokensAbove) ?? own;
}

/** How well the cost of a turn is known: `partial` is what was counted until the reply broke off. */
export type CostBasis = 'exact' | 'partial' | 'unknown';

/** What one dispatch of a turn cost. A turn that was tried again has several. */
export interface DispatchCost {
  readonly provider: string;
  /** The account's id. */
  readonly account?: string;
  readonly model: string;
  /** What its upstream counted, as far as it got to say it. */
  readonly usage?: Usage;
  /** Absent when not known. */
  readonly usd?: number;
  readonly basis: CostBasis;
  /** What is missing where it is not exact. */
  readonly lacks?: 'price' | 'usage';
}

/** One request to an upstream that began to answer, and so charges for it. */
export interface Charged {
  readonly provider: string;
  readonly model: string;
  readonly prices?: Prices;
  /** What was counted, as far as the upstream got to say it. */
  readonly usage?: Usage;
  /** Whether the reply came to its end. */
  readonly whole: boolean;
}

/** The cost of one dispatch. A reply that broke off is known in part at best: its last counts never came. */
export function dispatchCost({ provider, model, prices, usage, whole }: Charged): DispatchCost {
  const usd = costUsd(usage, prices);
  if (usd !== undefined)
    return { provider, model, usd, ...(whole ? exact : { basis: 'partial', lacks: 'usage' }) };
  const isUncounted = usage === undefined || !isCounted(usage);
  return {
    provider,
    model,
    basis: 'unknown',
    lacks: prices !== undefined && isUncounted ? 'usage' : 'price',
  };
}

const exact = { basis: 'exact' } as const;

/** The cost of a turn from its dispatches; nothing when none was charged for. One that is unknown makes the sum so. */
export function turnCost(
  costs: readonly DispatchCost[],
): { readonly usd?: number; readonly basis: CostBasis } | undefined {
  if (costs.length === 0) return undefined;
  let usd = 0;
  let basis: CostBasis = 'exact';
  for (const cost of costs) {
    if (cost.usd === undefined) return { basis: 'unknown' };
    usd += cost.usd;
    if (cost.basis === 'partial') basis = 'partial';
  }
  return { usd: Math.round(usd * 1e12) / 1e12, basis };
}
