import type { ModelInfo, ProviderDeps, WireRequest } from './provider.ts';
import { asArray, asNumber, asObject, asString, type Json } from '../turn/json.ts';

/** Headers of the client that say something about the protocol, not about the client or its credentials. */
export function pick(inbound: Headers, names: readonly string[], into: Record<string, string>): void {
  for (const name of names) {
    const value = inbound.get(name);
    if (value !== null) into[name] = value;
  }
}

/** The headers that every request to an upstream begins with, and those of its configuration. */
export const baseHeaders = (
  deps: ProviderDeps,
  configured: Readonly<Record<string, string>> | undefined,
): Record<string, string> => ({
  'content-type': 'application/json',
  'user-agent': deps.userAgent,
  'accept-encoding': 'identity',
  ...configured,
});

/**
 * Sends a prepared request. Redirects are not followed: they would carry credentials to a place nobody
 * configured.
 */
export function sendHttp(
  fetcher: typeof fetch,
  request: WireRequest,
  signal: AbortSignal,
): Promise<Response> {
  return fetcher(request.url, {
    method: 'POST',
    headers: request.headers,
    body: request.body as BodyInit,
    signal,
    redirect: 'manual',
  });
}

/** Asks for a list of models in the shape that OpenAI and Anthropic share: `{data: [{id, …}]}`. */
export async function listModels(
  fetcher: typeof fetch,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<ModelInfo[]> {
  const response = await fetcher(url, { headers, signal, redirect: 'manual' });
  if (!response.ok) throw new Error(`the upstream answered ${response.status}`);
  const body = asObject(await readJson(response));
  const models: ModelInfo[] = [];
  for (const entry of asArray(body?.data)) {
    const model = asObject(entry);
    const id = asString(model?.id);
    if (model === undefined || id === undefined) continue;
    const createdAt = asString(model.created_at);
    models.push({
      id,
      name: asString(model.display_name),
      created: asNumber(model.created) ?? (createdAt ? Math.floor(Date.parse(createdAt) / 1000) : undefined),
      ownedBy: asString(model.owned_by),
    });
  }
  return models;
}

/** Lists of models are far smaller. */
const jsonBytesMax = 32 * 1024 * 1024;

/** A bounded answer, parsed; throws when it is longer than any list of models, or no JSON. */
export const readJson = async (response: Response): Promise<Json> =>
  JSON.parse(await readText(response, jsonBytesMax)) as Json;

/** The text of a body, which is cut at `bytesMax`. */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < bytesMax) {
    const { value, done } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
  }
  void reader.cancel().catch(() => undefined);
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, bytesMax));
}
