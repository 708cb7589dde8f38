import { join } from 'node:path';
import { factsRefresh, type RefreshOutcome } from './facts-refresh.ts';
import { factsBook, type ModelFacts } from './model-facts.ts';
import type { ModelCatalog } from './models-dev.ts';
import snapshotData from './models-snapshot.json' with { type: 'json' };

/** The catalog that comes with the program; `npm run catalog` renews it. */
export const snapshot: { readonly source: string; readonly date: string; readonly catalog: ModelCatalog } =
  snapshotData as never;

export interface FactsOptions {
  readonly providers: readonly {
    readonly name: string;
    readonly base_url?: unknown;
    /** A vendor of the catalog, whose prices hold there. */
    readonly pricedAs?: string;
  }[];
  /** How the catalog is kept up to date while the gateway runs. */
  readonly catalog: { readonly refresh: boolean; readonly url: string; readonly every_hours: number };
  /** The directory of the gateway's state; what was fetched is forgotten with the process when absent. */
  readonly home?: string;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly report?: (outcome: RefreshOutcome) => void;
}

/** What is known of the models of the configured providers. */
export interface Facts {
  of(provider: string, model: string): ModelFacts | undefined;
  /** Begins to ask for a newer catalog, where that is wanted. */
  start(): void;
  stop(): void;
}

const hourMs = 3_600_000;

/**
 * Opens the facts: those of the snapshot, and of a newer catalog once there is one.
 *
 * @example
 * openFacts({ providers: [], catalog: { refresh: false, url: '', every_hours: 24 }, fetch, nowMs: Date.now })
 *   .of('nobody', 'any-model'); // undefined
 */
export function openFacts({ providers, catalog, home, fetch, nowMs, report }: FactsOptions): Facts {
  const book = factsBook(snapshot.catalog);
  const known = new Map(
    providers.map(({ name, base_url, pricedAs }) => {
      const url = typeof base_url === 'string' ? base_url : undefined;
      return [name, { url, pricedAs }];
    }),
  );
  const refresh = catalog.refresh
    ? factsRefresh({
        url: catalog.url,
        everyMs: catalog.every_hours * hourMs,
        file: home === undefined ? undefined : join(home, 'model-catalog.json'),
        snapshot: snapshot.catalog,
        fetch,
        nowMs,
        renewed: book.renew,
        report,
      })
    : undefined;
  return {
    of(provider, model) {
      const place = known.get(provider);
      return place && book.lookup(place.url, model, place.pricedAs);
    },
    start: () => refresh?.start(),
    stop: () => refresh?.stop(),
  };
}
