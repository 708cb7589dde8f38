import type { Protocol } from '../protocols/protocol.ts';
import { streamTap } from '../protocols/tap.ts';
import type { Failure } from '../turn/failure.ts';
import type { LaneStream } from './relay.ts';
import { cutFailure } from './network-failure.ts';

const encoder = new TextEncoder();

/**
 * The lane for a client that speaks the upstream's protocol: bytes pass as they came, a tap looks at them. Only
 * a failure of the stream adds something, and only events that the gateway asked for itself are held back.
 */
export function nativeStream(protocol: Protocol, requestId: string, hideUsage: boolean): LaneStream {
  const rules = protocol.tap;
  const tap = streamTap(rules, hideUsage ? rules.usageOption?.isAnswer : undefined);
  const { sight } = tap;

  return {
    sight,
    push: (chunk) => tap.push(chunk),
    end(failure: Failure | undefined) {
      const midFrame = tap.midFrame;
      const rest = tap.end();
      if (failure === undefined && rules.stopIsEnough && sight.stop !== undefined) sight.done = true;
      if (sight.done || sight.failure !== undefined) return rest;
      sight.failure = failure ?? cutFailure();
      const frames = protocol.failureFrames(sight.failure, { requestId, lastData: tap.lastData() });
      return Buffer.concat([rest, encoder.encode((midFrame || rest.length > 0 ? '\n\n' : '') + frames)]);
    },
  };
}
