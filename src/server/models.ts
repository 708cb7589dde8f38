import { publicName, type CatalogEntry } from '../routing/catalog.ts';
import { refuse } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';

/** A day that stands for "not known" where a list must date its models (2025-01-01). */
const undatedSeconds = 1_735_689_600;

/** A model's public name: with its provider in front unless the caller asked one provider only. */
export const publicId = (entry: CatalogEntry, scoped: boolean): string =>
  scoped ? entry.id : publicName(entry);

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
    ...limitsOf(entry),
  };
}

/** Limits in tokens, as far as they are known. OpenAI has no words for them: these are those of its imitators. */
function limitsOf({ facts, ...entry }: CatalogEntry): JsonObject {
  const context = entry.contextTokensMax ?? facts?.contextTokensMax;
  const input = entry.inputTokensMax ?? facts?.inputTokensMax;
  const output = entry.outputTokensMax ?? facts?.outputTokensMax;
  return {
    ...(context !== undefined && { context_window: context }),
    ...(input !== undefined && { max_input_tokens: input }),
    ...(output !== undefined && { max_output_tokens: output }),
  };
}

/**
 * `GET /v1/models` as Anthropic answers it. Without a `limit` the whole list is one page; `after_id` and `before_id`
 * begin and end a page beside that model. What takes no turns has no place there.
 */
export function anthropicModels(
  entries: readonly CatalogEntry[],
  scoped: boolean,
  query: (name: string) => string | undefined,
): JsonObject {
  const all = entries.filter(({ embeds }) => !embeds).map((entry) => anthropicModel(entry, scoped));
  const placeOf = (name: string): number | undefined => {
    const id = query(name);
    if (id === undefined || id === '') return undefined;
    const at = all.findIndex((model) => model.id === id);
    if (at < 0) refuse(`${name} names no model of this list`, name);
    return at;
  };
  const after = placeOf('after_id');
  const before = placeOf('before_id');
  const rest = all.slice(after === undefined ? 0 : after + 1, before ?? all.length);
  const limit = wholeNumber(query, 'limit') || rest.length;
  const data = before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return {
    data,
    has_more: data.length < rest.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

/** `GET /v1/models/{id}` as Anthropic answers it. */
export function anthropicModel(entry: CatalogEntry, scoped: boolean): JsonObject {
  const id = publicId(entry, scoped);
  const { facts } = entry;
  return {
    type: 'model',
    id,
    display_name: entry.name ?? facts?.name ?? id,
    created_at: new Date((entry.created ?? undatedSeconds) * 1000).toISOString(),
    max_input_tokens: inputLimit(entry) ?? null,
    max_tokens: entry.outputTokensMax ?? facts?.outputTokensMax ?? null,
  };
}

/** The longest page that Google gives. */
const geminiPageMax = 1000;

/**
 * `GET /v1beta/models` as Google answers it. Without a `pageSize` the whole list is one page; a page's token is the
 * place of its first model.
 */
export function geminiModels(
  entries: readonly CatalogEntry[],
  scoped: boolean,
  query: (name: string) => string | undefined,
): JsonObject {
  const from = wholeNumber(query, 'pageToken') ?? 0;
  const size = wholeNumber(query, 'pageSize');
  const to = size ? from + Math.min(size, geminiPageMax) : entries.length;
  return {
    models: entries.slice(from, to).map((entry) => geminiModel(entry, scoped)),
    ...(to < entries.length ? { nextPageToken: String(to) } : {}),
  };
}

function wholeNumber(query: (name: string) => string | undefined, name: string): number | undefined {
  const value = query(name);
  if (value === undefined || value === '') return undefined;
  if (!/^\d{1,9}$/.test(value)) refuse(`${name} is not valid`, name);
  return Number(value);
}

/** `GET /v1beta/models/{id}` as Google answers it. */
export function geminiModel(entry: CatalogEntry, scoped: boolean): JsonObject {
  const id = publicId(entry, scoped);
  const { facts } = entry;
  return {
    name: `models/${id}`,
    displayName: entry.name ?? facts?.name ?? id,
    inputTokenLimit: inputLimit(entry),
    outputTokenLimit: entry.outputTokensMax ?? facts?.outputTokensMax,
    supportedGenerationMethods: entry.embeds
      ? ['embedContent', 'batchEmbedContents']
      : ['generateContent', 'streamGenerateContent', 'countTokens'],
  };
}

/** How long a prompt may be; where only the whole is known, that. */
const inputLimit = ({ facts, ...entry }: CatalogEntry): number | undefined =>
  entry.inputTokensMax ?? facts?.inputTokensMax ?? entry.contextTokensMax ?? facts?.contextTokensMax;
