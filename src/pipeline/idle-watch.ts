import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, type Failure } from '../turn/failure.ts';
import { idleFailure } from './network-failure.ts';

/** Something that is waited for: when it last moved, and what to do when it stands still. */
export interface Slot {
  touchedMs: number;
  /** When its client last got something. */
  sentMs: number;
  readonly idle: () => void;
  readonly pulse: (() => void) | undefined;
}

/** One clock for all that waits on upstreams, so that a chunk costs a store and not a timer. */
export interface IdleWatch {
  readonly idleMs: number;
  /** `pulse` is called now and then as long as the slot's client gets nothing. */
  start(idle: () => void, pulse?: () => void): Slot;
  touch(slot: Slot): void;
  /** Its client has got something. */
  sent(slot: Slot): void;
  stop(slot: Slot): void;
  close(): void;
}

/** `pulseMs`: how long a client may be without anything before it is told that there is more to come; never, if 0. */
export function idleWatch(idleMs: number, pulseMs = 0): IdleWatch {
  const slots = new Set<Slot>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let nowMs = performance.now();
  const stepMs = Math.max(10, Math.min(1000, idleMs / 4, pulseMs > 0 ? pulseMs / 4 : idleMs));

  const tick = (): void => {
    nowMs = performance.now();
    for (const slot of slots) {
      if (nowMs - slot.touchedMs >= idleMs) slot.idle();
      else if (slot.pulse !== undefined && nowMs - slot.sentMs >= pulseMs) slot.pulse();
    }
    if (slots.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };

  return {
    idleMs,
    start(idle, pulse) {
      if (timer === undefined) {
        nowMs = performance.now();
        timer = setInterval(tick, stepMs);
      }
      const slot = { touchedMs: nowMs, sentMs: nowMs, idle, pulse: pulseMs > 0 ? pulse : undefined };
      slots.add(slot);
      return slot;
    },
    touch(slot) {
      slot.touchedMs = nowMs;
    },
    sent(slot) {
      slot.sentMs = nowMs;
    },
    stop(slot) {
      // The clock runs on for a step: between two requests it would only be stopped and started.
      slots.delete(slot);
    },
    close() {
      clearInterval(timer);
      timer = undefined;
      slots.clear();
    },
  };
}

/**
 * Waits for work on an upstream, and cuts it with a timeout failure when it takes longer than the watch allows.
 * The time is booked as the upstream's. What else goes wrong becomes the failure that `failed` makes of it.
 */
export async function patiently<T>(
  watch: IdleWatch,
  abort: AbortController,
  record: TurnRecord,
  work: () => Promise<T>,
  failed: (error: unknown) => Failure,
): Promise<T> {
  let idled = false;
  const slot = watch.start(() => {
    idled = true;
    abort.abort();
  });
  const askedMs = performance.now();
  try {
    return await work();
  } catch (error) {
    throw new FailureError(idled ? idleFailure(watch.idleMs) : failed(error));
  } finally {
    watch.stop(slot);
    record.upstreamMs += performance.now() - askedMs;
  }
}
