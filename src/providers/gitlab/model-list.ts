import { parse } from 'yaml';
import { asArray, asNumber, asObject, asString, type Json } from '../../turn/json.ts';
import { readText } from '../http.ts';
import type { ListedModel, Vendor } from './models.ts';
import { snapshot } from './snapshot.ts';

/** The models that the gateway takes: those of a snapshot, until GitLab's public list was read. */
export interface ModelList {
  readonly models: readonly ListedModel[];
  /** Looks for a newer list behind, where that is due. */
  look(): void;
  /** When what was read last is there. */
  readonly settled: Promise<void>;
}

const freshMs = 24 * 60 * 60_000;
/** After a failure. */
const againMs = 60 * 60_000;
const readMs = 15_000;
/** The list has some 60 KiB. */
const listBytesMax = 2 * 1024 * 1024;
const modelsMax = 500;

/** @param url where the list is; `undefined` keeps to the snapshot */
export function createModelList(
  url: string | undefined,
  fetcher: typeof fetch,
  nowMs: () => number,
): ModelList {
  let models = snapshot;
  let dueMs = -Infinity;
  let settled: Promise<void> = Promise.resolve();

  async function read(from: string): Promise<void> {
    const response = await fetcher(from, { signal: AbortSignal.timeout(readMs), redirect: 'manual' });
    const text = response.ok ? await readText(response, listBytesMax + 1) : '';
    const found = text.length > listBytesMax ? [] : parseModels(text);
    // A list without models is a fault of the list: what was known stays.
    if (found.length === 0) return;
    models = found;
    dueMs = nowMs() + freshMs;
  }

  return {
    get models() {
      return models;
    },
    get settled() {
      return settled;
    },
    look() {
      if (url === undefined || nowMs() < dueMs) return;
      dueMs = nowMs() + againMs;
      settled = read(url).catch(() => undefined);
    },
  };
}

/** The entries of a `models.yml` that the proxy takes. Throws nothing: what cannot be read is no model. */
export function parseModels(text: string): ListedModel[] {
  let document: Json;
  try {
    // YAML 1.1 has the numbers that are written with underscores.
    document = parse(text, { version: '1.1', maxAliasCount: 100 }) as Json;
  } catch {
    return [];
  }
  const found = new Map<string, ListedModel>();
  for (const entry of asArray(asObject(document)?.models).slice(0, modelsMax)) {
    const model = readModel(entry);
    if (model) found.set(model.id, model);
  }
  return [...found.values()];
}

function readModel(entry: Json): ListedModel | undefined {
  const model = asObject(entry);
  const params = asObject(model?.params);
  const id = asString(params?.model);
  const vendor = asString(model?.proxy_provider);
  if (model === undefined || id === undefined || !isVendor(vendor)) return undefined;
  return {
    vendor,
    id,
    name: asString(model.name),
    gitlabId: asString(model.gitlab_identifier),
    contextTokensMax: asNumber(model.max_context_tokens),
    outputTokensMax: asNumber(params?.max_tokens),
    ...(asNumber(params?.temperature) === 1 && { fixedSampling: true }),
  };
}

const isVendor = (word: string | undefined): word is Vendor => word === 'anthropic' || word === 'openai';
