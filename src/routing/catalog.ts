import type { ModelInfo, Provider } from '../providers/provider.ts';
import type { ProtocolId } from '../turn/part.ts';
import type { ModelFacts } from './model-facts.ts';
import { editionOf } from './model-names.ts';
import { nearest } from './nearest.ts';

/** Where a turn goes. */
export interface Route {
  readonly provider: Provider;
  /** The model's name at that provider. */
  readonly model: string;
  readonly facts?: ModelFacts;
  /** What an alias or a suffix asks of the model beside its name. */
  readonly options?: RouteOptions;
}

/** What an alias's target or a suffix such as `model(high)` sets in every request. */
export interface RouteOptions {
  readonly effort?: string;
  readonly outputTokensMax?: number;
}

/** One target of an alias. */
export interface AliasTarget extends RouteOptions {
  /** `provider/model` */
  readonly target: string;
}

export type RouteResult =
  /** In the order in which they are to be tried; never empty. */
  | { readonly found: true; readonly routes: readonly Route[] }
  /** `near` names existing models, most alike first. */
  | { readonly found: false; readonly near: readonly string[] };

/** A model on offer, with the provider that has it. */
export interface CatalogEntry extends ModelInfo {
  readonly provider: string;
  /** The `provider/model` it stands for, when the entry is an alias. */
  readonly aliasOf?: string;
  /** What is known of it; what its upstream states itself stands beside it and is better. */
  readonly facts?: ModelFacts;
}

/** The name under which an entry is asked for at the gateway. */
export const publicName = ({ id, provider, aliasOf }: CatalogEntry): string =>
  aliasOf === undefined ? `${provider}/${id}` : id;

export interface Catalog {
  /**
   * `provider/model`, an alias, or a bare name; with `only`, a name at that one provider. A promise only where a
   * provider must be asked first: every turn comes by here.
   */
  resolve(name: string, only?: string): RouteResult | Promise<RouteResult>;
  /** All models, aliases first, or those of one provider; providers that could not be asked are in `failed`. */
  list(only?: string): Promise<{ models: CatalogEntry[]; failed: string[] }>;
  provider(name: string): Provider | undefined;
  /** How many providers speak this protocol for one of their models, as far as their models are configured. */
  speakers(protocol: ProtocolId): number;
}

/** How long a discovered list counts as fresh, and how long a provider may take to answer. */
const freshMs = 5 * 60_000;
const discoverMs = 5_000;

interface Discovered {
  models: readonly ModelInfo[];
  atMs: number;
  failed: boolean;
}

/**
 * Knows which provider has which model. A provider whose models are not configured is asked for them; what it
 * said last is served while it cannot be reached.
 */
