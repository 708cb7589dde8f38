import { asArray, asNumber, asObject, asString, type Json } from '../../turn/json.ts';
import { readJson } from '../http.ts';
import type { ModelInfo } from '../provider.ts';

/** Google has some hundred models; a list beyond this many pages of a thousand is not read on. */
const pagesMax = 10;

/** Asks for all models, page by page. */
export async function discoverModels(
  fetcher: typeof fetch,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<ModelInfo[]> {
  const models: ModelInfo[] = [];
  let token: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const next = token === undefined ? '' : `&pageToken=${encodeURIComponent(token)}`;
    const response = await fetcher(`${url}?pageSize=1000${next}`, { headers, signal, redirect: 'manual' });
    if (!response.ok) throw new Error(`the upstream answered ${response.status}`);
    const body = asObject(await readJson(response));
    for (const entry of asArray(body?.models)) {
      const model = modelInfo(entry);
      if (model !== undefined) models.push(model);
    }
    token = asString(body?.nextPageToken);
    if (!token) break;
  }
  return models;
}

/** One entry of the list: `{name: 'models/gemini-…', displayName, inputTokenLimit, supportedGenerationMethods, …}`. */
function modelInfo(entry: Json | undefined): ModelInfo | undefined {
  const model = asObject(entry);
  const name = asString(model?.name);
  if (model === undefined || name === undefined) return undefined;
  const methods = asArray(model.supportedGenerationMethods);
  return {
    id: name.replace(/^models\//, ''),
    name: asString(model.displayName),
    ownedBy: 'google',
    inputTokensMax: asNumber(model.inputTokenLimit),
    outputTokensMax: asNumber(model.outputTokenLimit),
    embeds: methods.includes('embedContent') && !methods.includes('generateContent') ? true : undefined,
  };
}
