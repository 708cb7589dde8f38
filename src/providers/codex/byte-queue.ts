import type { Connection } from './socket.ts';

/** Text on its way to a reader who sets the pace. */
export interface ByteQueue {
  readonly stream: ReadableStream<Uint8Array>;
  push(text: string): void;
  /** Ends the stream when all has been read; with an error it fails then. */
  end(error?: unknown): void;
}

/** What may wait for a slow client before the connection is no longer read from. */
const waitingBytesMax = 1024 * 1024;

const encoder = new TextEncoder();

/** All that has come between two reads is one chunk; the connection pauses while too much waits. */
export function byteQueue(
  connection: Pick<Connection, 'pause' | 'resume'>,
  cancelled: () => void,
): ByteQueue {
  let waiting: Uint8Array[] = [];
  let size = 0;
  let isPaused = false;
  let isEnded = false;
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  function give(controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    if (waiting.length > 0) {
      controller.enqueue(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting));
      waiting = [];
      size = 0;
      if (isPaused) connection.resume();
      isPaused = false;
      return true;
    }
    if (failure !== undefined) controller.error(failure.error);
    else if (isEnded) controller.close();
    return isEnded;
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (give(controller)) return undefined;
        return new Promise<void>((done) => {
          wake = () => {
            wake = undefined;
            give(controller);
            done();
          };
        });
      },
      cancel: cancelled,
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    push(text) {
      const bytes = encoder.encode(text);
      waiting.push(bytes);
      size += bytes.length;
      if (size > waitingBytesMax && !isPaused) {
        isPaused = true;
        connection.pause();
      }
      wake?.();
    },
    end(error) {
      isEnded = true;
      // The connection is another turn's from here on.
      isPaused = false;
      if (error !== undefined) failure = { error };
      wake?.();
    },
  };
}
