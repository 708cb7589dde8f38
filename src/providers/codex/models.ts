import { asArray, asBoolean, asNumber, asObject, asString, type Json } from '../../turn/json.ts';
import { readJson } from '../http.ts';
import type { ModelInfo } from '../provider.ts';

/** What the backend's catalog says of a model that requests depend on. */
export interface CatalogModel {
  /** Its `efforts` and `inputs` are absent where the catalog does not say. */
  readonly info: ModelInfo;
  /** It is offered to people; the others are for the official client itself. */
  readonly listed: boolean;
  /** Ids of the service tiers beside the usual one. */
  readonly tiers: readonly string[];
  /** Whether the length of its replies can be chosen; absent where the catalog does not say. */
  readonly verbosity?: boolean;
  /** Whether it may call several tools at once; absent where the catalog does not say. */
  readonly parallelCalls?: boolean;
  /** Whether it looks for tools by itself; absent where the catalog does not say. */
  readonly toolSearch?: boolean;
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
  return readCatalog(await readJson(response));
}

/** Reads `{models: [{slug, display_name, …}]}`; entries without a slug are passed over. */
export function readCatalog(body: Json): CatalogModel[] {
  const models: CatalogModel[] = [];
  for (const entry of asArray(asObject(body)?.models)) {
    const model = asObject(entry);
    const id = asString(model?.slug);
    if (model === undefined || id === undefined || id === '') continue;
    const { input_modalities: inputs, supported_reasoning_levels: levels } = model;
    models.push({
      info: {
        id,
        name: asString(model.display_name),
        ownedBy: 'openai',
        inputTokensMax: asNumber(model.context_window) ?? asNumber(model.max_context_window),
        efforts: Array.isArray(levels) ? levels.flatMap(effortIn) : undefined,
        inputs: Array.isArray(inputs) ? inputs.flatMap((each) => asString(each) ?? []) : undefined,
        ownEntry: model,
      },
      listed: model.visibility !== 'none',
      tiers: asArray(model.service_tiers).flatMap((tier) => asString(asObject(tier)?.id) ?? []),
      verbosity: asBoolean(model.support_verbosity),
      parallelCalls: asBoolean(model.supports_parallel_tool_calls),
      toolSearch: asBoolean(model.supports_search_tool),
    });
  }
  return models;
}

/** A level is an object with a description, or the bare word. */
const effortIn = (level: Json): string | [] => asString(asObject(level)?.effort) ?? asString(level) ?? [];
