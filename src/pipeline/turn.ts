import type { Call } from '../providers/provider.ts';
import { answer } from './answer.ts';
import { parseBody, readAsked } from './asked.ts';
import { findRoute, follow, send, served } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { passOn, refuseLosses, translate } from './outgoing.ts';

/**
 * Carries one turn from the client's bytes to the reply. Every end is recorded exactly once; whatever goes wrong
 * becomes an answer in the client's protocol.
 */
export const serveTurn = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, carry);

async function carry(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { surface, record, client } = inbound;
  const body = await inbound.body();
  record.bytesIn = body.length;
  const asked = readAsked(body, inbound);
  record.model = asked.model;
  record.stream = asked.stream;

  const route = await findRoute(deps, inbound, asked.model);
  const { provider, model } = route;
  const spoken = provider.protocols(model);
  const native = spoken.includes(surface.id);
  const upstream = native ? surface : deps.protocols.get(spoken[0]!)!;
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
  };
  const abort = follow(client);
  const response = await send(deps, provider, call, abort, record);
  try {
    return await answer({
      deps,
      inbound,
      provider,
      upstream,
      native,
      stream: asked.stream,
      hideUsage: outgoing.askedUsage,
      source: { issuer: provider.name, names: outgoing.names },
      context: outgoing.context,
      abort,
      response,
    });
  } catch (error) {
    // Whatever is left of the upstream's answer is not read any more.
    abort.abort();
    throw error;
  }
}
