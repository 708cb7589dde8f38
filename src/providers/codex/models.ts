import { asArray, asNumber, asObject, asString, type Json } from '../../turn/json.ts';
import type { ModelInfo } from '../provider.ts';

/** What the backend's catalog says of a model that requests depend on. */
export interface CatalogModel {
  readonly info: ModelInfo;
  /** Reasoning efforts, least first. */
  readonly efforts: readonly string[];
  /** Ids of the service tiers beside the usual one. */
  readonly tiers: readonly string[];
  /** Whether the length of its replies can be chosen; absent where the catalog does not say. */
  readonly verbosity?: boolean;
  /** `text`, `image`, `audio`; absent where the catalog does not say. */
  readonly inputs?: readonly string[];
}

/** Asks for the catalog, which is cut to what this version of the official client knows. */
export async function fetchCatalog(
  fetcher: typeof fetch,
  base: string,
  version: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<CatalogModel[]> {
  const url = `${base}/models?client_version=${encodeURIComponent(version)}`;
  const response = await fetcher(url, { headers, signal, redirect: 'manual' });
  if (!response.ok) throw new Error(`the upstream answered ${response.status}`);
  return readCatalog((await response.json()) as Json);
}

/** Reads `{models: [{slug, display_name, …}]}`; entries without a slug are passed over. */
export function readCatalog(body: Json): CatalogModel[] {
  const models: CatalogModel[] = [];
  for (const entry of asArray(asObject(body)?.models)) {
    const model = asObject(entry);
    const id = asString(model?.slug);
    if (model === undefined || id === undefined || id === '' || model.visibility === 'none') continue;
    const modalities = model.input_modalities === undefined ? undefined : texts(model.input_modalities);
    models.push({
      info: {
        id,
        name: asString(model.display_name),
        ownedBy: 'openai',
        inputTokensMax: asNumber(model.context_window) ?? asNumber(model.max_context_window),
      },
      efforts: asArray(model.supported_reasoning_levels).flatMap(
        (level) => asString(asObject(level)?.effort) ?? asString(level) ?? [],
      ),
      tiers: asArray(model.service_tiers).flatMap((tier) => asString(asObject(tier)?.id) ?? []),
      verbosity: typeof model.support_verbosity === 'boolean' ? model.support_verbosity : undefined,
      inputs: modalities,
    });
  }
  return models;
}

const texts = (value: Json): string[] => asArray(value).flatMap((each) => asString(each) ?? []);
