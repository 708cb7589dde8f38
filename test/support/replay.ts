import type { SseBlock } from './corpus.ts';

/** How the bytes of a stream go out. Everything off: the whole stream in one piece, as the fixture has it. */
export interface Delivery {
  /** Pieces as written to the socket: whole, an event each, a byte each, or cut anywhere by a seed. */
  readonly split?: 'whole' | 'event' | 'byte' | { readonly seed: number; readonly pieceBytesMax?: number };
  /** A pause before each piece. Without one, small pieces may still reach the reader several at a time. */
  readonly gapMs?: number;
  readonly newline?: '\n' | '\r\n' | '\r';
  /** A comment line before each event. */
  readonly comments?: boolean;
  /** A Messages `ping` event before each event but the first. */
  readonly pings?: boolean;
  readonly bom?: boolean;
  /** `false` leaves out the blank line that ends the last event. */
  readonly lastBlankLine?: boolean;
  /** `false` leaves out `[DONE]`. */
  readonly done?: boolean;
  /** The socket is destroyed before this event, counted from 0. */
  readonly cutBefore?: number;
  /** The body ends in order before this event, counted from 0. */
  readonly endBefore?: number;
  /** Nothing from this event on is sent before the gate opens. */
  readonly hold?: { readonly before: number; readonly gate: Gate };
}

/** What the upstream answers to one request. */
export type Script =
  | {
      readonly kind: 'stream';
      readonly blocks: readonly SseBlock[];
      readonly delivery?: Delivery;
      readonly headers?: Record<string, string>;
    }
  | {
      readonly kind: 'body';
      readonly status?: number;
      /** Text goes out as it is, anything else as JSON. */
      readonly body: unknown;
      readonly contentType?: string;
      readonly headers?: Record<string, string>;
    }
  /** Takes the request and never answers. */
  | { readonly kind: 'silent' };

/** A request as it reached the upstream. Times are milliseconds since the epoch. */
export interface ReplayRequest {
  readonly method: string;
  readonly path: string;
  readonly search: string;
  readonly headers: Headers;
  readonly text: string;
  /** The body parsed, `undefined` when it is no JSON. */
  readonly json: Record<string, unknown> | undefined;
  readonly receivedAt: number;
  /** Events that were handed to the socket so far. */
  eventsSent: number;
  /** When the answer had been written or the connection was gone. */
  closedAt?: number;
  /** The other side left before the answer was complete. */
  closedByPeer: boolean;
}

export interface ReplayUpstream {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  readonly requests: readonly ReplayRequest[];
  /** Answers for the requests to come, first in first out; they go before the handler. */
  enqueue(...scripts: Script[]): void;
  /** Chooses the answer for requests that find the queue empty. */
  handle(handler: (request: ReplayRequest) => Script | Promise<Script>): void;
  /** Requests that are still being answered. */
  openCount(): number;
  /** Resolves when request number `index` has ended, at once when it already has. */
  closed(index: number): Promise<ReplayRequest>;
  /** Forgets requests and queued scripts. */
  reset(): void;
  stop(): Promise<void>;
}

/** A one-way door for tests: whoever waits on `opened` goes on once `open` is called. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

/**
 * An upstream on loopback that answers from scripts: `POST` to any path is an API call (with whatever prefix),
 * `GET …/models` lists `models`, below `/v1beta` in Google's shape.
 *
 * @example
 * const upstream = startReplay();
 * upstream.enqueue({ kind: 'stream', blocks: fixture.blocks, delivery: { split: 'byte' } });
 */
