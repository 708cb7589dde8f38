import type { ServerWebSocket } from 'bun';
import type { Relayed } from '../pipeline/relay.ts';
import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, internalFailure, type Failure } from '../turn/failure.ts';
import { asObject, asString, parseObject, type JsonObject } from '../turn/json.ts';
import { eventFrames, type EventFrames } from './socket-events.ts';
import { cancelled, lifetimeOver, notActive, queueFull, tooManyLanes } from './socket-failures.ts';
import {
  failureFrame,
  headersIn,
  readFrame,
  refusalFrame,
  type CancelFrame,
  type CreateFrame,
} from './socket-frames.ts';

export interface ConnectionLimits {
  /** Turns of a connection that wait for the one before them. */
  readonly queuedMax: number;
  /** Of all that wait, in bytes. */
  readonly queuedBytesMax: number;
  /** Turns that run side by side, each in a lane that its client has named. */
  readonly lanesMax: number;
  /** How long a connection may be used. */
  readonly lifetimeMs: number;
  /** How long a client may read nothing of what was sent to it. */
  readonly slowMs: number;
  /** What a client may leave unread while it goes on sending. */
  readonly unreadBytesMax: number;
}

/** What a connection asks of the gateway. */
export interface ConnectionDeps {
  readonly limits: ConnectionLimits;
  /** Answers a turn as a `POST` would be; a stream is given to `take`. */
  ask(turn: AskedTurn): Promise<Answered>;
  /** Writes a failure in the client's protocol. */
  encode(failure: Failure): JsonObject;
  /** The client reads the head of a reply from an event. */
  readonly wantsHead: boolean;
  /** Called once, when the connection has ended. */
  closed(): void;
}

export interface AskedTurn {
  readonly body: Uint8Array;
  readonly isWarmUp: boolean;
  readonly client: AbortSignal;
  readonly take: (stream: Relayed) => void;
  /** Gives the client events that are no part of a reply. */
  readonly tell: (events: Uint8Array) => void;
}

export interface Answered {
  readonly response: Response;
  readonly record: Pick<TurnRecord, 'failure'>;
}

/** One connection. Turns run one after another; with `stream_id`, those of one lane do. */
export interface Connection {
  opened(socket: Socket): void;
  received(message: string | Uint8Array): void;
  /** The client has read what was sent. */
  drained(): void;
  closed(): void;
  /** Lets the turns that run end, then closes: the client has to connect again. */
  leave(reason: string): void;
}

type Socket = Pick<ServerWebSocket<unknown>, 'send' | 'cork' | 'close' | 'terminate' | 'getBufferedAmount'>;

/** `Service Restart`: clients connect again and send the whole conversation. */
const replayCode = 1012;

interface Turn {
  readonly abort: AbortController;
  frames?: EventFrames;
  isCancelled: boolean;
}

interface Lane {
  readonly streamId: string | undefined;
  readonly queue: CreateFrame[];
  running?: Turn;
}

