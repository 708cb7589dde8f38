import type { Sight } from '../protocols/tap.ts';
import { FailureError, type Failure } from '../turn/failure.ts';
import type { ByteSource } from './byte-source.ts';
import type { IdleWatch } from './idle-watch.ts';
import { endsFrame, isRemark } from './frame-end.ts';
import { cancelledFailure, cutFailure, idleFailure, unreadableFailure } from './network-failure.ts';

/** One lane's view of a stream that passes: bytes from the upstream to bytes for the client. */
export interface LaneStream {
  /** What the client gets for this chunk; empty when nothing is due yet. */
  push(chunk: Uint8Array): Uint8Array;
  /**
   * The upstream has ended, or failed with `failure`. What the client still gets: the rest, or the failure in
   * its protocol when the reply is not complete.
   */
  end(failure: Failure | undefined): Uint8Array;
  /** `done`: nothing more is owed to the client. `failure`: the reply ended in one, upstream's own or the gateway's. */
  readonly sight: Sight;
  /** What follows the bytes of the last call after a wait, where something does. */
  held?(): Promise<Uint8Array> | undefined;
}

export interface RelayHooks {
  /** Called once, whatever the end; without a failure the reply was complete. */
  ended(failure: Failure | undefined): void;
  /** Called with the time that passed in waiting for the upstream or the client. */
  waited(ms: number): void;
  /** Called for every chunk that went to the client. */
  sent(bytes: number): void;
}

/** How long an upstream may hold its connection open after the terminal event. */
const drainMs = 250;

/** Where a stream goes. The controller of a direct stream is one: Bun writes to the client without a queue in between. */
export interface ByteSink {
  /** Goes out at the end of the tick at the latest; a promise when the client does not keep up. */
  write(bytes: Uint8Array): unknown;
  close(): void;
}

/** A stream that is ready to be pulled. */
export interface Relayed {
  /**
   * Pulls it to its end at the pace of `sink`, which throws when the client has left. The failure in which it ended,
   * where it did.
   */
  pump(sink: ByteSink): Promise<Failure | undefined>;
  /** The client has left. */
  leave(): void;
}

/**
 * An upstream's body, to be pulled at the client's pace; what the lane makes of it goes to the client: one read, at
 * most one write. The client's leaving, the upstream's cut and silence beyond `idleMs` end it the same way in
 * every lane.
 *
 * `keepAlive` goes out between two frames whenever the client has had nothing else for a while. The head of a reply
 * leaves with its first byte, so that it is also what tells the client of a silent upstream that there is a reply.
 */