export function createCatalog(
  providers: readonly Provider[],
  aliases: Readonly<Record<string, readonly AliasTarget[]>>,
  nowMs: () => number,
  ask: (provider: Provider, signal: AbortSignal) => Promise<ModelInfo[]>,
  factsOf: (provider: string, model: string) => ModelFacts | undefined = () => undefined,
): Catalog {
  const targetsOf = new Map(Object.entries(aliases));
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const discovered = new Map<string, Discovered>();
  const asking = new Map<string, Promise<Discovered>>();

  /** With `stale`, what it said last serves until it has answered anew. */
  async function modelsOf(provider: Provider, stale = false): Promise<Discovered> {
    if (provider.configured) return { models: provider.configured, atMs: 0, failed: false };
    const known = discovered.get(provider.name);
    if (known && nowMs() - known.atMs < freshMs) return known;
    let ask = asking.get(provider.name);
    if (!ask) {
      ask = discover(provider, known).finally(() => asking.delete(provider.name));
      asking.set(provider.name, ask);
    }
    return stale && known ? known : ask;
  }

  async function discover(provider: Provider, known: Discovered | undefined): Promise<Discovered> {
    let result: Discovered;
    try {
      const models = await ask(provider, AbortSignal.timeout(discoverMs));
      result = { models, atMs: nowMs(), failed: false };
    } catch {
      // A failed answer is kept for a short while only, so that a provider that comes back is seen.
      result = { models: known?.models ?? [], atMs: nowMs() - freshMs + 10_000, failed: true };
    }
    discovered.set(provider.name, result);
    return result;
  }

  const routeTo = (provider: Provider, model: string, options?: RouteOptions): RouteResult => ({
    found: true,
    routes: [{ provider, model, facts: factsOf(provider.name, model), options }],
  });

  function at(provider: Provider, asked: string, options?: RouteOptions): RouteResult {
    const closed = provider.configured?.map(({ id }) => id);
    const meant = (name: string): string | undefined => {
      const own = nameAt(provider, name);
      return closed ? editionOf(closed, own) : own;
    };
    const whole = closed && meant(asked);
    if (whole !== undefined) return routeTo(provider, whole, options);
    const { model: plain, effort } = withoutEffort(asked);
    const model = meant(plain);
    if (model !== undefined) {
      return routeTo(provider, model, effort === undefined ? options : { ...options, effort });
    }
    return { found: false, near: nearest(plain, closed ?? []).map((id) => `${provider.name}/${id}`) };
  }

  function resolve(name: string, only?: string): RouteResult | Promise<RouteResult> {
    if (only !== undefined) {
      const provider = byName.get(only);
      if (!provider) return { found: false, near: [] };
      const prefix = `${only}/`;
      return at(provider, name.startsWith(prefix) ? name.slice(prefix.length) : name);
    }
    const { model: plain, effort } = withoutEffort(name);
    const targets = targetsOf.get(name) ?? targetsOf.get(plain);
    if (targets) return atAlias(targets, targetsOf.has(name) ? undefined : effort);
    const slash = name.indexOf('/');
    const prefixed = slash > 0 ? byName.get(name.slice(0, slash)) : undefined;
    if (prefixed) return at(prefixed, name.slice(slash + 1));
    for (const wanted of [name, plain]) {
      const options = wanted === name || effort === undefined ? undefined : { effort };
      for (const provider of providers) {
        const model = nameAt(provider, wanted);
        if (provider.configured?.some((entry) => entry.id === model))
          return routeTo(provider, model, options);
      }
    }
    return discoverBare(name);
  }

  /** Every target of an alias that its provider may have. */
  function atAlias(targets: readonly AliasTarget[], effort: string | undefined): RouteResult {
    const found: Route[] = [];
    const near: string[] = [];
    for (const { target, ...own } of targets) {
      const slash = target.indexOf('/');
      const provider = byName.get(target.slice(0, slash));
      if (!provider) continue;
      const options = effort === undefined ? own : { ...own, effort };
      const isEmpty = Object.values(options).every((value) => value === undefined);
      const result = at(provider, target.slice(slash + 1), isEmpty ? undefined : options);
      if (result.found) found.push(...result.routes);
      else near.push(...result.near);
    }
    return found.length > 0 ? { found: true, routes: found } : { found: false, near };
  }

  /** Looks for a bare name at all providers, those that have to be asked for their models too; exact names go first. */
  async function discoverBare(name: string): Promise<RouteResult> {
    const { model: plain, effort } = withoutEffort(name);
    const offered = await Promise.all(
      providers.map(async (provider) => ({
        provider,
        ids: (await modelsOf(provider, true)).models.map(({ id }) => id),
      })),
    );
    for (const find of [exact, editionOf]) {
      for (const wanted of new Set([name, plain])) {
        const options = wanted === name || effort === undefined ? undefined : { effort };
        for (const { provider, ids } of offered) {
          const model = find(ids, wanted);
          if (model !== undefined) return routeTo(provider, model, options);
        }
      }
    }
    const { models } = await list();
    return { found: false, near: nearest(name, models.map(publicName)) };
  }

  function aliasEntry(id: string, target: string): CatalogEntry {
    const slash = target.indexOf('/');
    const provider = target.slice(0, slash);
    return { id, provider, aliasOf: target, facts: factsOf(provider, target.slice(slash + 1)) };
  }

  const aliasEntries = (): CatalogEntry[] =>
    Object.entries(aliases).flatMap(([id, [target]]) =>
      target === undefined ? [] : [aliasEntry(id, target.target)],
    );

  async function list(only?: string): Promise<{ models: CatalogEntry[]; failed: string[] }> {
    const asked = only === undefined ? providers : providers.filter((provider) => provider.name === only);
    const answers = await Promise.all(asked.map((provider) => modelsOf(provider)));
    const models: CatalogEntry[] = only === undefined ? aliasEntries() : [];
    const failed: string[] = [];
    answers.forEach((answer, i) => {
      const provider = asked[i]!;
      if (answer.failed) failed.push(provider.name);
      for (const model of answer.models) {
        models.push({ ...model, provider: provider.name, facts: factsOf(provider.name, model.id) });
      }
    });
    return { models, failed };
  }

  const speaks = (provider: Provider, id: ProtocolId): boolean =>
    (provider.configured ?? [{ id: '' }]).some((model) => provider.protocols(model.id).includes(id));
  const counted = new Map<ProtocolId, number>();
  function speakers(id: ProtocolId): number {
    let count = counted.get(id);
    if (count === undefined) {
      count = providers.filter((provider) => !provider.readsAnySeal && speaks(provider, id)).length;
      counted.set(id, count);
    }
    return count;
  }

  return { resolve, list, provider: (name) => byName.get(name), speakers };
}

/** What a provider calls the model that it has under further names. */
const nameAt = (provider: Provider, name: string): string => provider.named?.(name) ?? name;

const exact = (ids: readonly string[], name: string): string | undefined =>
  ids.includes(name) ? name : undefined;

/** `model(high)`: a model with an effort behind it. */
function withoutEffort(name: string): { model: string; effort: string | undefined } {
  const parts = !name.endsWith(')') ? null : /^(.+)\(([a-z]{2,10})\)$/.exec(name);
  return parts === null ? { model: name, effort: undefined } : { model: parts[1]!, effort: parts[2]! };
}
