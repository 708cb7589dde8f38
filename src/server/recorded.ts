import type { Context } from 'hono';
import type { Caller } from '../access/gatekeeper.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import { failureReply } from '../pipeline/failure-reply.ts';
import { finishRecord } from '../pipeline/finish-record.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { clientName, startRecord, type TurnRecord } from '../telemetry/record.ts';
import { FailureError } from '../turn/failure.ts';
import { requestId } from './request-id.ts';

/** How a request that asks nothing of a model is recorded, and in whose words its failures are told. */
export interface Recorded {
  /** What it is called in the log. */
  readonly name: string;
  /** The template of its route. */
  readonly route: string;
  readonly surface: Protocol;
}

/** Lets a caller in, answers and records, whatever the end. */
export async function recorded(
  deps: PipelineDeps,
  c: Context,
  { name, route, surface }: Recorded,
  answer: (caller: Caller, record: TurnRecord) => Promise<Response>,
): Promise<Response> {
  const { headers } = c.req.raw;
  const id = requestId(headers.get('x-request-id'));
  const record = startRecord({
    requestId: id,
    surface: name,
    method: c.req.method,
    route,
    startedMs: performance.now(),
    client: clientName(headers.get('user-agent')),
  });
  try {
    const caller = deps.gatekeeper.identify(headers);
    if (caller.key !== undefined) record.keyId = caller.id;
    const response = await answer(caller, record);
    response.headers.set('x-request-id', id);
    record.status = response.status;
    record.headersMs = performance.now();
    finishRecord(deps, record, undefined);
    return response;
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    finishRecord(deps, record, error.failure);
    return failureReply(surface, error.failure, id);
  }
}
