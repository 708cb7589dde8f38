/** Where lines go. The promise tells when more may follow. */
export type WriteText = (text: string) => void | Promise<void>;

export interface LineWriter {
  /** Takes one line without its end. Never waits and never throws. */
  push(line: string): void;
  /** Resolves when all lines pushed so far are written. */
  flush(): Promise<void>;
  /** Lines that were given up since the last call, because the destination did not keep up or failed. */
  takeDropped(): number;
}

export interface LineWriterOptions {
  readonly write: WriteText;
  /** The longest a line waits for others to be written with; 0 means until the end of the tick. */
  readonly flushMs: number;
  /** How much may wait while the destination is busy, in characters; lines beyond it are dropped and counted. */
  readonly pendingCharsMax: number;
}

/** Gathers lines and writes them together, one write at a time. */
export function lineWriter({ write, flushMs, pendingCharsMax }: LineWriterOptions): LineWriter {
  let pending: string[] = [];
  let pendingChars = 0;
  let dropped = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    while (pending.length > 0) {
      const lines = pending;
      pending = [];
      pendingChars = 0;
      try {
        await write(`${lines.join('\n')}\n`);
      } catch {
        dropped += lines.length;
      }
    }
    writing = undefined;
  };
  const start = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    return (writing ??= drain());
  };

  return {
    push(line) {
      if (pendingChars + line.length > pendingCharsMax) {
        dropped++;
        return;
      }
      pending.push(line);
      pendingChars += line.length + 1;
      if (timer === undefined && writing === undefined) timer = setTimeout(() => void start(), flushMs);
    },
    async flush() {
      if (pending.length > 0 || writing !== undefined) await start();
    },
    takeDropped() {
      const count = dropped;
      dropped = 0;
      return count;
    },
  };
}
