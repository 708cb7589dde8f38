import { replyLabels } from '../protocols/opaque-stream.ts';
import type { SurfaceContext } from '../protocols/protocol.ts';
import type { Call, TurnScope } from '../providers/provider.ts';
import { FailureError } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import { joinNotes, noNotes } from '../turn/note.ts';
import type { Seal } from '../turn/part.ts';
import { answer } from './answer.ts';
import { parseBody, type Asked } from './asked.ts';
import { attempts, follow, send, served, type Attempt } from './dispatch.ts';
import type { Exchange, Inbound, PipelineDeps } from './exchange.ts';
import { keptAlive } from './keep-alive.ts';
import { openRequest, type Opened } from './opening.ts';
import { sealedOrigin } from './origins.ts';
import { passOn, refuseLosses, translate } from './outgoing.ts';
import { ownRequest, type OwnRequest } from './own-opaque.ts';

/**
 * Carries one turn from the client's bytes to the reply. Every end is recorded exactly once; whatever goes wrong
 * becomes an answer in the client's protocol.
 */
export function serveTurn(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const reply = served(deps, inbound, carry);
  return inbound.keepAlive === undefined ? reply : keptAlive(deps, inbound, inbound.keepAlive, reply);
}

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

/**
 * Sends the turn to one account and begins the reply; throws a failure as long as the client has nothing of it. `own`
 * stands for the request where what only its maker takes has been left out of it.
 */
export async function tryAt(
  deps: PipelineDeps,
  inbound: Inbound,
  opened: Opened,
  scope: TurnScope,
  attempt: Attempt,
  own?: OwnRequest,
): Promise<Response> {
  const { surface, record } = inbound;
  const { continuation } = opened;
  const { route, account, mayMove } = attempt;
  const { provider, model, options } = route;
  const spoken = provider.protocols(model);
  const isOwn = spoken.includes(surface.id);
  // What an alias sets has to be written into the request.
  const passes = isOwn && options === undefined;
  const summary = passes && provider.compacts?.(model) === true ? undefined : opened.summary?.();
  const native = passes && summary === undefined;
  const upstream = isOwn ? surface : deps.protocols.get(spoken[0]!)!;
  record.upstreamProtocol = upstream.id;
  record.lane = native ? 'native' : 'translated';

  const { body: sent, asked: read } = summary ?? opened;
  const found = own ?? (isOwn ? ownRequest(deps, inbound, sent, read, attempt, false) : undefined);
  if (found) refuseLosses(found.notes, deps.strict, true);
  const { body, asked } = found ?? { body: sent, asked: read };
  const outgoing = passes
    ? passOn(deps, inbound, body, asked, route)
    : translate(deps, inbound, body, asked, attempt, upstream);
  const before = joinNotes(continuation?.notes ?? noNotes, found?.notes ?? noNotes);
  const notes = joinNotes(before, outgoing.notes);
  refuseLosses(notes, deps.strict);
  record.notes = notes;
  deps.tokens.offer(record, () => surface.decodeRequest(parseBody(body, asked)));

  const call: Call = {
    protocol: upstream.id,
    operation: 'turn',
    model,
    stream: opened.asked.stream,
    body: outgoing.body,
    inbound: inbound.headers,
    search: inbound.search,
    native: passes,
    scope,
    state: continuation?.state.of(provider.name),
  };
  const sealed = sealedOrigin(deps, inbound, opened.routes, attempt, isOwn);
  let { context } = outgoing;
  if (summary) context = withEcho(context, summary.echo);
  if (!isOwn) context = withUnsealed(context, { protocol: upstream.id, issuer: sealed, value: '' });
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
      stream: opened.asked.stream,
      hideUsage: outgoing.askedUsage,
      // Other protocols have one slot for what is opaque, and its origin with it.
      source: { issuer: isOwn ? provider.name : sealed!, names: outgoing.names },
      labels: isOwn && sealed !== undefined ? replyLabels(surface.opaque, sealed) : undefined,
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
    const again =
      isOwn && own === undefined ? withoutRefused(deps, inbound, sent, read, attempt, error) : undefined;
    if (again === undefined) throw error;
    return tryAt(deps, inbound, opened, scope, attempt, again);
  }
}

/** Apart from the turn, as the next: what a reply repeats of a request that was written anew is the client's own. */
const withEcho =
  (context: () => SurfaceContext, body: JsonObject): (() => SurfaceContext) =>
  () => ({ ...context(), body });

/** Apart from the turn: a context lives as long as its stream, which is not to hold the request's body. */
const withUnsealed =
  (context: () => SurfaceContext, unsealed: Seal): (() => SurfaceContext) =>
  () => ({ ...context(), unsealed });

const refusedAs: ReadonlySet<number> = new Set([400, 404]);

/**
 * The request without anything opaque, where the upstream has refused some of it: values without a label may be of any
 * maker, and a conversation that holds one must not be stuck for it.
 */
export function withoutRefused(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  attempt: Attempt,
  error: unknown,
): OwnRequest | undefined {
  const { client, surface } = inbound;
  if (client.aborted || !(error instanceof FailureError) || !refusedAs.has(error.failure.status))
    return undefined;
  return surface.opaque.refuses(error.failure)
    ? ownRequest(deps, inbound, body, asked, attempt, true)
    : undefined;
}
