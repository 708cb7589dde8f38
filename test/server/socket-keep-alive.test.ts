/** What a client on a socket hears while it waits. */
import { afterEach, describe, expect, test } from 'bun:test';
import { createConnection } from '../../src/server/socket-connection.ts';
import { hello, startBench, type Bench } from '../gateway/setup.ts';
import { gate, type Script } from '../support/replay.ts';
import { errorIn, openSocket, responseIn, type Frame, type TestSocket } from '../support/socket.ts';

/** Short enough for a test. */
const keepAliveMs = 40;
const ofCodex = { originator: 'codex_exec' };
const sign = { type: 'keepalive' };

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

function start(accounts?: readonly string[]): Bench {
  const bench = startBench({ server: { keep_alive_ms: keepAliveMs }, accounts });
  ended.push(() => bench.stop());
  return bench;
}

async function connect(bench: Bench, headers: Record<string, string> = {}): Promise<TestSocket> {
  const socket = await openSocket(bench.url, headers);
  ended.push(() => socket.close());
  return socket;
}

/** Answers when the gate opens. */
function slowly(bench: Bench, script: Script) {
  const hold = gate();
  bench.upstream.handle(async () => {
    await hold.opened;
    return script;
  });
  return hold;
}

const signsIn = (frames: readonly Frame[]): Frame[] => frames.filter(({ type }) => type === 'keepalive');
const good: Script = { kind: 'stream', blocks: hello.chat.blocks };
const busy: Script = {
  kind: 'body',
  status: 529,
  body: { error: { message: 'too busy', code: 'overloaded' } },
};
const turn = { type: 'response.create', model: 'chat/m', input: 'hi', store: false };

describe('a client that counts data only', () => {
  test('gets some before there is a reply, which is otherwise the same', async () => {
    const bench = start();
    const plain = start();
    plain.upstream.enqueue(good);
    const expected = await (await connect(plain)).ask(turn);
    const hold = slowly(bench, good);
    const socket = await connect(bench, ofCodex);
    socket.send(turn);
    for (let i = 0; i < 3; i++) expect(await socket.next()).toEqual(sign);
    hold.open();
    const frames = await socket.turn();
    expect(frames.filter(({ type }) => type !== 'keepalive').map(({ type }) => type)).toEqual(
      expected.map(({ type }) => type),
    );
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', status: 200 });
  });

  test('gets a refusal with its own status all the same, and another account was still tried', async () => {
    const bench = start(['a', 'b']);
    const hold = slowly(bench, busy);
    const socket = await connect(bench, ofCodex);
    socket.send({ ...turn, stream_id: 'one' });
    for (let i = 0; i < 6; i++) expect(await socket.next()).toEqual({ ...sign, stream_id: 'one' });
    hold.open();
    const frames = await socket.turn();
    expect(errorIn(frames)).toMatchObject({ status: 529, message: expect.stringContaining('too busy') });
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'error', status: 529, attempts: 2 });
  });

  test('gets some in mid reply, in which it can be cancelled by its id', async () => {
    const bench = start();
    const hold = gate();
    const held = { split: 'event', hold: { before: 1, gate: hold } } as const;
    const before = slowly(bench, { ...good, delivery: held });
    const socket = await connect(bench, ofCodex);
    socket.send(turn);
    expect(await socket.next()).toEqual(sign);
    before.open();
    const frames: Frame[] = [];
    while (
      frames.findLast(({ type }) => type === 'keepalive') === undefined ||
      !frames.some((f) => f.type === 'response.created')
    )
      frames.push(await socket.next());
    socket.send({ type: 'response.cancel', response_id: responseIn(frames).id });
    expect(errorIn(await socket.turn())).toMatchObject({ code: 'response_cancelled' });
    hold.open();
  });

  test('that leaves meanwhile is recorded as gone', async () => {
    const bench = start();
    slowly(bench, good);
    const socket = await connect(bench, ofCodex);
    socket.send(turn);
    expect(await socket.next()).toEqual(sign);
    socket.close();
    const deadline = Date.now() + 5_000;
    while (bench.records.at(-1)?.outcome !== 'cancelled' && Date.now() < deadline) await Bun.sleep(5);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'cancelled' });
    expect(bench.streamsOpen()).toBe(0);
  });
});

test('a client that is gone before it can be told to wait harms nobody', async () => {
  const told = Promise.withResolvers<(events: Uint8Array) => void>();
  const connection = createConnection({
    limits: {
      queuedMax: 1,
      queuedBytesMax: 1_000,
      lanesMax: 1,
      lifetimeMs: 60_000,
      slowMs: 60_000,
      unreadBytesMax: 1_000,
    },
    ask({ tell }) {
      told.resolve(tell);
      return new Promise(() => {});
    },
    encode: () => ({}),
    wantsHead: false,
    closed() {},
  });
  let isCut = false;
  connection.opened({
    send: () => 0,
    cork: (work: () => unknown) => work(),
    close() {},
    terminate: () => (isCut = true),
    getBufferedAmount: () => 0,
  } as unknown as Parameters<typeof connection.opened>[0]);
  connection.received(JSON.stringify(turn));
  (await told.promise)(Buffer.from('data: {"type":"keepalive"}\n\n'));
  await Bun.sleep(0);
  expect(isCut).toBe(true);
  connection.closed();
});

test('other clients get pings and no frame that they do not know', async () => {
  const bench = start();
  const hold = slowly(bench, good);
  const socket = await connect(bench);
  socket.send(turn);
  await Bun.sleep(keepAliveMs * 6);
  hold.open();
  const frames = await socket.turn();
  expect(signsIn(frames)).toEqual([]);
  expect(frames[0]!.type).toBe('response.created');
});
