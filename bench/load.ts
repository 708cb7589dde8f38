/** The load generator, a process of its own: raw sockets, so that it is never what is waited for. */
import type { Socket } from 'bun';
import type { Answers, Ask, ReplyShape } from './load-messages.ts';
import { quantile } from './measure.ts';
import { mark, nowUs, pacedEventCount } from './payload.ts';
import { replyReader, type ReplySink } from './reply-reader.ts';

const markByte = mark.charCodeAt(0);
const markDigits = 16;
const delaysMax = 500_000;

let events = 0;
let delayCount = 0;
const delaysUs = new Float64Array(delaysMax);

interface Stream {
  readonly close: () => void;
  readonly begun: Promise<void>;
  /** Undefined when it was whole, else what was wrong. */
  readonly ended: Promise<string | undefined>;
}
let streams: Stream[] = [];

const answerTo: { [K in Ask['kind']]: (ask: Extract<Ask, { kind: K }>) => Promise<Answers[K]> } = {
  batch,
  async open(ask) {
    streams = [];
    for (let index = 0; index < ask.streams; index++) {
      streams.push(openStream(ask));
      // Ten a millisecond at most: no listen queue runs over.
      if (index % 10 === 9) await Bun.sleep(1);
    }
    await Promise.race([Promise.all(streams.map(({ begun }) => begun)), Bun.sleep(5000)]);
    return { begun: streams.length };
  },
  async mark() {
    events = 0;
    delayCount = 0;
    return {};
  },
  async read() {
    const delays = delaysUs.subarray(0, delayCount);
    return { events, delayP50Us: quantile(delays, 0.5), delayP99Us: quantile(delays, 0.99) };
  },
  async finish() {
    const late = Bun.sleep(15_000).then(() => 'not ended after 15 s');
    const ends = await Promise.all(streams.map(({ ended }) => Promise.race([ended, late])));
    const failures = ends.filter((end) => end !== undefined);
    return { complete: ends.length - failures.length, failures: [...new Set(failures)] };
  },
  async leave() {
    for (const { close } of streams) close();
    return {};
  },
};

process.on('message', async (ask: Ask) => {
  process.send!(await (answerTo[ask.kind] as (ask: Ask) => Promise<object>)(ask));
});
process.send!({ port: 0 });

/** A connection that reports to a sink and writes requests whole, however slowly they are taken. */
function connect(
  port: number,
  sink: ReplySink,
  closed: (reason: string) => void,
): Promise<{ send: (request: Buffer) => void; close: () => void }> {
  const reader = replyReader(sink);
  let unsent: Buffer | undefined;
  const write = (socket: Socket, bytes: Buffer): void => {
    const written = Math.max(0, socket.write(bytes));
    unsent = written < bytes.length ? bytes.subarray(written) : undefined;
  };
  return Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_, bytes) => reader.feed(bytes),
      drain(socket) {
        if (unsent !== undefined) write(socket, unsent);
      },
      close: () => closed('connection closed'),
      error: (_, error) => closed(error.message),
    },
  }).then((socket) => ({
    send: (request) => write(socket, request),
    close: () => void socket.terminate(),
  }));
}

async function batch(ask: Extract<Ask, { kind: 'batch' }>): Promise<Answers['batch']> {
  const request = Buffer.from(ask.request);
  const replies = new Map<string, ReplyShape & { count: number }>();
  const failures = new Set<string>();
  let left = ask.count;

  const work = async (): Promise<void> => {
    const done = Promise.withResolvers<void>();
    const body = Buffer.allocUnsafe(1 << 20);
    let length = 0;
    let status = 0;
    let ended = false;
    const connection = await connect(
      ask.port,
      {
        head(received) {
          status = received;
          length = 0;
        },
        body(slice) {
          slice.copy(body, length);
          length += slice.length;
        },
        end() {
          count(replies, shapeOf(status, body.subarray(0, length), ask.terminal));
          if (left-- > 0) return connection.send(request);
          ended = true;
          connection.close();
          done.resolve();
        },
      },
      (reason) => {
        if (!ended) failures.add(reason);
        done.resolve();
      },
    );
    if (left-- > 0) connection.send(request);
    else connection.close();
    await done.promise;
  };

  await Promise.all(Array.from({ length: ask.connections }, work));
  return { replies: [...replies.values()], failures: [...failures] };
}

function shapeOf(status: number, body: Buffer, terminal: string): ReplyShape {
  let dataLines = 0;
  for (let at = body.indexOf('data:'); at >= 0; at = body.indexOf('data:', at + 5)) {
    if (at === 0 || body[at - 1] === 10) dataLines++;
  }
  return {
    status,
    bytes: body.length,
    hash: Bun.hash.wyhash(body).toString(16),
    events: dataLines,
    terminal: terminal === '' || body.lastIndexOf(terminal) >= 0,
  };
}

function count(replies: Map<string, ReplyShape & { count: number }>, shape: ReplyShape): void {
  const key = Object.values(shape).join();
  const same = replies.get(key);
  if (same === undefined) replies.set(key, { ...shape, count: 1 });
  else same.count++;
}

function openStream(ask: Extract<Ask, { kind: 'open' }>): Stream {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string | undefined>();
  let status = 0;
  let received = 0;
  /** What came once the last text had. */
  let tail = '';
  const sink: ReplySink = {
    head(code) {
      status = code;
      begun.resolve();
    },
    body(slice) {
      received += readMarks(slice);
      if (received >= pacedEventCount && tail.length < 8192) tail += slice.toString('latin1');
    },
    end() {
      const whole = status === 200 && received === pacedEventCount && tail.includes(ask.terminal);
      ended.resolve(
        whole ? undefined : `status ${status}, ${received} texts, ended ${JSON.stringify(tail.slice(-60))}`,
      );
      void connection.then(({ close }) => close());
    },
  };
  const connection = connect(ask.port, sink, (reason) => ended.resolve(`${reason} after ${received} texts`));
  const request = Buffer.from(ask.request);
  connection.then(
    ({ send }) => send(request),
    (error: unknown) => ended.resolve(String(error)),
  );
  return {
    begun: begun.promise,
    ended: ended.promise,
    close: () => void connection.then(({ close }) => close()),
  };
}

/** Counts the texts in a slice and notes how long ago each was written; one cut in two is only counted. */
function readMarks(slice: Buffer): number {
  let found = 0;
  for (let at = slice.indexOf(markByte); at >= 0; at = slice.indexOf(markByte, at + 1)) {
    found++;
    events++;
    if (at + markDigits >= slice.length || delayCount === delaysMax) continue;
    let writtenUs = 0;
    for (let digit = at + 1; digit <= at + markDigits; digit++)
      writtenUs = writtenUs * 10 + slice[digit]! - 48;
    delaysUs[delayCount++] = nowUs() - writtenUs;
  }
  return found;
}