export function startReplay(options: { models?: readonly string[] } = {}): ReplayUpstream {
  let requests: ReplayRequest[] = [];
  let queue: Script[] = [];
  let waiters = new Map<ReplayRequest, (() => void)[]>();
  let handler: (request: ReplayRequest) => Script | Promise<Script> = () => ({
    kind: 'body',
    status: 500,
    body: { error: { message: 'the replay upstream has no script for this request', type: 'no_script' } },
  });

  function close(request: ReplayRequest, byPeer: boolean): void {
    if (request.closedAt !== undefined) return;
    request.closedAt = Date.now();
    request.closedByPeer = byPeer;
    for (const wake of waiters.get(request) ?? []) wake();
    waiters.delete(request);
  }

  /**
   * Resolves once a reader has what was written so far; a reset takes what is not yet read with it. All fetches of
   * a process share one thread, which has read all that came before the answer to this one; other processes get
   * a moment.
   */
  async function delivered(): Promise<void> {
    await Bun.sleep(5);
    await (await fetch(`http://127.0.0.1:${server.port}/v1/models`)).arrayBuffer();
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    // Otherwise every cut stream is printed as an unhandled error.
    development: false,
    async fetch(incoming) {
      const { pathname, search } = new URL(incoming.url);
      if (incoming.method === 'GET' && pathname.endsWith('/models')) {
        const ids = options.models ?? [];
        if (pathname.includes('/v1beta/')) {
          return Response.json({ models: ids.map((id) => ({ name: `models/${id}` })) });
        }
        const data = ids.map((id) => ({ id, object: 'model', type: 'model' }));
        return Response.json({ object: 'list', data, has_more: false });
      }
      const text = await incoming.text();
      const request: ReplayRequest = {
        method: incoming.method,
        path: pathname,
        search,
        headers: incoming.headers,
        text,
        json: parsed(text),
        receivedAt: Date.now(),
        eventsSent: 0,
        closedByPeer: false,
      };
      requests.push(request);
      incoming.signal.addEventListener('abort', () => close(request, true));
      const script = queue.shift() ?? (await handler(request));
      if (script.kind === 'silent') return new Promise<Response>(() => {});
      if (script.kind === 'body') {
        close(request, false);
        return bodyResponse(script);
      }
      return new Response(
        streamBody(
          script.blocks,
          script.delivery ?? {},
          request,
          (byPeer) => close(request, byPeer),
          delivered,
        ),
        { headers: { 'content-type': 'text/event-stream; charset=utf-8', ...script.headers } },
      );
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    get requests() {
      return requests;
    },
    enqueue: (...scripts) => void queue.push(...scripts),
    handle: (next) => void (handler = next),
    openCount: () => requests.filter((request) => request.closedAt === undefined).length,
    async closed(index) {
      const request = requests[index];
      if (!request) throw new Error(`the replay upstream has had ${requests.length} requests`);
      if (request.closedAt === undefined) {
        await new Promise<void>((wake) => {
          waiters.set(request, [...(waiters.get(request) ?? []), wake]);
        });
      }
      return request;
    },
    reset() {
      requests = [];
      queue = [];
      waiters = new Map();
    },
    stop: () => server.stop(true),
  };
}

interface Piece {
  readonly bytes: Uint8Array;
  /** Number of the event that ends with this piece, counted from 1. */
  readonly event: number;
}

/** Bytes of a stream in the pieces that the delivery asks for, and what happens after the last. */
export function piecesOf(
  blocks: readonly SseBlock[],
  delivery: Delivery,
): { pieces: Piece[]; heldFrom: number; cut: boolean } {
  const newline = delivery.newline ?? '\n';
  const stopBefore = delivery.cutBefore ?? delivery.endBefore ?? Infinity;
  const texts: { text: string; event: number }[] = [];
  let event = 0;
  let held = Infinity;
  for (const block of blocks) {
    const carries = block.data !== undefined;
    if (delivery.done === false && block.data === '[DONE]') continue;
    if (carries && event >= stopBefore) break;
    if (carries && delivery.hold && event === delivery.hold.before) held = Math.min(held, texts.length);
    let text = '';
    if (delivery.comments) text += `: keep-alive${newline}${newline}`;
    if (delivery.pings && event > 0) {
      text += `event: ping${newline}data: {"type": "ping"}${newline}${newline}`;
    }
    text += block.text.replace(/\r\n|\r|\n/g, newline) + newline + newline;
    if (carries) event++;
    texts.push({ text, event });
  }
  const last = texts.at(-1);
  if (delivery.lastBlankLine === false && last) last.text = last.text.slice(0, -newline.length);
  if (delivery.bom && texts[0]) texts[0].text = `\ufeff${texts[0].text}`;

  const pieces: Piece[] = [];
  let heldFrom = Infinity;
  const groups = [texts.slice(0, held), texts.slice(held)];
  groups.forEach((group, i) => {
    if (i === 1 && group.length > 0) heldFrom = pieces.length;
    pieces.push(...splitGroup(group, delivery.split ?? 'whole'));
  });
  return { pieces, heldFrom, cut: delivery.cutBefore !== undefined };
}

function splitGroup(
  group: readonly { text: string; event: number }[],
  split: NonNullable<Delivery['split']>,
): Piece[] {
  const last = group.at(-1);
  if (!last) return [];
  const encoder = new TextEncoder();
  if (split === 'event') return group.map(({ text, event }) => ({ bytes: encoder.encode(text), event }));
  const bytes = encoder.encode(group.map(({ text }) => text).join(''));
  if (split === 'whole') return [{ bytes, event: last.event }];
  const next = split === 'byte' ? () => 1 : randomLength(split.seed, split.pieceBytesMax ?? 64);
  const pieces: Piece[] = [];
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + next());
    pieces.push({ bytes: bytes.subarray(from, to), event: to === bytes.length ? last.event : 0 });
    from = to;
  }
  return pieces;
}

/** Lengths from 1 to `max`, the same for the same seed (mulberry32). */
function randomLength(seed: number, max: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return 1 + (((mixed ^ (mixed >>> 14)) >>> 0) % max);
  };
}

function streamBody(
  blocks: readonly SseBlock[],
  delivery: Delivery,
  request: ReplayRequest,
  close: (byPeer: boolean) => void,
  delivered: () => Promise<unknown>,
): ReadableStream<Uint8Array> {
  const { pieces, heldFrom, cut } = piecesOf(blocks, delivery);
  let i = 0;
  let gone = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (i === heldFrom) await delivery.hold?.gate.opened;
        if (delivery.gapMs) await Bun.sleep(delivery.gapMs);
        // A turn of the event loop between pieces lets each go out in a packet of its own.
        else if (i > 0) await new Promise((next) => setImmediate(next));
        if (gone) return;
        const piece = pieces[i++];
        if (piece) {
          controller.enqueue(piece.bytes);
          if (piece.event > 0) request.eventsSent = piece.event;
          if (i < pieces.length || cut) return;
        } else if (cut) {
          await delivered();
          close(false);
          controller.error(new Error('cut by the replay upstream'));
          return;
        }
        close(false);
        controller.close();
      },
      cancel() {
        gone = true;
        close(true);
      },
    },
    { highWaterMark: 0 },
  );
}

function bodyResponse(script: Extract<Script, { kind: 'body' }>): Response {
  const isText = typeof script.body === 'string';
  return new Response(isText ? (script.body as string) : JSON.stringify(script.body), {
    status: script.status ?? 200,
    headers: {
      'content-type': script.contentType ?? (isText ? 'text/plain' : 'application/json'),
      ...script.headers,
    },
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
