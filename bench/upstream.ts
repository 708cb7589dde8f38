/** The upstream of the bench, a process of its own. The model named in a request chooses the way it answers. */
import {
  burstEvents,
  endlessPerSecond,
  jsonReply,
  mark,
  models,
  nowUs,
  pacedEventCount,
  pacedPerSecond,
  paths,
  streamShape,
  type Protocol,
} from './payload.ts';
import { startWheel, type Wheel } from './wheel.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const replies = Object.fromEntries(
  (Object.keys(paths) as Protocol[]).map((protocol) => {
    const events = burstEvents(protocol);
    return [
      paths[protocol],
      { protocol, json: bytes(jsonReply(protocol)), events, whole: bytes(events.join('')) },
    ];
  }),
);
type Replies = (typeof replies)[string];

const paced = startWheel(pacedPerSecond);
const endless = startWheel(endlessPerSecond);

/** Streams on a wheel that neither came to their end nor were left by their client. */
let openCount = 0;

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/open') return Response.json({ open: openCount });
    const reply = replies[pathname];
    if (reply === undefined) return new Response('no such path', { status: 404 });
    const body = Buffer.from(await request.arrayBuffer());
    const model = /bench-[a-z]+/.exec(body.toString('latin1', Math.max(0, body.indexOf('"model":'))))?.[0];
    const json = model === models.json;
    return new Response(json ? reply.json : streamed(model, reply, request.signal), {
      headers: {
        'content-type': json ? 'application/json' : 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-request-id': 'req_1',
      },
    });
  },
});

function streamed(model: string | undefined, reply: Replies, signal: AbortSignal): BodyInit {
  if (model === models.whole) return reply.whole;
  if (model === models.burst) return pulled(reply.events.map(bytes));
  if (model === models.apart) return written((writer) => writeApart(writer, reply.events));
  return model === models.endless
    ? written((writer) => turn(endless, writer, reply.protocol, Number.POSITIVE_INFINITY, signal))
    : written((writer) => turn(paced, writer, reply.protocol, pacedEventCount, signal));
}

function pulled(events: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let index = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(events[index++]!);
      if (index === events.length) controller.close();
    },
  });
}

interface Writer {
  readonly write: (event: string) => void;
  readonly end: () => void;
}

/** A body that is written to the socket event by event; `begin` gets the writer and keeps it. */
const written = (begin: (writer: Writer) => void): ReadableStream =>
  new ReadableStream({
    type: 'direct',
    pull: (controller: ReadableStreamDirectController) =>
      new Promise<void>((resolve) => {
        begin({
          write(event) {
            controller.write(event);
            controller.flush();
          },
          end() {
            controller.close();
            resolve();
          },
        });
      }),
  } as unknown as UnderlyingDefaultSource);

// Bun gathers what is written in one turn of the event loop, so each event has a turn of its own.
function writeApart({ write, end }: Writer, events: readonly string[], index = 0): void {
  if (index === events.length) return end();
  write(events[index]!);
  setImmediate(() => writeApart({ write, end }, events, index + 1));
}

/** Writes an event whenever the wheel comes round, with the time in its text. */
function turn(
  wheel: Wheel,
  { write, end }: Writer,
  protocol: Protocol,
  eventCount: number,
  signal: AbortSignal,
): void {
  const shape = streamShape(protocol);
  let left = eventCount;
  let open = true;
  const stop = (): void => {
    if (!open) return;
    open = false;
    openCount--;
    takeOut();
  };
  openCount++;
  write(shape.before.join(''));
  const takeOut = wheel.add(() => {
    write(shape.text(` ${mark}${nowUs()}`));
    if (--left > 0) return;
    stop();
    write(shape.after.join(''));
    end();
  });
  const leave = (): void => {
    stop();
    end();
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave);
}

process.send!({ port: server.port });
