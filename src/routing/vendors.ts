import vendorData from './vendors.json' with { type: 'json' };

/** What no catalog says of a vendor. Amounts are US dollars. */
export interface Vendor {
  /** The hosts of its own API: only there its prices hold. */
  readonly hosts: readonly string[];
  readonly webSearchUsd?: number;
  /** What a token that is cached for an hour costs, as a multiple of an input token. */
  readonly cacheWriteHourPerInput?: number;
  /** Factors for turns that are served in a region. */
  readonly regions?: Readonly<Record<string, number>>;
  /** The member of its usage objects in which it states what it charges. */
  readonly statedCost?: string;
  /** Models that read images read documents as well. */
  readonly imagesAndDocuments?: boolean;
}

/** By the vendor's id in the catalog. */
export const vendors: Readonly<Record<string, Vendor>> = vendorData;

const byHost = new Map(Object.entries(vendors).flatMap(([id, { hosts }]) => hosts.map((host) => [host, id])));

/** The vendor whose own API a URL leads to; `undefined` for everybody else's server. */
export const vendorAt = (url: string | undefined): string | undefined =>
  url === undefined ? undefined : byHost.get(URL.parse(url)?.hostname ?? '');
