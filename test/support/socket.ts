/** A client's end of a WebSocket, for tests: frames wait until they are asked for. */
export interface TestSocket {
  readonly socket: WebSocket;
  send(frame: unknown): void;
  /** The next frame that the gateway sends; fails when none comes, or the socket closes. */
  next(): Promise<Frame>;
  /** The frames up to and with the one that ends a turn. */
  turn(): Promise<Frame[]>;
  /** Sends a turn and reads it to its end. */
  ask(members: Record<string, unknown>): Promise<Frame[]>;
  readonly closed: Promise<{ code: number; reason: string }>;
  close(): void;
}

export type Frame = Record<string, unknown> & { readonly type: string };

const waitMs = 45_000;
const ends = new Set(['response.completed', 'response.incomplete', 'response.failed', 'error']);

/** Connects; rejects with Bun's message, which names the status, when the gateway does not upgrade. */
export async function openSocket(
  url: string,
  headers: Record<string, string> = {},
  path = '/v1/responses',
): Promise<TestSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + path, { headers } as never);
  const frames: Frame[] = [];
  let wake: (() => void) | undefined;
  let isClosed = false;
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  socket.onmessage = ({ data }) => {
    frames.push(JSON.parse(String(data)) as Frame);
    wake?.();
  };
  socket.onclose = ({ code, reason }) => {
    isClosed = true;
    closed.resolve({ code, reason });
    wake?.();
  };
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
  });
  socket.onerror = null;

  async function next(): Promise<Frame> {
    const deadline = Date.now() + waitMs;
    while (frames.length === 0) {
      if (isClosed) throw new Error('the socket is closed');
      if (Date.now() > deadline) throw new Error(`no frame came within ${waitMs} ms`);
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 100);
      });
    }
    return frames.shift()!;
  }

  async function turn(): Promise<Frame[]> {
    const all: Frame[] = [];
    for (;;) {
      const frame = await next();
      all.push(frame);
      if (!ends.has(frame.type)) continue;
      // Inside a stream an error is told before the response that failed by it.
      if (frame.type === 'error' && frame['status'] === undefined) continue;
      return all;
    }
  }

  return {
    socket,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    next,
    turn,
    ask(members) {
      socket.send(JSON.stringify({ type: 'response.create', ...members }));
      return turn();
    },
    closed: closed.promise,
    close: () => socket.close(),
  };
}

/** The response that a turn ended in. */
export const responseIn = (frames: readonly Frame[]): Record<string, unknown> =>
  (frames.findLast(({ response }) => response !== undefined)?.['response'] ?? {}) as Record<string, unknown>;

/** The error that a turn ended in. */
export const errorIn = (frames: readonly Frame[]): Record<string, unknown> & { status: unknown } => {
  const last = frames.at(-1);
  return { ...(last?.['error'] as Record<string, unknown>), status: last?.['status'] };
};
