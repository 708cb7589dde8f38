import type { Operation, Provider } from '../providers/provider.ts';
import type { Route } from '../routing/catalog.ts';
import type { Exchange } from './exchange.ts';
import { readRefusal } from './reading.ts';

/** How long a provider is not asked again for what it did not have. */
const missingForMs = 10 * 60_000;
const modelsMax = 200;

/** By provider, what it did not do for which model, and when that was seen. */
const missing = new WeakMap<Provider, Map<string, number>>();

/** Whether the provider was seen to have no such route for the model not long ago. */
export function isMissing({ provider, model }: Route, operation: Operation, nowMs: number): boolean {
  const seenMs = missing.get(provider)?.get(`${operation} ${model}`);
  return seenMs !== undefined && nowMs - seenMs < missingForMs;
}

/** By model, because a provider may stand for several upstreams. */
export function rememberMissing({ provider, model }: Route, operation: Operation, nowMs: number): void {
  const models = missing.get(provider) ?? new Map<string, number>();
  missing.set(provider, models);
  if (models.size >= modelsMax) models.clear();
  models.set(`${operation} ${model}`, nowMs);
}

const decoder = new TextDecoder();

/** Reads the words of a refusal, which can be answered from all the same. */
export async function withBody(exchange: Exchange): Promise<{ refused: Exchange; body: string }> {
  const bytes = await readRefusal(exchange);
  const { status, headers } = exchange.response;
  const refused = {
    ...exchange,
    response: new Response(bytes.length > 0 ? (bytes as BodyInit) : null, { status, headers }),
  };
  return { refused, body: decoder.decode(bytes) };
}

/** Whether a refusal means that there is no such route. A 404 that names the model is about the model. */
export function isMissingRoute({ response, upstream, inbound }: Exchange, body: string): boolean {
  const { status, headers } = response;
  if (status === 405 || status === 501) return true;
  if (status !== 404) return false;
  const model = inbound.record.upstreamModel!.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  if (new RegExp(`(?<![\\w.-])${model}(?![\\w-])`).test(body)) return false;
  return upstream.decodeFailure({ status, headers, text: body }).code !== 'model_not_found';
}
