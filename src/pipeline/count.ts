import type { Protocol } from '../protocols/protocol.ts';
import type { Route } from '../routing/catalog.ts';
import { TokenizerBusy } from '../tokens/tokenizer.ts';
import { FailureError } from '../turn/failure.ts';
import { joinNotes } from '../turn/note.ts';
import { parseObject, type JsonObject } from '../turn/json.ts';
import { answer } from './answer.ts';
import { parseBody, type Asked } from './asked.ts';
import { attempts, served, type Attempt } from './dispatch.ts';
import type { Exchange, Inbound, PipelineDeps } from './exchange.ts';
import { finishRecord } from './finish-record.ts';
import { strangeFailure } from './network-failure.ts';
import { openRequest } from './opening.ts';
import { encodeFor, type Outgoing } from './outgoing.ts';
import { ownRequest } from './own-opaque.ts';
import { isMissing, isMissingRoute, rememberMissing, withBody } from './missing-route.ts';
import { ownHeaders } from './reply-headers.ts';
import type { Estimate } from './token-estimator.ts';
import { exchangeWhole, passOwn, readWhole, wholeReply } from './whole-call.ts';

/** A count is a number and a few words about it. */
const answerBytesMax = 1024 * 1024;

/**
 * Answers how many tokens a turn would have: by the upstream's own count where it has one, else by an estimate. The
 * header `dragoman-count` says which. Every end is recorded exactly once.
 */
export const serveCount = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, count);

async function count(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { body, asked, routes } = await openRequest(deps, inbound);
  const able = routes.filter((route) => counterOf(deps, inbound.surface, route));
  if (able.length === 0) return estimate(deps, inbound, body, asked, routes[0]!);
  const counted = await attempts(deps, inbound, able, body, (attempt) =>
    askUpstream(deps, inbound, body, asked, attempt, counterOf(deps, inbound.surface, attempt.route)!),
  );
  return counted ?? estimate(deps, inbound, body, asked, routes[0]!);
}

/** The protocol in which the provider counts tokens, the client's own if it may be; `undefined` when in none. */
function counterOf(deps: PipelineDeps, surface: Protocol, route: Route): Protocol | undefined {
  const { provider, model } = route;
  if (isMissing(route, 'count', deps.nowMs())) return undefined;
  const spoken = provider.protocols(model);
  const best = spoken.includes(surface.id) ? [surface.id, ...spoken] : spoken;
  for (const id of best) {
    const protocol = deps.protocols.get(id)!;
    if (protocol.count !== undefined && provider.offers?.('count', id)) return protocol;
  }
  return undefined;
}

/** The upstream's own count, or its refusal; `undefined` when it turns out to have no such route. */
async function askUpstream(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  attempt: Attempt,
  upstream: Protocol,
): Promise<Response | undefined> {
  const { route } = attempt;
  const native = upstream === inbound.surface;
  const own = native ? ownRequest(deps, inbound, body, asked, attempt, false) : undefined;
  const outgoing = own
    ? passOwn(deps, inbound, own, route)
    : translate(deps, inbound, body, asked, route, upstream);
  const exchange = await exchangeWhole(deps, inbound, attempt, upstream, 'count', outgoing);
  if (!exchange.response.ok) {
    const { refused, body: words } = await withBody(exchange);
    if (!isMissingRoute(exchange, words)) return answer(refused);
    rememberMissing(route, 'count', deps.nowMs());
    return undefined;
  }
  const bytes = await readWhole(exchange, answerBytesMax);
  const tokens = upstream.count!.read(parseAnswer(bytes, exchange));
  if (tokens === undefined) {
    throw new FailureError(strangeFailure('no number of tokens', exchange.response.status));
  }
  return wholeReply(exchange, native ? bytes : inbound.surface.count!.write(tokens), {
    'dragoman-count': 'upstream',
  });
}

/** The question in the upstream's words: its request for the turn, less what the count route does not take. */
function translate(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  route: Route,
  upstream: Protocol,
): Outgoing {
  const { surface } = inbound;
  const { model } = route;
  const request = surface.decodeRequest(surface.count!.turnOf(parseBody(body, asked)));
  const left = inbound.leaveOut(request);
  const encoded = encodeFor(request, route, upstream);
  return {
    body: JSON.stringify(upstream.count!.question(encoded.body, model)),
    notes: joinNotes(left, encoded.notes),
    askedUsage: false,
    context() {
      throw new Error('a count is answered in one piece');
    },
  };
}

async function estimate(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  { provider, model }: Route,
): Promise<Response> {
  const { surface, record } = inbound;
  const request = surface.decodeRequest(surface.count!.turnOf(parseBody(body, asked)));
  if (!provider.protocols(model).includes(surface.id)) inbound.leaveOut(request);
  record.provider = provider.name;
  record.upstreamModel = model;
  record.lane = 'none';
  record.upstreamProtocol = undefined;
  record.notes = [];
  const estimated = await deps.tokens.estimate(provider.name, model, request).catch(busy);
  const answerBytes = Buffer.from(JSON.stringify(surface.count!.write(estimated.tokens)));
  record.status = 200;
  record.headersMs = performance.now();
  record.bytesOut = answerBytes.length;
  finishRecord(deps, record, undefined);
  return new Response(answerBytes, {
    status: 200,
    headers: { ...ownHeaders(inbound, 'application/json'), 'dragoman-count': estimateText(estimated) },
  });
}

/** `estimate; ratio=1.07; samples=3` */
const estimateText = ({ ratio, samples }: Estimate): string =>
  `estimate; ratio=${ratio.toFixed(2)}; samples=${samples}`;

function busy(error: unknown): never {
  if (!(error instanceof TokenizerBusy)) throw error;
  throw new FailureError({
    kind: 'overloaded',
    scope: 'gateway',
    status: 503,
    message: 'too many texts are being counted',
    retryable: true,
    retryAfterMs: 1000,
  });
}

function parseAnswer(bytes: Uint8Array, { response }: Exchange): JsonObject {
  const body = parseObject(bytes);
  if (body !== undefined) return body;
  throw new FailureError(strangeFailure('something that is not JSON', response.status));
}
