import type { Sight } from '../protocols/tap.ts';
import type { Failure } from '../turn/failure.ts';
import type { ByteSource } from './byte-source.ts';
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
}

export interface RelayHooks {
  /** Called once, whatever the end; without a failure the reply was complete. */
  ended(failure: Failure | undefined): void;
  /** Called for every read with the time it took. */
  waited(ms: number): void;
  /** Called for every chunk that went to the client. */
  sent(bytes: number): void;
}

/** How long an upstream may hold its connection open after the terminal event. */
const drainMs = 250;

/**
 * Pulls an upstream's body at the client's pace and gives what the lane makes of it to the client: one read, at
 * most one write. The client's leaving, the upstream's cut and silence beyond `idleMs` end it the same way in
 * every lane.
 */
export function relay(
  reader: ByteSource,
  lane: LaneStream,
  client: AbortSignal,
  abort: AbortController,
  watch: IdleWatch,
  hooks: RelayHooks,
): ReadableStream<Uint8Array> {
  let over = false;
  let idled = false;

  const finish = (failure?: Failure): void => {
    if (over) return;
    over = true;
    watch.stop(slot);
    hooks.ended(failure);
  };
  const slot = watch.start(() => {
    idled = true;
    abort.abort();
  });

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          let chunk: Uint8Array | undefined;
          let failure: Failure | undefined;
          const askedMs = performance.now();
          try {
            chunk = (await reader.read()).value;
          } catch (error) {
            failure = idled ? idleFailure(watch.idleMs) : cutFailure(error);
          }
          hooks.waited(performance.now() - askedMs);
          if (over) return;
          if (client.aborted) return finish(cancelledFailure);
          watch.touch(slot);

          let bytes: Uint8Array;
          try {
            bytes = chunk === undefined ? lane.end(failure) : lane.push(chunk);
          } catch (error) {
            // A reply that cannot be read ends as a failure in the client's protocol, not as a broken stream.
            abort.abort();
            chunk = undefined;
            bytes = lane.end(unreadableFailure(error));
          }
          if (bytes.length > 0) {
            hooks.sent(bytes.length);
            controller.enqueue(bytes);
          }
          if (chunk !== undefined && !lane.sight.done) {
            if (bytes.length > 0) return;
            continue;
          }
          if (chunk !== undefined) void drain(reader, abort);
          finish(lane.sight.failure);
          controller.close();
          return;
        }
      },
      cancel() {
        abort.abort();
        finish(cancelledFailure);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Lets the upstream end by itself, so that its connection can be used again; cuts it when it does not. */
async function drain(reader: ByteSource, abort: AbortController): Promise<void> {
  const timer = setTimeout(() => abort.abort(), drainMs);
  try {
    while ((await reader.read()).value !== undefined);
  } catch {
    // The reply was complete: how the connection ends no longer matters.
  } finally {
    clearTimeout(timer);
  }
}

/** A watched stream: when it last moved, and what to do when it stands still. */
interface Slot {
  touchedMs: number;
  readonly idle: () => void;
}

/** One clock for all open streams, so that a chunk costs a store and not a timer. */
export interface IdleWatch {
  readonly idleMs: number;
  start(idle: () => void): Slot;
  touch(slot: Slot): void;
  stop(slot: Slot): void;
  close(): void;
}

export function idleWatch(idleMs: number): IdleWatch {
  const slots = new Set<Slot>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let nowMs = performance.now();
  const stepMs = Math.max(10, Math.min(1000, idleMs / 4));

  const tick = (): void => {
    nowMs = performance.now();
    for (const slot of slots) if (nowMs - slot.touchedMs >= idleMs) slot.idle();
  };

  return {
    idleMs,
    start(idle) {
      if (timer === undefined) {
        nowMs = performance.now();
        timer = setInterval(tick, stepMs);
      }
      const slot = { touchedMs: nowMs, idle };
      slots.add(slot);
      return slot;
    },
    touch(slot) {
      slot.touchedMs = nowMs;
    },
    stop(slot) {
      slots.delete(slot);
      if (slots.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    },
    close() {
      clearInterval(timer);
      timer = undefined;
      slots.clear();
    },
  };
}
