import type { Socket } from '../open-socket.ts';
import type { ProviderDeps } from '../provider.ts';
import type { Memory } from './socket-frame.ts';

/** What hears a turn: the frames of its reply, and that no more can come. */
export interface FrameListener {
  frame(text: string): void;
  cut(): void;
}

/** A connection to the backend, which carries one turn at a time. */
export interface Connection {
  readonly openedMs: number;
  /** Of the conversation that it is for. */
  readonly key: string;
  /** What it was opened with; the headers of an upgrade are good for nothing else. */
  readonly token: string;
  /** The last turn that it has carried to its end; what follows it need not be sent again. */
  memory: Memory | undefined;
  readonly isOpen: boolean;
  /** Sends the frame of a turn and hears it until `release`. */
  begin(frame: string, listener: FrameListener): void;
  release(): void;
  /** Stops and goes on reading, so that nothing piles up here when a client does not keep up. */
  pause(): void;
  resume(): void;
  /** Ends it at once, as the official client does when its user interrupts it. */
  close(): void;
}

/** The upgrade was not accepted; `status` is absent where nothing answered. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
  readonly status: number | undefined;

  constructor(why: string) {
    super(why);
    const status = /status code: (\d{3})\b/.exec(why)?.[1];
    this.status = status === undefined ? undefined : Number(status);
  }
}

export interface SocketTimes {
  readonly upgradeMsMax: number;
  /** How long a connection may take to answer a ping after a rest, if it has answered one before. */
  readonly signMsMax: number;
}

/** HTTP is waiting behind an upgrade: the official client's 15 s are too long for a turn that has another way. */
const usual: SocketTimes = { upgradeMsMax: 5_000, signMsMax: 5_000 };
/** One reply is some MiB at most, images included. */
const frameCharsMax = 64 * 1024 * 1024;

/** Opens a connection. Rejects with {@link UpgradeRefused}, or with the signal's reason. */
export function connect(
  open: NonNullable<ProviderDeps['openSocket']>,
  at: { readonly url: string; readonly headers: Record<string, string> },
  of: { readonly key: string; readonly token: string },
  signal: AbortSignal,
  times = usual,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = open(at.url, at.headers);
    const fail = (error: unknown): void => {
      settled();
      socket.terminate();
      reject(error);
    };
    const leave = (): void => fail(signal.reason);
    const late = setTimeout(() => fail(new UpgradeRefused('the upgrade took too long')), times.upgradeMsMax);
    const settled = (): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', leave);
      socket.onopen = socket.onerror = socket.onclose = null;
    };
    signal.addEventListener('abort', leave, { once: true });
    socket.onerror = (event) => fail(new UpgradeRefused((event as ErrorEvent).message));
    socket.onclose = () => fail(new UpgradeRefused('the connection was closed'));
    socket.onopen = () => {
      settled();
      resolve(connection(socket, of, times));
    };
  });
}

function connection(
  socket: Socket,
  { key, token }: { readonly key: string; readonly token: string },
  { signMsMax }: SocketTimes,
): Connection {
  let listener: FrameListener | undefined;
  let sign: ReturnType<typeof setTimeout> | undefined;
  let answersPings = false;

  const end = (): void => {
    clearTimeout(sign);
    socket.terminate();
    const last = listener;
    listener = undefined;
    last?.cut();
  };
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    clearTimeout(sign);
    // Binary frames are no part of the protocol, and between turns nothing is due but news of limits.
    if (typeof data !== 'string' || data.length > frameCharsMax) end();
    else if (listener !== undefined) listener.frame(data);
    else if (data.includes('"error"')) end();
  };
  socket.addEventListener('pong', () => {
    answersPings = true;
    clearTimeout(sign);
  });
  socket.onerror = end;
  socket.onclose = end;

  return {
    openedMs: Date.now(),
    key,
    token,
    memory: undefined,
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    begin(frame, heard) {
      listener = heard;
      if (!this.isOpen) {
        end();
        return;
      }
      socket.send(frame);
      socket.ping();
      // The network may have forgotten a connection at rest without telling either end.
      if (answersPings) sign = setTimeout(end, signMsMax);
    },
    release() {
      listener = undefined;
      clearTimeout(sign);
      socket.resume();
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close() {
      listener = undefined;
      clearTimeout(sign);
      socket.terminate();
    },
  };
}
