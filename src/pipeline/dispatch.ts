import type { Call, Provider } from '../providers/provider.ts';
import type { Route } from '../routing/catalog.ts';
import { dropCharge, openCharge } from '../telemetry/charges.ts';
import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, invalidRequest, type Failure } from '../turn/failure.ts';
import { failureReply, finishRecord } from './answer.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { patiently } from './idle-watch.ts';
import { cancelledFailure, connectFailure, idleFailure } from './network-failure.ts';

/**
 * Does the work of a request. Whatever goes wrong becomes an answer in the client's protocol, and is recorded; the
 * work itself records its success.
 */
export async function served(
  deps: PipelineDeps,
  inbound: Inbound,
  work: (deps: PipelineDeps, inbound: Inbound) => Promise<Response>,
): Promise<Response> {
  try {
    return await work(deps, inbound);
  } catch (error) {
    const failure = inbound.client.aborted ? cancelledFailure : failureOf(error);
    finishRecord(deps, inbound.record, failure);
    return failureReply(inbound.surface, failure, inbound.requestId, {}, inbound.asked?.asArray);
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  return {
    kind: 'internal',
    scope: 'gateway',
    status: 500,
    message: 'the gateway failed to carry this request; its log has the cause',
    code: 'internal_error',
    retryable: false,
    cause: error,
  };
}

/** Where a model is to be had; a 404 that names the nearest ones when it is nowhere. */
export async function findRoute(
  deps: PipelineDeps,
  { only, record }: Inbound,
  model: string,
): Promise<Route> {
  const found = deps.catalog.resolve(model, only);
  const result = found instanceof Promise ? await found : found;
  if (result.found) {
    record.provider = result.route.provider.name;
    record.upstreamModel = result.route.model;
    record.prices = result.route.facts?.prices;
    return result.route;
  }
  const near = result.near.length > 0 ? `; near it: ${result.near.join(', ')}` : '';
  throw new FailureError(
    invalidRequest(`the model ${JSON.stringify(model.slice(0, 200))} does not exist here${near}`, 'model', {
      kind: 'not_found',
      status: 404,
      code: 'model_not_found',
    }),
  );
}

/** Aborts with the client. Apart from the turn, so that an open stream holds nothing else of it in memory. */
export function follow(client: AbortSignal): AbortController {
  const abort = new AbortController();
  client.addEventListener('abort', () => abort.abort(), { once: true });
  return abort;
}

/** Sends a call; a client that leaves meanwhile is told apart further up. */
export function send(
  deps: PipelineDeps,
  provider: Provider,
  call: Call,
  abort: AbortController,
  record: TurnRecord,
): Promise<Response> {
  const wire = provider.prepare(call);
  const { firstByteMs, watch } = deps;
  const timer = firstByteMs === undefined ? undefined : setTimeout(() => abort.abort(), firstByteMs);
  // Counting is free; everything else may cost something from here on, even when its answer never comes.
  if (call.operation !== 'count') openCharge(record);
  const sent = patiently(
    watch,
    abort,
    record,
    () => provider.send(wire, abort.signal),
    (error) => {
      if (abort.signal.aborted) return idleFailure(firstByteMs ?? watch.idleMs);
      dropCharge(record);
      return connectFailure(provider.name, error);
    },
  );
  return timer === undefined ? sent : sent.finally(() => clearTimeout(timer));
}
