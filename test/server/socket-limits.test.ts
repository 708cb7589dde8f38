import { afterEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { hello, startBench, type Bench, type BenchOptions } from '../gateway/setup.ts';
import type { SseBlock } from '../support/corpus.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway } from '../support/gateway.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { gate, startReplay } from '../support/replay.ts';
import { errorIn, openSocket, type TestSocket } from '../support/socket.ts';

let bench: Bench | undefined;
const open: { close(): void }[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.close();
  await bench?.stop();
  bench = undefined;
});

function start(options: BenchOptions = {}): Bench {
  bench = startBench(options);
  bench.upstream.handle(() => ({ kind: 'stream', blocks: hello.chat.blocks }));
  return bench;
}

async function connect(url: string): Promise<TestSocket> {
  const socket = await openSocket(url);
  open.push(socket);
  return socket;
}

async function connectRaw(url: string): Promise<RawSocket> {
  const socket = await openRawSocket(url);
  open.push({ close: () => socket.end() });
  return socket;
}

const turn = { model: 'chat/m', input: 'hi', store: false };
const frame = JSON.stringify({ type: 'response.create', ...turn });

/** A reply of `count` pieces of 64 KiB, of which a client must read the most before its upstream can go on. */
function longReply(count: number): SseBlock[] {
  const { blocks } = hello.responses;
  const delta = 'x'.repeat(64 * 1024);
  const data = JSON.stringify({
    type: 'response.output_text.delta',
    output_index: 0,
    item_id: 'msg_1',
    content_index: 0,
    delta,
  });
  const piece = { event: 'response.output_text.delta', data, text: `data: ${data}` };
  return [...blocks.slice(0, 3), ...Array.from({ length: count }, () => piece), ...blocks.slice(5)];
}

describe('a client that asks for too much', () => {
  test('has a bounded queue: what it has no room for is refused with a code, the rest is served', async () => {
    const at = start({ socketLimits: { queuedMax: 2 } });
    const hold = gate();
    at.upstream.enqueue({
      kind: 'stream',
      blocks: hello.chat.blocks,
      delivery: { split: 'event', hold: { before: 2, gate: hold } },
    });
    const socket = await connect(at.url);
    for (let i = 0; i < 10; i++) socket.send(frame);
    for (let refused = 0; refused < 7;) {
      const next = await socket.next();
      if (next.type !== 'error') continue;
      expect(next).toMatchObject({ status: 429, error: { code: 'websocket_queue_full' } });
      refused++;
    }
    hold.open();
    for (let i = 0; i < 3; i++) expect((await socket.turn()).at(-1)!.type).toBe('response.completed');
    expect(at.upstream.requests).toHaveLength(3);
  });

  test('has a bounded queue in bytes as well', async () => {
    const at = start({ server: { body_bytes_max: 100_000 } });
    at.upstream.enqueue({ kind: 'silent' });
    const socket = await connect(at.url);
    const large = JSON.stringify({ type: 'response.create', ...turn, input: 'x'.repeat(60_000) });
    socket.send(frame);
    socket.send(large);
    socket.send(large);
    expect(errorIn([await socket.next()])).toMatchObject({ status: 429, code: 'websocket_queue_full' });
  });

  test('has a bounded number of lanes', async () => {
    const at = start({ socketLimits: { lanesMax: 2 } });
    at.upstream.handle(() => ({ kind: 'silent' }));
    const socket = await connect(at.url);
    for (const stream_id of ['a', 'b', 'c']) socket.send({ type: 'response.create', ...turn, stream_id });
    expect(await socket.next()).toMatchObject({
      stream_id: 'c',
      status: 400,
      error: { code: 'websocket_stream_limit_reached', param: 'stream_id' },
    });
  });

  test('has a frame that is too large refused, and one beyond all bounds not read', async () => {
    const at = start({ server: { body_bytes_max: 200_000 } });
    const [socket, other] = [await connect(at.url), await connect(at.url)];
    const frames = await socket.ask({ ...turn, input: 'x'.repeat(300_000) });
    expect(errorIn(frames)).toMatchObject({ status: 413, code: 'request_too_large' });
    expect((await socket.ask(turn)).at(-1)!.type).toBe('response.completed');
    socket.send({ type: 'response.create', ...turn, input: 'x'.repeat(3_000_000) });
    expect(await socket.closed).toMatchObject({ code: 1009 });
    expect((await other.ask(turn)).at(-1)!.type).toBe('response.completed');
  });

  test('is cut off when it sends on and on and reads nothing', async () => {
    const at = start({ socketLimits: { unreadBytesMax: 64 * 1024 } });
    const raw = await connectRaw(at.url);
    const other = await connect(at.url);
    const storm = setInterval(() => {
      for (let i = 0; i < 500 && !raw.isClosed(); i++) raw.send('{"type":"nothing"}');
    }, 1);
    try {
      raw.socket.resume();
      raw.socket.pause();
      await eventually(() => at.socketsOpen() === 1);
      expect((await other.ask(turn)).at(-1)!.type).toBe('response.completed');
    } finally {
      clearInterval(storm);
    }
  }, 60_000);
});

