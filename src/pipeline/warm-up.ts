import type { TurnEvent } from '../turn/event.ts';
import { finishRecord } from './finish-record.ts';
import { parseBody, readAsked } from './asked.ts';
import { continueTurn } from './continuation.ts';
import { served } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { surfaceContext } from './outgoing.ts';
import { eventStream, ownHeaders } from './reply-headers.ts';

/**
 * Answers a turn in which nothing is to be generated: no upstream is asked, and the response that is told of, without
 * output, can be continued like any other. Clients send their instructions and tools so, ahead of the user's words.
 */
export const serveWarmUp = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, warmUp);

/** Told of as a reply is that says nothing and costs nothing. */
const nothingSaid: readonly TurnEvent[] = [
  { kind: 'start' },
  { kind: 'usage', usage: { fresh: 0, cacheRead: 0, output: 0, reasoning: 0 } },
  { kind: 'stop', choice: 0, stop: { reason: 'end' } },
];

const warmUpSource = { provider: { name: '' }, native: false };

async function warmUp(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { surface, record } = inbound;
  const body = await inbound.body();
  record.bytesIn = body.length;
  const continuation = await continueTurn(deps, inbound, body);
  const asked = readAsked(body, inbound);
  record.model = asked.model;
  record.stream = asked.stream;
  const json = parseBody(body, asked);
  const context = surfaceContext(deps, inbound, surface.decodeRequest(json), json);
  const out = surface.streamEncoder((continuation?.context(() => context) ?? (() => context))());
  let text = '';
  for (const event of nothingSaid) text += out.encode(event);
  text += out.end();
  record.status = 200;
  record.headersMs = performance.now();
  record.bytesOut = text.length;
  const reply = new Response(text, { headers: ownHeaders(inbound, eventStream) });
  const kept = (await continuation?.keeper?.whole(reply, warmUpSource)) ?? reply;
  finishRecord(deps, record, undefined);
  return kept;
}
