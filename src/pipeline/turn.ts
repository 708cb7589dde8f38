import type { Call, TurnScope } from '../providers/provider.ts';
import { answer } from './answer.ts';
import { parseBody } from './asked.ts';
import { attempts, follow, send, served, type Attempt } from './dispatch.ts';
import type { Exchange, Inbound, PipelineDeps } from './exchange.ts';
import { openRequest, type Opened } from './opening.ts';
import { passOn, refuseLosses, translate } from './outgoing.ts';

/**
 * Carries one turn from the client's bytes to the reply. Every end is recorded exactly once; whatever goes wrong
 * becomes an answer in the client's protocol.
 */
export const serveTurn = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, carry);

async function carry(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const opened = await openRequest(deps, inbound);
  const scope = scopeOf(deps, inbound);
  return attempts(deps, inbound, opened.routes, opened.body, (attempt) =>
    tryAt(deps, inbound, opened, scope, attempt),
  );
}

export const scopeOf = (deps: PipelineDeps, { caller, sessionId }: Inbound): TurnScope => ({
  caller: caller.id,
  session: sessionId,
  startedMs: deps.nowMs(),
});

/** Sends the turn to one account and begins the reply; throws a failure as long as the client has nothing of it. */
export async function tryAt(
  deps: PipelineDeps,
  inbound: Inbound,
  opened: Opened,
  scope: TurnScope,
  { route, account, mayMove }: Attempt,
): Promise<Response> {
  const { surface, record } = inbound;
  const { asked, continuation } = opened;
  const { provider, model, options } = route;
  const spoken = provider.protocols(model);
  // What an alias sets has to be written into the request.
  const isOwn = spoken.includes(surface.id) && options === undefined;
  const summary = isOwn && provider.compacts?.(model) === true ? undefined : opened.summary?.();
  const native = isOwn && summary === undefined;
  const upstream = spoken.includes(surface.id) ? surface : deps.protocols.get(spoken[0]!)!;
  record.upstreamProtocol = upstream.id;
  record.lane = native ? 'native' : 'translated';

  const { body: sent, asked: wanted } = summary ?? opened;
  const outgoing = isOwn
    ? passOn(deps, inbound, sent, wanted, route)
    : translate(deps, inbound, sent, wanted, route, upstream);
  const context = summary ? () => ({ ...outgoing.context(), body: summary.echo }) : outgoing.context;
  refuseLosses(outgoing.notes, deps.strict);
  record.notes = outgoing.notes;
  deps.tokens.offer(record, () => surface.decodeRequest(parseBody(sent, wanted)));

  const call: Call = {
    protocol: upstream.id,
    operation: 'turn',
    model,
    stream: asked.stream,
    body: outgoing.body,
    inbound: inbound.headers,
    search: inbound.search,
    native: isOwn,
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
      upstream: summary?.reading(upstream) ?? upstream,
      native,
      stream: asked.stream,
      hideUsage: outgoing.askedUsage,
      source: { issuer: provider.name, names: outgoing.names },
      context: continuation?.context(context) ?? context,
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
