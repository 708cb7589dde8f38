import { readAsked, type Asked } from './asked.ts';
import { continueTurn, isStateful, type Continuation } from './continuation.ts';
import { findRoutes } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { mayCompact, summaryOf, type Summary } from './summary.ts';
import type { Route } from '../routing/catalog.ts';

/** A turn, or a question about one, that has been read and may go somewhere. */
export interface Opened {
  /** The client's body, with the history that it refers to. */
  readonly body: Uint8Array;
  readonly asked: Asked;
  /** In the order in which they are to be tried; never empty. */
  readonly routes: readonly Route[];
  /** Absent where the gateway keeps nothing of the turn. */
  readonly continuation: Continuation | undefined;
  /** What a request becomes that asks for a compaction, where the upstream makes none itself. */
  readonly summary: (() => Summary | undefined) | undefined;
}

/** Reads a request, puts the history before it that it refers to, and finds where it may go. */
export async function openRequest(deps: PipelineDeps, inbound: Inbound): Promise<Opened> {
  const { record } = inbound;
  const sent = await inbound.body();
  record.bytesIn = sent.length;
  const stateful = isStateful(deps, inbound);
  const continuation = stateful ? await continueTurn(deps, inbound, sent) : undefined;
  const body = continuation?.body ?? sent;
  const asked = readAsked(body, inbound);
  record.model = asked.model;
  // A question about a turn is answered in one piece, whatever the turn would be.
  if (inbound.operation === 'turn') record.stream = asked.stream;
  const finding = findRoutes(deps, inbound, asked.model);
  const found = finding instanceof Promise ? await finding : finding;
  const sealing = stateful ? deps.sessions?.sealing : undefined;
  const summary =
    sealing !== undefined && inbound.operation === 'turn' && mayCompact(body)
      ? summaryOf(sealing, inbound, body)
      : undefined;
  return { body, asked, routes: continuation?.routes(found) ?? found, continuation, summary };
}
