import type { Abilities, InputKind, ReasoningAbilities } from '../protocols/protocol.ts';
import type { Prices } from '../telemetry/cost.ts';
import type { ProtocolId } from '../turn/part.ts';
import type { Route } from './catalog.ts';
import { spellings, undated } from './model-names.ts';
import type { CatalogModel, ModelCatalog } from './models-dev.ts';
import { pricesOf } from './prices.ts';
import { reasoningOf, temperatureOf } from './reasoning-facts.ts';
import { vendorAt, vendors } from './vendors.ts';

/** What is known of a model at the place where it is asked. What is not known is absent. */
export interface ModelFacts {
  readonly name?: string;
  /** Day of release, ISO 8601, sometimes without the day. */
  readonly released?: string;
  /** Prompt and reply together. */
  readonly contextTokensMax?: number;
  readonly inputTokensMax?: number;
  readonly outputTokensMax?: number;
  readonly inputs?: readonly InputKind[];
  readonly outputs?: readonly InputKind[];
  readonly reasoning?: ReasoningAbilities;
  /** Whether it takes `temperature` and `top_p`. */
  readonly temperature?: boolean;
  readonly toolCalls?: boolean;
  readonly outputSchema?: boolean;
  readonly prices?: Prices;
}

/** Knows models by the place that serves them and by their names. */
export interface FactsBook {
  /**
   * @param baseUrl where the model is asked; `undefined` for a provider that asks nobody
   * @param pricedAs the vendor whose prices tell what a turn there is worth, where it is not that vendor's own API
   * @returns nothing of a model that no catalog and no family has
   */
  lookup(baseUrl: string | undefined, model: string, pricedAs?: string): ModelFacts | undefined;
  /** Puts a newer catalog on top of those it has. */
  renew(catalog: ModelCatalog): void;
}

/** Names come from clients: beyond this many, what was looked up is forgotten. */
const rememberedMax = 2_000;

/**
 * Makes a book from a catalog. At a vendor's own API all of its entry holds. Anywhere else a model of the same name
 * is taken for the same model, with the limits and the controls that come with it, but not for the same offer:
 * prices, and what the server lets in and out, stay unknown.
 *
 * @example
 * const book = factsBook(snapshot.catalog);
 * book.lookup('http://127.0.0.1:11434/v1', 'some-model')?.prices; // undefined
 */
export function factsBook(catalog: ModelCatalog): FactsBook {
  const first = indexOf(catalog);
  let indexes = [first];
  const remembered = new Map<string, ModelFacts | undefined>();

  function findEntry(vendor: string | undefined, model: string): Entry | undefined {
    for (const { id, same } of spellings(model)) {
      for (const index of indexes) {
        if (vendor !== undefined) {
          const own = index.byVendor.get(vendor)?.get(id);
          if (own) return { ...own, same };
        } else {
          const anyone = index.byId.get(id);
          if (anyone) return { ...anyone, same: false };
        }
      }
    }
    return undefined;
  }

  function look(vendor: string | undefined, model: string): ModelFacts | undefined {
    const entry = findEntry(vendor, model);
    if (entry === undefined) {
      const facts = ofFamily(model);
      return vendor !== undefined && vendors[vendor]?.statedCost !== undefined
        ? { ...facts, ...findElsewhere(model), prices: pricesOf({ id: model }, vendors[vendor]) }
        : facts;
    }
    const facts = controlsOf(entry.model);
    return entry.same ? { ...facts, ...termsOf(entry.model, entry.vendor) } : facts;
  }

  /** A model of the same name is the same offer only where somebody says so. */
  function priced(
    facts: ModelFacts | undefined,
    model: string,
    pricedAs: string | undefined,
  ): ModelFacts | undefined {
    const entry = pricedAs === undefined ? undefined : findEntry(pricedAs, model);
    if (!entry?.same || facts?.prices !== undefined) return facts;
    return { ...facts, prices: pricesOf(entry.model, vendors[entry.vendor]!) };
  }

  function findElsewhere(model: string): ModelFacts | undefined {
    const entry = findEntry(undefined, model);
    return entry && controlsOf(entry.model);
  }

  return {
    lookup(baseUrl, model, pricedAs) {
      const vendor = vendorAt(baseUrl);
      const key = `${vendor ?? ''} ${pricedAs ?? ''} ${model}`;
      if (remembered.has(key)) return remembered.get(key);
      const facts = priced(look(vendor, model), model, pricedAs);
      if (remembered.size >= rememberedMax) remembered.clear();
      remembered.set(key, facts);
      return facts;
    },
    renew(newer) {
      indexes = [indexOf(newer, catalog), first];
      remembered.clear();
    },
  };
}

