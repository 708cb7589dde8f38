import type { Answer, Ask } from './worker.ts';

/** Counts the tokens of texts by the o200k vocabulary, which is close enough to that of most models to be scaled. */
export interface Tokenizer {
  /** Loads the vocabulary when it is not there, and keeps it for `idleMs` from now. */
  count(text: string): Promise<number>;
  /** Whether the vocabulary is in memory. */
  readonly loaded: boolean;
  /** Like `count` while it is loaded, without keeping it any longer; `undefined` when it is not. */
  countIfLoaded(text: string): Promise<number> | undefined;
  stop(): void;
}

/** Texts that wait; the one in work is the first of them. */
const pendingMax = 256;

/** More texts are waiting than may. */
export class TokenizerBusy extends Error {
  override readonly name = 'TokenizerBusy';
}

/**
 * A tokenizer in a thread of its own: the vocabulary takes 0.3 s to load and 100 MB, which the streams of other
 * clients should not wait for and a gateway that is not asked for counts should not hold.
 */
export function createTokenizer(idleMs: number): Tokenizer {
  let thread: Thread | undefined;
  let idle: ReturnType<typeof setTimeout> | undefined;

  function stop(): void {
    clearTimeout(idle);
    thread?.end();
    thread = undefined;
  }

  function keep(): void {
    clearTimeout(idle);
    idle = setTimeout(() => (thread?.busy ? keep() : stop()), idleMs);
    idle.unref();
  }

  return {
    async count(text) {
      thread ??= startThread(() => (thread = undefined));
      keep();
      return thread.count(text);
    },
    get loaded() {
      return thread !== undefined;
    },
    countIfLoaded: (text) => thread?.count(text),
    stop,
  };
}

/** A bundle has it beside itself, as JavaScript. */
const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';

interface Thread {
  readonly busy: boolean;
  count(text: string): Promise<number>;
  end(): void;
}

function startThread(died: () => void): Thread {
  const worker = new Worker(new URL(workerFile, import.meta.url));
  (worker as unknown as { unref(): void }).unref();
  const waiting = new Map<number, PromiseWithResolvers<number>>();
  let asked = 0;

  function failAll(error: Error): void {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    waiting.get(data.id)?.resolve(data.tokens);
    waiting.delete(data.id);
  };
  worker.onerror = (event) => {
    died();
    failAll(new Error(`the tokenizer failed: ${event.message}`));
    worker.terminate();
  };

  return {
    get busy() {
      return waiting.size > 0;
    },
    count(text) {
      if (waiting.size >= pendingMax) return Promise.reject(new TokenizerBusy(`${pendingMax} texts wait`));
      const id = asked++;
      const answer = Promise.withResolvers<number>();
      waiting.set(id, answer);
      worker.postMessage({ id, text } satisfies Ask);
      return answer.promise;
    },
    end() {
      failAll(new Error('the tokenizer was stopped'));
      worker.terminate();
    },
  };
}
