import { z } from 'zod';

/**
 * The document that models.dev publishes as `api.json`, as far as it is read: vendors by their id, each with its
 * models. Further members are passed over. A price is in US dollars for a million tokens.
 */
const amount = z.number().nonnegative();
const tokens = z.number().int().nonnegative();
const modality = z.enum(['text', 'image', 'audio', 'video', 'pdf']);

const rates = z.object({
  input: amount.optional(),
  output: amount.optional(),
  reasoning: amount.optional(),
  cache_read: amount.optional(),
  cache_write: amount.optional(),
  input_audio: amount.optional(),
  output_audio: amount.optional(),
});

const cost = rates.extend({
  tiers: z.array(rates.extend({ tier: z.object({ type: z.literal('context'), size: tokens }) })).optional(),
  /** The older spelling of a single tier. */
  context_over_200k: rates.optional(),
});

const reasoningOption = z.union([
  z.object({ type: z.literal('effort'), values: z.array(z.string().nullable()) }),
  z.object({ type: z.literal('toggle') }),
  z.object({ type: z.literal('budget_tokens'), min: tokens.optional(), max: tokens.optional() }),
]);

/** Another way to be served, asked for by members of the request: `{service_tier: 'priority'}`. */
const mode = z.object({
  cost: cost.optional(),
  provider: z.object({ body: z.record(z.string(), z.unknown()).optional() }).optional(),
});

const modelSchema = z.object({
  id: z.string().min(1),
  name: z.string().optional(),
  release_date: z.string().optional(),
  reasoning: z.boolean().optional(),
  reasoning_options: z.array(reasoningOption).optional().catch(undefined),
  tool_call: z.boolean().optional(),
  structured_output: z.boolean().optional(),
  temperature: z.boolean().optional(),
  modalities: z
    .object({ input: z.array(modality), output: z.array(modality) })
    .optional()
    .catch(undefined),
  limit: z
    .object({ context: tokens.optional(), input: tokens.optional(), output: tokens.optional() })
    .optional(),
  experimental: z
    .object({ modes: z.record(z.string(), mode).optional() })
    .optional()
    .catch(undefined),
  cost: cost.optional(),
});

export type CatalogModel = z.infer<typeof modelSchema>;
export type CatalogCost = z.infer<typeof cost>;
export type CatalogRates = z.infer<typeof rates>;

/** Models by vendor and id. */
export type ModelCatalog = Readonly<
  Record<string, { readonly models: Readonly<Record<string, CatalogModel>> }>
>;

/** What {@link readCatalog} made of a document. */
export interface CatalogReading {
  readonly catalog: ModelCatalog;
  /** How many models it kept. */
  readonly models: number;
  /** Models of those vendors that are not of the shape, as `vendor/model`. */
  readonly faulty: readonly string[];
}

const documentSchema = z.record(z.string(), z.unknown());
const vendorSchema = z.object({ models: z.record(z.string(), z.unknown()) });

/**
 * Reads a document of models.dev: the models of `vendors` with the members that are used, in a fixed order. A model
 * that is not of the shape is left out and named.
 *
 * @throws {z.ZodError} when it is no such document at all
 */
export function readCatalog(document: unknown, vendors: Iterable<string>): CatalogReading {
  const all = documentSchema.parse(document);
  const catalog: Record<string, { models: Record<string, CatalogModel> }> = {};
  const faulty: string[] = [];
  let models = 0;
  for (const vendor of [...vendors].sort()) {
    const entry = vendorSchema.safeParse(all[vendor]);
    if (!entry.success) continue;
    const kept: Record<string, CatalogModel> = {};
    for (const id of Object.keys(entry.data.models).sort()) {
      const model = modelSchema.safeParse(entry.data.models[id]);
      if (model.success) kept[id] = tidied(model.data);
      else faulty.push(`${vendor}/${id}`);
    }
    models += Object.keys(kept).length;
    catalog[vendor] = { models: kept };
  }
  return { catalog, models, faulty };
}

/** Without what says nothing here: modes that cost the same, and the older spelling beside the newer one. */
function tidied(model: CatalogModel): CatalogModel {
  const { experimental, cost, ...rest } = model;
  const modes = Object.entries(experimental?.modes ?? {}).filter(
    ([, each]) => each.cost && each.provider?.body,
  );
  const kept: CatalogModel = { ...rest };
  if (cost) kept.cost = tidiedCost(cost);
  if (modes.length > 0) {
    const named = modes.map(([name, each]) => [name, { ...each, cost: tidiedCost(each.cost!) }]);
    kept.experimental = { modes: Object.fromEntries(named) };
  }
  return JSON.parse(JSON.stringify(kept)) as CatalogModel;
}

function tidiedCost({ context_over_200k: over, ...cost }: CatalogCost): CatalogCost {
  if (cost.tiers !== undefined || over === undefined) return cost;
  return { ...cost, tiers: [{ ...over, tier: { type: 'context', size: 200_000 } }] };
}
