import { publicName, type CatalogEntry } from '../routing/catalog.ts';
import type { JsonObject } from '../turn/json.ts';

/** A day that stands for "not known" where a list must date its models (2025-01-01). */
const undatedSeconds = 1_735_689_600;

/** A model's public name: with its provider in front unless the caller asked one provider only. */
const publicId = (entry: CatalogEntry, scoped: boolean): string => (scoped ? entry.id : publicName(entry));

/** `GET /v1/models` as OpenAI answers it. */
export function openAiModels(entries: readonly CatalogEntry[], scoped: boolean): JsonObject {
  return { object: 'list', data: entries.map((entry) => openAiModel(entry, scoped)) };
}

/** `GET /v1/models/{id}` as OpenAI answers it. */
export function openAiModel(entry: CatalogEntry, scoped: boolean): JsonObject {
  return {
    id: publicId(entry, scoped),
    object: 'model',
    created: entry.created ?? undatedSeconds,
    owned_by: entry.ownedBy ?? entry.provider,
  };
}

/** `GET /v1/models` as Anthropic answers it: the whole list on one page. */
export function anthropicModels(entries: readonly CatalogEntry[], scoped: boolean): JsonObject {
  const data = entries.map((entry) => anthropicModel(entry, scoped));
  return {
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

/** `GET /v1/models/{id}` as Anthropic answers it. */
export function anthropicModel(entry: CatalogEntry, scoped: boolean): JsonObject {
  const id = publicId(entry, scoped);
  return {
    type: 'model',
    id,
    display_name: entry.name ?? id,
    created_at: new Date((entry.created ?? undatedSeconds) * 1000).toISOString(),
  };
}
