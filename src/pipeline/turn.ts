import type { Call, TurnScope } from '../providers/provider.ts';
import { answer } from './answer.ts';
import { parseBody, type Asked } from './asked.ts';
import type { Continuation } from './continuation.ts';
import { attempts, follow, send, served, type Attempt } from './dispatch.ts';
import type { Exchange, Inbound, PipelineDeps } from './exchange.ts';
import { openRequest } from './opening.ts';
import { passOn, refuseLosses, translate } from './outgoing.ts';

/**
 * Carries one turn from the client's bytes to the reply. Every end is recorded exactly once; whatever goes wrong
 * becomes an answer in the client's protocol.
 */
export const serveTurn = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, carry);

async function carry(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { body, asked, routes, continuation } = await openRequest(deps, inbound);
  const scope: TurnScope = {
    caller: inbound.caller.id,
    session: inbound.sessionId,
    startedMs: deps.nowMs(),
  };
  return attempts(deps, inbound, routes, body, (attempt) =>
    tryAt(deps, inbound, body, asked, scope, attempt, continuation),
  );
}

/** Sends the turn to one account and begins the reply; throws a failure as long as the client has nothing of it. */
async function tryAt(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  scope: TurnScope,
  { route, account, mayMove }: Attempt,
  continuation: Continuation | undefined,
): Promise<Response> {
  const { surface, record } = inbound;
  const { provider, model, options } = route;
  const spoken = provider.protocols(model);
  // What an alias sets has to be written into the request.
  const native = spoken.includes(surface.id) && options === undefined;
  const upstream = spoken.includes(surface.id) ? surface : deps.protocols.get(spoken[0]!)!;
  record.upstreamProtocol = upstream.id;
  record.lane = native ? 'native' : 'translated';

  const outgoing = native
    ? passOn(deps, inbound, body, asked, route)
    : translate(deps, inbound, body, asked, route, upstream);
  refuseLosses(outgoing.notes, deps.strict);
  record.notes = outgoing.notes;
  deps.tokens.offer(record, () => surface.decodeRequest(parseBody(body, asked)));

  const call: Call = {
    protocol: upstream.id,
    operation: 'turn',
    model,
    stream: asked.stream,
    body: outgoing.body,
    inbound: inbound.headers,
    search: inbound.search,
    native,
    scope,
    state: continuation?.state.of(provider.name),
  };
  const abort = follow(inbound.client);
  const response = await send(deps, provider, account, call, abort, record);
  try {
    const exchange: Exchange = {
      deps,
      inbound,
      provider,
      account,
      upstream,
      native,
      stream: asked.stream,
      hideUsage: outgoing.askedUsage,
      source: { issuer: provider.name, names: outgoing.names },
      context: continuation?.context(outgoing.context) ?? outgoing.context,
      abort,
      response,
      mayMove,
      keeper: continuation?.keeper,
    };
    const reply = await answer(exchange);
    return continuation?.keeper === undefined
      ? reply
      : await continuation.keeper.whole(reply, { provider, native });
  } catch (error) {
    // Whatever is left of the upstream's answer is not read any more.
    abort.abort();
    throw error;
  }
}