describe('a client that reads too slowly', () => {
  test('stops its upstream, is cut off when it goes on so, and its upstream with it', async () => {
    const at = start({ socketLimits: { slowMs: 1_500 } });
    const count = 1_000;
    at.upstream.enqueue({ kind: 'stream', blocks: longReply(count), delivery: { split: 'event' } });
    const raw = await connectRaw(at.url);
    raw.send(JSON.stringify({ type: 'response.create', ...turn, model: 'responses/m' }));
    await eventually(() => at.upstream.requests.length === 1);
    const [request] = at.upstream.requests;
    expect((await at.upstream.closed(0)).closedByPeer).toBe(true);
    // 64 MiB were to come; what lies in buffers of the system is all that was sent.
    expect(request!.eventsSent).toBeLessThan(count / 2);
    await eventually(() => at.socketsOpen() === 0);
    expect(at.records.at(-1)).toMatchObject({ outcome: 'cancelled', transport: 'websocket' });
  }, 60_000);

  test('gets it all when it reads on in time', async () => {
    const at = start();
    const count = 300;
    at.upstream.enqueue({ kind: 'stream', blocks: longReply(count), delivery: { split: 'event' } });
    const raw = await connectRaw(at.url);
    raw.send(JSON.stringify({ type: 'response.create', ...turn, model: 'responses/m' }));
    await eventually(() => at.upstream.requests.length === 1);
    await Bun.sleep(500);
    const before = at.upstream.requests[0]!.eventsSent;
    let bytes = 0;
    let last = '';
    raw.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      last = (last + chunk.toString('latin1')).slice(-4_000);
    });
    raw.socket.resume();
    await eventually(() => last.includes('response.completed'));
    expect(before).toBeLessThan(count);
    expect(bytes).toBeGreaterThan(count * 64 * 1024);
    expect(at.records.at(-1)).toMatchObject({ outcome: 'ok' });
  }, 60_000);
});

test('a connection whose client is gone is closed; one that is only idle stays', async () => {
  const at = start({ socketLimits: { silentSeconds: 8 } });
  const halfOpen = await connectRaw(at.url);
  const idle = await connect(at.url);
  expect(at.socketsOpen()).toBe(2);
  // It reads, but what it reads it does not answer, as a machine that was cut off.
  halfOpen.socket.resume();
  await eventually(() => at.socketsOpen() === 1);
  await Bun.sleep(9_000);
  expect((await idle.ask(turn)).at(-1)!.type).toBe('response.completed');
}, 90_000);

test('a ping is answered, in mid turn as well', async () => {
  const at = start();
  at.upstream.handle(() => ({ kind: 'silent' }));
  const raw = await connectRaw(at.url);
  const pong = new Promise<Buffer>((resolve) => raw.socket.once('data', resolve));
  raw.send(frame);
  raw.socket.write(Buffer.from([0x89, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  raw.socket.resume();
  expect([...(await pong)]).toEqual([0x8a, 2, 0x68, 0x69]);
});

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test.skipIf(process.platform !== 'linux')(
  'memory stays bounded under slow readers and a storm of frames, and others are served meanwhile',
  async () => {
    const upstream = startReplay({ models: ['m'] });
    const gateway = await startGateway({
      providers: [
        {
          name: 'responses',
          type: 'openai',
          base_url: `${upstream.url}/v1`,
          api_key: 'k',
          protocols: ['openai-responses'],
          models: ['m'],
        },
      ],
    });
    try {
      const ask = { model: 'responses/m', input: 'hi', store: false };
      const other = await connect(gateway.url);
      upstream.handle(() => ({ kind: 'stream', blocks: hello.responses.blocks }));
      for (let i = 0; i < 20; i++) await other.ask(ask);
      const idleMb = rssMb(gateway.pid);

      // Twenty that read nothing of 64 MiB each, and five that send wrong frames without end.
      upstream.handle((request) => ({
        kind: 'stream',
        blocks: request.text.includes('long') ? longReply(1_000) : hello.responses.blocks,
        delivery: { split: 'event' },
      }));
      for (let i = 0; i < 20; i++) {
        const slow = await connectRaw(gateway.url);
        slow.send(JSON.stringify({ type: 'response.create', ...ask, input: 'long' }));
      }
      const storming = await Promise.all(Array.from({ length: 5 }, () => connect(gateway.url)));
      let peakMb = 0;
      let slowestMs = 0;
      let told = 0;
      for (const { socket } of storming) socket.onmessage = () => void told++;
      const deadline = Date.now() + 4_000;
      while (Date.now() < deadline) {
        for (const { socket } of storming) for (let i = 0; i < 200; i++) socket.send('{"type":"nothing"}');
        const startMs = performance.now();
        expect((await other.ask(ask)).at(-1)!.type).toBe('response.completed');
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        peakMb = Math.max(peakMb, rssMb(gateway.pid));
      }
      console.log(
        `websockets: ${idleMb.toFixed(0)} MB before, at most ${peakMb.toFixed(0)} MB with 20 slow readers and ${told} wrong frames; another's turns took at most ${slowestMs.toFixed(0)} ms`,
      );
      expect(peakMb - idleMb).toBeLessThan(250);
      expect(slowestMs).toBeLessThan(10_000);
    } finally {
      for (const socket of open.splice(0)) socket.close();
      await gateway.stop();
      await upstream.stop();
    }
  },
  120_000,
);
