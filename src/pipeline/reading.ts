import { readBounded, sourceOf } from './byte-source.ts';
import type { Exchange } from './exchange.ts';
import { patiently } from './idle-watch.ts';
import { cutFailure } from './network-failure.ts';

/** Reads from the upstream: its silence is a timeout, its breaking off a cut. */
export const reading = <T>({ deps, abort, inbound }: Exchange, work: () => Promise<T>): Promise<T> =>
  patiently(deps.watch, abort, inbound.record, work, cutFailure);

/** Error bodies are read up to here; what real upstreams send is a few KiB. */
const errorBytesMax = 256 * 1024;

/** The words of a refusal, as far as they can be read: its status says enough without them. */
export const readRefusal = (exchange: Exchange): Promise<Uint8Array> =>
  reading(exchange, () => readBounded(sourceOf(exchange.response.body), errorBytesMax)).catch(
    () => new Uint8Array(0),
  );