export function relay(
  reader: ByteSource,
  lane: LaneStream,
  client: AbortSignal,
  abort: AbortController,
  watch: IdleWatch,
  hooks: RelayHooks,
  keepAlive?: Uint8Array,
): Relayed {
  let out: ByteSink | undefined;
  /** The client does not keep up: what it has not read yet keeps it waiting well enough. */
  let behind = false;
  /** The last two pieces that were sent: whether a frame ends here shows in them. */
  let last: Uint8Array | undefined;
  let lastButOne: Uint8Array | undefined;
  let over = false;
  let ended: Failure | undefined;
  let idled = false;
  let broken = false;

  const finish = (failure?: Failure): void => {
    if (over) return;
    over = true;
    ended = failure;
    watch.stop(slot);
    hooks.ended(failure);
  };
  const leave = (): void => {
    abort.abort();
    finish(cancelledFailure);
  };
  const pulse = (): void => {
    if (over || behind || out === undefined || !endsFrame(lastButOne, last)) return;
    // What comes after an end would be taken for more of the reply.
    if (lane.sight.done || lane.sight.failure !== undefined) return;
    watch.sent(slot);
    try {
      const write = out.write(keepAlive!);
      if (write instanceof Promise) written(write).catch(leave);
    } catch {
      leave();
    }
  };
  const slot = watch.start(() => {
    idled = true;
    abort.abort();
  }, keepAlive && pulse);
  client.addEventListener('abort', leave, { once: true });
  // An abort that is past is told to nobody.
  if (client.aborted) leave();

  /** A write that is not done at once: the client does not keep up, which is not the gateway's time. */
  async function written(write: Promise<unknown>): Promise<void> {
    const askedMs = performance.now();
    behind = true;
    await write;
    behind = false;
    hooks.waited(performance.now() - askedMs);
    watch.touch(slot);
  }

  /** What the lane makes of a chunk, or of the end; a fault of its own ends the reply in a failure. */
  function through(chunk: Uint8Array | undefined, failure: Failure | undefined): Uint8Array {
    try {
      return chunk === undefined ? lane.end(failure) : lane.push(chunk);
    } catch (error) {
      abort.abort();
      broken = true;
      return lane.end(unreadableFailure(error));
    }
  }

  /** A promise where the client does not keep up. */
  function give(controller: ByteSink, bytes: Uint8Array): Promise<void> | undefined {
    const write = controller.write(bytes);
    if (keepAlive !== undefined) {
      lastButOne = last;
      last = bytes;
      // A remark of the upstream's keeps its connection open, and not every client's.
      if (!isRemark(bytes)) watch.sent(slot);
    }
    return write instanceof Promise ? written(write) : undefined;
  }

  async function pump(controller: ByteSink): Promise<void> {
    if (over) return;
    out = controller;
    let isFirst = true;
    for (;;) {
      let chunks: readonly Uint8Array[] = [];
      let isLast = true;
      let failure: Failure | undefined;
      const askedMs = performance.now();
      try {
        if (isFirst) {
          // What is there already leaves together with the head; after it, single reads are cheaper.
          isFirst = false;
          const read = reader.readMany();
          ({ value: chunks, done: isLast } = read instanceof Promise ? await read : read);
        } else {
          const { value, done } = await reader.read();
          if (value !== undefined) chunks = [value];
          isLast = done;
        }
      } catch (error) {
        failure = idled ? idleFailure(watch.idleMs) : brokenBy(error);
      }
      hooks.waited(performance.now() - askedMs);
      if (over) return;
      watch.touch(slot);

      let sent = 0;
      for (let i = 0; i < chunks.length + (isLast ? 1 : 0); i++) {
        if (lane.sight.done || broken) break;
        const bytes = through(chunks[i], failure);
        const held = lane.held?.();
        if (bytes.length > 0) {
          sent += bytes.length;
          const giving = give(controller, bytes);
          if (giving !== undefined) await giving;
        }
        if (held === undefined) continue;
        const rest = await held;
        if (over) return;
        sent += rest.length;
        const giving = give(controller, rest);
        if (giving !== undefined) await giving;
      }
      if (over) return;
      if (sent > 0) hooks.sent(sent);
      if (isLast || lane.sight.done || broken) {
        if (!isLast) void drain(reader, abort);
        finish(lane.sight.failure);
        controller.close();
        return;
      }
    }
  }

  return {
    // A write can only fail because the client has left.
    pump: (sink) =>
      pump(sink).then(
        () => ended,
        () => {
          leave();
          return ended;
        },
      ),
    leave,
  };
}

/**
 * A stream as the body of a response. A direct one costs about half of what a queued one does on Bun 1.4; every write
 * is awaited, because it has no bound of its own.
 */
export const bodyOf = ({ pump, leave }: Relayed): ReadableStream<Uint8Array> =>
  new ReadableStream({
    type: 'direct',
    pull: pump,
    cancel: leave,
  } as unknown as UnderlyingDefaultSource<Uint8Array>);

/** A provider that knows what has happened to its stream says so. */
const brokenBy = (error: unknown): Failure =>
  error instanceof FailureError ? error.failure : cutFailure(error);

/** Lets the upstream end by itself, so that its connection can be used again; cuts it when it does not. */
async function drain(reader: ByteSource, abort: AbortController): Promise<void> {
  const timer = setTimeout(() => abort.abort(), drainMs);
  try {
    while (!(await reader.read()).done);
  } catch {
    // The reply was complete: how the connection ends no longer matters.
  } finally {
    clearTimeout(timer);
  }
}