export function createConnection({ limits, ask, encode, wantsHead, closed }: ConnectionDeps): Connection {
  const lanes = new Map<string, Lane>();
  let socket: Socket | undefined;
  let queued = 0;
  let queuedBytes = 0;
  /** Why it closes once nothing runs. */
  let leaving: (() => void) | undefined;
  let lifetime: ReturnType<typeof setTimeout> | undefined;
  let unread: (PromiseWithResolvers<void> & { late: ReturnType<typeof setTimeout> }) | undefined;

  /** Sends some frames; what the client does not read at once is waited for. */
  function send(frames: readonly string[]): Promise<void> | undefined {
    if (socket === undefined) throw gone;
    const to = socket;
    let isDropped = false;
    to.cork(() => {
      for (const frame of frames) if (to.send(frame) === 0) isDropped = true;
    });
    if (isDropped) {
      to.terminate();
      throw gone;
    }
    return to.getBufferedAmount() === 0 ? undefined : untilRead();
  }

  function untilRead(): Promise<void> {
    unread ??= { ...Promise.withResolvers<void>(), late: cutLate() };
    return unread.promise;
  }

  const cutLate = () => setTimeout(() => socket?.terminate(), limits.slowMs);

  /** Tells of a failure outside of a stream; a client that goes on sending and reads nothing is cut off. */
  function tell(failure: Failure, streamId?: string): void {
    if (socket === undefined) return;
    if (socket.getBufferedAmount() > limits.unreadBytesMax) socket.terminate();
    else if (socket.send(failureFrame(encode, failure, streamId)) === 0) socket.terminate();
  }

  function enqueue(frame: CreateFrame): void {
    const { streamId } = frame;
    const lane = lanes.get(streamId ?? '') ?? { streamId, queue: [] };
    const bytes = frame.body.length;
    const isBusy = lane.running !== undefined;
    if (!isBusy && lanes.size >= limits.lanesMax) return tell(tooManyLanes, streamId);
    if (isBusy && (queued >= limits.queuedMax || queuedBytes + bytes > limits.queuedBytesMax)) {
      return tell(queueFull, streamId);
    }
    lane.queue.push(frame);
    queued++;
    queuedBytes += bytes;
    if (isBusy) return;
    lanes.set(streamId ?? '', lane);
    void run(lane);
  }

  async function run(lane: Lane): Promise<void> {
    for (let frame = lane.queue.shift(); frame !== undefined; frame = lane.queue.shift()) {
      queued--;
      queuedBytes -= frame.body.length;
      if (socket === undefined || leaving !== undefined) continue;
      const turn: Turn = { abort: new AbortController(), isCancelled: false };
      lane.running = turn;
      try {
        await carry(turn, frame);
      } catch (error) {
        turn.abort.abort();
        // To a client that has left there is nothing to tell.
        if (error !== gone)
          tell(internalFailure('the gateway failed to carry this turn', error), lane.streamId);
      }
    }
    lanes.delete(lane.streamId ?? '');
    if (lanes.size === 0) leaving?.();
  }

  async function carry(turn: Turn, { body, isWarmUp, streamId }: CreateFrame): Promise<void> {
    let stream: Relayed | undefined;
    const { signal } = turn.abort;
    const take = (taken: Relayed): void => {
      stream = taken;
    };
    const frames = eventFrames(streamId, encode, send);
    turn.frames = frames;
    const waits = async (events: Uint8Array): Promise<void> => {
      // What it has not read yet keeps it waiting well enough.
      if (socket !== undefined && unread === undefined) await frames.write(events);
    };
    const { response, record } = await ask({
      body,
      isWarmUp,
      client: signal,
      take,
      // One that has left is told of by its socket.
      tell: (events) => void waits(events).catch(() => {}),
    });
    if (response.status !== 200) {
      if (turn.isCancelled) tell(cancelled, streamId);
      else if (record.failure?.kind === 'replay') replay(record.failure.message);
      else await send([await refusalFrame(response, streamId)]);
      return;
    }
    if (wantsHead) await send([headFrame(response.headers, streamId)]);
    let failure: Failure | undefined;
    if (stream === undefined) await frames.write(await response.bytes());
    else failure = await stream.pump(frames);
    if (failure?.kind === 'replay') replay(failure.message);
    else await frames.finish(() => (turn.isCancelled ? cancelled : failure));
  }

  /** What the client has to send anew it sends over a new connection. */
  const replay = (why: string | undefined): void => leave(why ?? 'the conversation has to be sent again');

  function cancel({ responseId, streamId }: CancelFrame): void {
    const turn = lanes.get(streamId ?? '')?.running;
    const isMeant = responseId === undefined || responseId === idOf(turn?.frames?.first());
    if (turn === undefined || turn.isCancelled || !isMeant) return tell(notActive, streamId);
    turn.isCancelled = true;
    turn.abort.abort();
  }

  function leave(reason: string): void {
    leaveBy(() => socket?.close(replayCode, shortened(reason)));
  }

  function leaveBy(how: () => void): void {
    leaving ??= how;
    if (lanes.size === 0) leaving();
  }

  return {
    opened(opened) {
      socket = opened;
      lifetime = setTimeout(
        () =>
          leaveBy(() => {
            tell(lifetimeOver(limits.lifetimeMs));
            socket?.close(1000, 'the connection has reached its limit');
          }),
        limits.lifetimeMs,
      );
      if (leaving !== undefined) leaving();
    },
    received(message) {
      try {
        const frame = readFrame(message);
        if (frame.kind === 'cancel') cancel(frame);
        else enqueue(frame);
      } catch (error) {
        if (!(error instanceof FailureError)) throw error;
        tell(error.failure);
      }
    },
    drained() {
      if (unread === undefined) return;
      clearTimeout(unread.late);
      if (socket !== undefined && socket.getBufferedAmount() > 0) {
        // Slow it is, but it reads.
        unread.late = cutLate();
        return;
      }
      unread.resolve();
      unread = undefined;
    },
    closed() {
      socket = undefined;
      clearTimeout(lifetime);
      for (const { running } of lanes.values()) running?.abort.abort();
      clearTimeout(unread?.late);
      unread?.reject(gone);
      unread = undefined;
      closed();
    },
    leave,
  };
}

/** RFC 6455 leaves 123 bytes for the reason; a character that is cut in two is written in three. */
const reasonBytesMax = 120;
const shortened = (reason: string): string => Buffer.from(reason).subarray(0, reasonBytesMax).toString();

/** The head of a reply, for clients that read it from an event. */
const headFrame = (headers: Headers, streamId: string | undefined): string =>
  JSON.stringify({
    type: 'response.metadata',
    ...(streamId === undefined ? undefined : { stream_id: streamId }),
    headers: headersIn(headers),
  });

const idOf = (data: string | undefined): string | undefined =>
  data === undefined ? undefined : asString(asObject(parseObject(data)?.response)?.id);

const gone = new Error('the client has left');
