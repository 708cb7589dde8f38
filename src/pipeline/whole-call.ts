import type { Protocol } from '../protocols/protocol.ts';
import type { Call, Operation } from '../providers/provider.ts';
import type { Route } from '../routing/catalog.ts';
import { FailureError } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import { joinNotes } from '../turn/note.ts';
import type { Usage } from '../turn/usage.ts';
import { readAsked, type Asked } from './asked.ts';
import { readBounded, sourceOf } from './byte-source.ts';
import { finishRecord } from './finish-record.ts';
import { follow, send, type Attempt } from './dispatch.ts';
import type { Exchange, Inbound, PipelineDeps } from './exchange.ts';
import { strangeFailure } from './network-failure.ts';
import { passOn, refuseLosses, type Outgoing } from './outgoing.ts';
import type { OwnRequest } from './own-opaque.ts';
import { reading } from './reading.ts';
import { replyHeaders } from './reply-headers.ts';

/** Sends what is no turn, and so is answered in one piece. */
export async function exchangeWhole(
  deps: PipelineDeps,
  inbound: Inbound,
  { route, account, mayMove }: Attempt,
  upstream: Protocol,
  operation: Operation,
  outgoing: Outgoing,
  conversation: Pick<Call, 'scope' | 'state'> = {},
): Promise<Exchange> {
  const { record, headers, search, surface, client } = inbound;
  const { provider, model } = route;
  const native = upstream === surface;
  record.upstreamProtocol = upstream.id;
  record.lane = native ? 'native' : 'translated';
  refuseLosses(outgoing.notes, deps.strict);
  record.notes = outgoing.notes;
  const abort = follow(client);
  const response = await send(
    deps,
    provider,
    account,
    {
      protocol: upstream.id,
      operation,
      model,
      stream: false,
      body: outgoing.body,
      inbound: headers,
      search,
      native,
      ...conversation,
    },
    abort,
    record,
  );
  return {
    deps,
    inbound,
    provider,
    account,
    upstream,
    native,
    stream: false,
    hideUsage: false,
    source: { issuer: provider.name, names: outgoing.names },
    context: outgoing.context,
    abort,
    response,
    mayMove,
  };
}

const text = new TextDecoder();

/**
 * The native lane: the client's own bytes with the model's name edited, also where a path has named it and requests
 * inside the body name it again.
 */
export function passWhole(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  route: Route,
): Outgoing {
  const { renameModel } = inbound.surface;
  if (!asked.byPath || renameModel === undefined) return passOn(deps, inbound, body, asked, route);
  const json = JSON.parse(text.decode(body)) as JsonObject;
  const renamed = renameModel(json, asked.model, route.model);
  if (renamed === json) return passOn(deps, inbound, body, asked, route);
  const bytes = Buffer.from(JSON.stringify(renamed));
  return passOn(deps, inbound, bytes, readAsked(bytes, inbound), route);
}

/** The same for a request in which every opaque value is the upstream's own. */
export function passOwn(deps: PipelineDeps, inbound: Inbound, own: OwnRequest, route: Route): Outgoing {
  const outgoing = passWhole(deps, inbound, own.body, own.asked, route);
  return { ...outgoing, notes: joinNotes(own.notes, outgoing.notes) };
}

/** The whole of an answer; one that is no JSON object is the upstream's failure. */
export async function readWhole(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
  const { response } = exchange;
  const bytes = await reading(exchange, () => readBounded(sourceOf(response.body), bytesMax));
  const first = bytes.find((byte) => byte > 0x20);
  if (first !== 0x7b) throw new FailureError(strangeFailure('something that is not JSON', response.status));
  return bytes;
}

/** A 200 with what an upstream has said. */
export function wholeReply(
  exchange: Exchange,
  body: Uint8Array | JsonObject,
  headers: Record<string, string>,
  usage?: Usage,
): Response {
  const { deps, inbound } = exchange;
  const { record } = inbound;
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  record.status = 200;
  record.headersMs = performance.now();
  record.bytesOut = bytes.length;
  finishRecord(deps, record, undefined, { done: true, usage });
  return new Response(bytes as BodyInit, {
    status: 200,
    headers: { ...replyHeaders(exchange, 'application/json'), ...headers },
  });
}