/** What encoders are to know of a model. Anything that is not known is absent. */
export function abilitiesOf(facts: ModelFacts | undefined): Partial<Abilities> {
  if (facts === undefined) return {};
  const { outputTokensMax, reasoning, temperature, inputs, outputSchema } = facts;
  return {
    ...(outputTokensMax !== undefined && { outputTokensMax }),
    ...(reasoning !== undefined && { reasoning }),
    ...(temperature === false && { fixedSampling: true }),
    ...(inputs !== undefined && { inputs: new Set(inputs) }),
    ...(outputSchema !== undefined && { outputSchema }),
  };
}

/** What an encoder is to know of the model and of the endpoint that a route leads to. */
export const abilitiesAt = ({ provider, model, facts }: Route, protocol: ProtocolId): Abilities => ({
  ...abilitiesOf(facts),
  ...provider.abilities(protocol, model),
});

interface Entry {
  readonly vendor: string;
  readonly model: CatalogModel;
  readonly same: boolean;
}

interface Index {
  readonly byVendor: ReadonlyMap<string, ReadonlyMap<string, Omit<Entry, 'same'>>>;
  readonly byId: ReadonlyMap<string, Omit<Entry, 'same'>>;
}

/** Indexes a catalog. `older` completes what the catalog leaves out of a model whose price has not changed. */
function indexOf(catalog: ModelCatalog, older?: ModelCatalog): Index {
  const byVendor = new Map<string, Map<string, Omit<Entry, 'same'>>>();
  const byId = new Map<string, Omit<Entry, 'same'>>();
  // Makers stand first in the table of vendors, those who also serve the models of others after them.
  for (const vendor of Object.keys(vendors)) {
    const own = new Map<string, Omit<Entry, 'same'>>();
    for (const [id, model] of Object.entries(catalog[vendor]?.models ?? {})) {
      const entry = { vendor, model: completed(model, older?.[vendor]?.models[id]) };
      own.set(id, entry);
      if (!byId.has(id)) byId.set(id, entry);
    }
    // The newest edition answers to the name without a date.
    for (const [id, entry] of [...own].sort(([a], [b]) => (a < b ? 1 : -1))) {
      const name = undated(id);
      if (!own.has(name)) own.set(name, entry);
      if (!byId.has(name)) byId.set(name, entry);
    }
    byVendor.set(vendor, own);
  }
  return { byVendor, byId };
}

/** The prices of further tiers hold as long as the ordinary ones are what they were. */
function completed(model: CatalogModel, older: CatalogModel | undefined): CatalogModel {
  const modes = older?.experimental?.modes;
  const isSame = model.cost?.input === older?.cost?.input && model.cost?.output === older?.cost?.output;
  if (modes === undefined || !isSame) return model;
  return { ...model, experimental: { modes: { ...modes, ...model.experimental?.modes } } };
}

/** What a model is by itself, wherever it runs. */
function controlsOf(model: CatalogModel): ModelFacts {
  const { limit } = model;
  const id = undated(model.id.slice(model.id.lastIndexOf('/') + 1));
  return known({
    name: model.name,
    released: model.release_date,
    contextTokensMax: positive(limit?.context),
    inputTokensMax: positive(limit?.input),
    outputTokensMax: positive(limit?.output),
    reasoning: reasoningOf(id, model),
    temperature: temperatureOf(id, model),
    toolCalls: model.tool_call,
  });
}

/** What its vendor offers with it. */
function termsOf(model: CatalogModel, vendorId: string): ModelFacts {
  const vendor = vendors[vendorId]!;
  return known({
    inputs: kindsOf(model.modalities?.input, vendor.imagesAndDocuments),
    outputs: kindsOf(model.modalities?.output),
    outputSchema: model.structured_output,
    prices: pricesOf(model, vendor),
  });
}

/** What is known by the name alone. */
function ofFamily(name: string): ModelFacts | undefined {
  for (const { id } of spellings(name)) {
    const reasoning = reasoningOf(id, undefined);
    if (reasoning !== undefined) return known({ reasoning, temperature: temperatureOf(id, undefined) });
  }
  return undefined;
}

function kindsOf(
  names: readonly string[] | undefined,
  imagesAndDocuments = false,
): readonly InputKind[] | undefined {
  if (names === undefined) return undefined;
  const kinds = new Set(names.map((name) => (name === 'pdf' ? 'document' : name)) as InputKind[]);
  if (imagesAndDocuments && kinds.has('image')) kinds.add('document');
  return [...kinds];
}

/** Catalogs write 0 where a limit does not apply. */
const positive = (limit: number | undefined): number | undefined => (limit === 0 ? undefined : limit);

/** Without the members that are `undefined`. */
const known = (facts: ModelFacts): ModelFacts =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
