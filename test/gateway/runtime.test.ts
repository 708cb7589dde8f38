/** The runtime's traps that a gateway would step into: each was measured on Bun 1.4.5 and is kept shut here. */
import { afterAll, afterEach, expect, test } from 'bun:test';
import { eventually } from '../support/eventually.ts';
import { gate } from '../support/replay.ts';
import { startGateway } from '../support/gateway.ts';
import { ask, hello, startBench } from './setup.ts';

const bench = startBench();
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

const heldStream = (hold = gate()) => ({
  hold,
  script: {
    kind: 'stream' as const,
    blocks: hello.chat.blocks,
    delivery: { split: 'event' as const, hold: { before: 2, gate: hold } },
  },
});

test('300 streams are open upstream at once: the runtime’s own limit of 256 requests is lifted', async () => {
  const { hold, script } = heldStream();
  const upstream = bench.upstream;
  const gateway = await startGateway({
    providers: [
      {
        name: 'chat',
        type: 'openai',
        base_url: `${upstream.url}/v1`,
        protocols: ['openai-chat'],
        models: ['m'],
      },
    ],
  });
  try {
    upstream.handle(() => script);
    const count = 300;
    // This process has the limit too: the requests go out over sockets.
    const sockets = await Promise.all(Array.from({ length: count }, () => rawRequest(gateway.url)));
    await eventually(() => upstream.requests.length === count);
    hold.open();
    for (const socket of sockets) socket.end();
  } finally {
    hold.open();
    await gateway.stop();
  }
}, 60_000);

function rawRequest(url: string) {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ model: 'chat/m', stream: true, messages: [{ role: 'user', content: 'hi' }] });
  return Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open(socket) {
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
      },
      data() {},
    },
  });
}

test('a stream may be silent for longer than the runtime’s idle cut of 10 s', async () => {
  const { hold, script } = heldStream();
  bench.upstream.enqueue(script);
  const response = await ask(bench, 'messages', { stream: true });
  const text = response.text();
  await Bun.sleep(13_000);
  hold.open();
  expect(await text).toContain('event: message_stop');
}, 60_000);

test(
  'a client that leaves before the upstream has answered cuts the upstream',
  async () => {
    const answer = Promise.withResolvers<never>();
    const before = bench.records.length;
    bench.upstream.handle(() => answer.promise);
    const leave = new AbortController();
    const asked = ask(bench, 'chat', { stream: true }, { signal: leave.signal }).catch(
      (error: Error) => error.name,
    );
    await eventually(() => bench.upstream.requests.length > 0);
    const leftAt = Date.now();
    leave.abort();
    expect(await asked).toBe('AbortError');
    expect((await bench.upstream.closed(0)).closedAt! - leftAt).toBeLessThan(100);
    await eventually(() => bench.records.length > before);
    expect(bench.records.at(-1)?.outcome).toBe('cancelled');
    // A busy machine has a moment of its own now and then.
  },
  { retry: 5, timeout: 60_000 },
);

test('a client that does not read holds the upstream back instead of filling memory', async () => {
  const line = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'x'.repeat(60_000) }, finish_reason: null }] })}\n\n`;
  const chunk = new TextEncoder().encode(line);
  let sent = 0;
  const flood = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: () =>
      new Response(
        new ReadableStream(
          {
            pull(controller) {
              sent += chunk.length;
              controller.enqueue(chunk);
            },
          },
          { highWaterMark: 0 },
        ),
        { headers: { 'content-type': 'text/event-stream' } },
      ),
  });
  const slow = startBench({
    providers: [
      {
        name: 'chat',
        type: 'openai',
        base_url: `http://127.0.0.1:${flood.port}/v1`,
        protocols: ['openai-chat'],
        models: ['m'],
      },
    ],
  });
  const leave = new AbortController();
  for (const surface of ['chat', 'messages'] as const) {
    const before = sent;
    const response = await ask(slow, surface, { stream: true }, { signal: leave.signal });
    await response.body!.getReader().read();
    // What lies in buffers of the system is all that is sent.
    await eventually(async () => {
      const settled = sent;
      await Bun.sleep(400);
      return sent - settled < 2_000_000;
    });
    expect(sent - before).toBeLessThan(64 * 1024 * 1024);
  }
  leave.abort();
  await slow.stop();
  await flood.stop(true);
}, 60_000);

test('a gateway that stops lets an open stream finish, and cuts it at the deadline', async () => {
  for (const [drainMs, form] of [
    [3_000, '[DONE]'],
    [50, undefined],
  ] as const) {
    const draining = startBench();
    const { hold, script } = heldStream();
    draining.upstream.enqueue(script);
    const response = await ask(draining, 'chat', { stream: true });
    const text = response.text().catch(() => 'cut');
    await Bun.sleep(20);
    const stopping = draining.gateway.stop({ drainMs });
    setTimeout(() => hold.open(), 150);
    await stopping;
    if (form) expect(await text).toContain(form);
    else expect(await text).toBe('cut');
    hold.open();
    await draining.stop();
  }
}, 60_000);
