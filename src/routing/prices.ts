import type { LongPrompt, Prices, Rates } from '../telemetry/cost.ts';
import type { CatalogCost, CatalogModel, CatalogRates } from './models-dev.ts';
import type { Vendor } from './vendors.ts';

/** Members of a request by which its sender asks to be served otherwise. */
const tierMembers = ['service_tier', 'speed'] as const;

/**
 * What a model costs at its vendor. A model that puts out more than text, at another price that the catalog does
 * not tell apart, has no output rate.
 */
export function pricesOf(model: CatalogModel, vendor: Vendor): Prices | undefined {
  if (vendor.statedCost !== undefined) return { stated: vendor.statedCost };
  const { cost } = model;
  if (cost === undefined || (!cost.input && !cost.output)) return undefined;
  const tiers: Record<string, Prices> = {};
  for (const mode of Object.values(model.experimental?.modes ?? {})) {
    const body = mode.provider?.body ?? {};
    const member = tierMembers.find((each) => typeof body[each] === 'string');
    // A mode that asks for anything else beside is not told by the tier alone.
    if (member === undefined || mode.cost === undefined || Object.keys(body).length > 1) continue;
    tiers[body[member] as string] = ladder(mode.cost, model, vendor);
  }
  const { webSearchUsd, regions } = vendor;
  return {
    ...ladder(cost, model, vendor),
    ...(Object.keys(tiers).length > 0 && { tiers }),
    ...(webSearchUsd !== undefined && { webSearchUsd }),
    ...(regions !== undefined && { regions }),
  };
}

function ladder(cost: CatalogCost, model: CatalogModel, vendor: Vendor): Prices {
  const longPrompts = (cost.tiers ?? [])
    .map((tier): LongPrompt => ({ inputTokensAbove: tier.tier.size, ...ratesOf(tier, model, vendor) }))
    .sort((a, b) => a.inputTokensAbove - b.inputTokensAbove);
  const rates = ratesOf(cost, model, vendor);
  return longPrompts.length === 0 ? rates : { ...rates, longPrompts };
}

function ratesOf(cost: CatalogRates, model: CatalogModel, vendor: Vendor): Rates {
  const { cacheWriteHourPerInput } = vendor;
  const rates: Record<string, number | undefined> = {
    input: cost.input,
    cacheRead: cost.cache_read,
    cacheWrite: cost.cache_write,
    cacheWriteHour:
      cacheWriteHourPerInput === undefined || cost.input === undefined || cost.cache_write === undefined
        ? undefined
        : cost.input * cacheWriteHourPerInput,
    output: hasOneOutputPrice(cost, model) ? cost.output : undefined,
    reasoning: cost.reasoning,
    audioIn: cost.input_audio,
    audioOut: cost.output_audio,
  };
  // Catalogs write 0 for what is not sold by the token, or not known.
  for (const name in rates) if (!rates[name]) delete rates[name];
  return rates;
}

const hasOneOutputPrice = (cost: CatalogRates, { modalities }: CatalogModel): boolean =>
  (modalities?.output ?? []).every(
    (kind) => kind === 'text' || (kind === 'audio' && cost.output_audio !== undefined),
  );
