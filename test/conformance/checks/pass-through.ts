import { payloadsOf } from '../../support/corpus.ts';
import type { Script } from '../../support/replay.ts';
import type { Payload } from '../canonical.ts';
import { has, object } from '../canonical/read.ts';
import type { Miss } from '../check.ts';
import type { Answer } from '../oracles.ts';

/**
 * P2: where client and upstream speak one protocol, every payload arrives as it was sent; only the model's name may
 * differ, and after a broken reply the gateway may add its own error.
 */
export function passThroughMisses(sent: Script, answer: Answer, failed: boolean): Miss[] {
  if (answer.status !== 200) return [];
  if (sent.kind === 'body') {
    const same = Bun.deepEquals(nameless(object(sent.body)), nameless(parsed(answer.raw)));
    return same ? [] : [{ check: 'P2', detail: 'the body is not the one that the upstream sent' }];
  }
  if (sent.kind !== 'stream') return [];
  const expected = payloadsOf(sent.blocks).map(nameless);
  const got = answer.events.map(nameless);
  const at = expected.findIndex((payload, i) => !Bun.deepEquals(payload, got[i]));
  if (at >= 0) return [{ check: 'P2', detail: `event ${at} is not the one that the upstream sent` }];
  return got.length > expected.length && !failed
    ? [{ check: 'P2', detail: `${got.length - expected.length} events more than the upstream sent` }]
    : [];
}

/** The payload without the name of the model, wherever the protocols put it. */
function nameless(payload: Payload): Payload {
  const { model: _model, ...rest } = payload;
  for (const key of ['message', 'response']) {
    if (has(rest[key])) rest[key] = nameless(object(rest[key]));
  }
  return rest;
}

function parsed(text: string): Payload {
  try {
    return object(JSON.parse(text));
  } catch {
    return {};
  }
}
