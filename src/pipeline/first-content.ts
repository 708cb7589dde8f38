import type { Failure } from '../turn/failure.ts';
import type { TurnEvent } from '../turn/event.ts';
import type { Usage } from '../turn/usage.ts';
import { chunksFirst, type ByteSource } from './byte-source.ts';
import type { Exchange } from './exchange.ts';
import { eventReader } from './translated-lane.ts';

/** How long, and how much of it, the beginning of a stream is kept from the client. */
const heldMsMax = 10_000;
const heldBytesMax = 64 * 1024;

/**
 * Waits until a stream has something to say, because some upstreams say that they are overloaded in a stream with
 * status 200. The source that is returned begins anew. One that takes its time goes on to the client as it is: its
 * keep-alives are for the client.
 */
export async function firstContent(
  { upstream, source: from }: Pick<Exchange, 'upstream' | 'source'>,
  source: ByteSource,
  heldMs = heldMsMax,
): Promise<{ source: ByteSource; failure?: Failure; usage?: Usage }> {
  const reader = eventReader(upstream, from);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let usage: Usage | undefined;
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => resolve('late'), heldMs);
  try {
    for (;;) {
      const pending = source.read();
      const read = await Promise.race([pending, late]);
      if (read === 'late') {
        // Its fault, if any, is seen by whoever reads on.
        pending.catch(() => {});
        return { source: chunksFirst(chunks, source, false, pending) };
      }
      const { value, done } = read;
      const events: TurnEvent[] = [];
      if (value !== undefined) {
        chunks.push(value);
        size += value.length;
        events.push(...reader.push(value));
      }
      if (done) events.push(...reader.end(undefined));
      for (const event of events) {
        if (event.kind === 'usage') usage = { ...usage, ...event.usage };
        if (event.kind === 'error') return { source, failure: event.failure, usage };
        if (isContent(event)) return { source: chunksFirst(chunks, source, done) };
      }
      if (done || size > heldBytesMax) return { source: chunksFirst(chunks, source, done) };
    }
  } finally {
    clearTimeout(timer);
  }
}

const isContent = ({ kind }: TurnEvent): boolean =>
  kind === 'part_start' || kind === 'part_delta' || kind === 'stop';
