import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { eventually } from '../support/eventually.ts';
import { gate } from '../support/replay.ts';
import { ask, hello, startBench, surfaceNames } from './setup.ts';

const bench = startBench();
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

/** The gateway takes a moment, a busy machine one or another of its own. */
const momentary = { retry: 5, timeout: 60_000 };

const cells = surfaceNames.flatMap((surface) => surfaceNames.map((upstream) => [surface, upstream] as const));

/** What each surface writes when a stream fails. */
const errorForm = {
  chat: /data: \{"error":/,
  messages: /event: error\n/,
  responses: /event: response\.failed\n/,
  gemini: /data: \{"error":/,
};
const endForm = {
  chat: /data: \[DONE\]/,
  messages: /event: message_stop/,
  responses: /event: response\.completed/,
  gemini: /"finishReason":"STOP"/,
};

async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  let text = '';
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended without ${wanted}: ${text}`);
    text += new TextDecoder().decode(value);
  }
  return text;
}

describe.each(cells)('%s client, %s upstream', (surface, upstream) => {
  const { blocks, textAt } = hello[upstream];
  const model = `${upstream}/m`;

  test('a stream arrives whole, and its usage is recorded', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks });
    const response = await ask(bench, surface, { model, stream: true });
    expect(response.headers.get('content-type')).toStartWith('text/event-stream');
    const text = await response.text();
    expect(text).toContain('Hello');
    expect(text).toContain(' world');
    expect(text).toMatch(endForm[surface]);
    const record = bench.records.at(-1)!;
    expect(record).toMatchObject({ outcome: 'ok', provider: upstream, status: 200, stream: true });
    expect(record.usage).toMatchObject({ fresh: 5, output: 2 });
    expect(record.stop?.reason).toBe('end');
  });

  test('the first text reaches the client while the upstream is held', async () => {
    const hold = gate();
    bench.upstream.enqueue({
      kind: 'stream',
      blocks,
      delivery: { split: 'event', hold: { before: textAt[1], gate: hold } },
    });
    const response = await ask(bench, surface, { model, stream: true });
    const reader = response.body!.getReader();
    const text = await readUntil(reader, 'Hello');
    expect(text).not.toContain('world');
    hold.open();
    await readUntil(reader, ' world');
    await reader.cancel();
  });

  test(
    'a client that leaves closes the upstream within 100 ms',
    async () => {
      const hold = gate();
      bench.upstream.enqueue({
        kind: 'stream',
        blocks,
        delivery: { split: 'event', hold: { before: textAt[1], gate: hold } },
      });
      const leave = new AbortController();
      const response = await ask(bench, surface, { model, stream: true }, { signal: leave.signal });
      await readUntil(response.body!.getReader(), 'Hello');
      const leftAt = Date.now();
      leave.abort();
      const request = await bench.upstream.closed(0);
      expect(request.closedByPeer).toBe(true);
      expect(request.closedAt! - leftAt).toBeLessThan(100);
      await eventually(() => bench.streamsOpen() === 0);
      expect(bench.records.at(-1)?.outcome).toBe('cancelled');
    },
    momentary,
  );

  test.each([
    ['reset', { cutBefore: textAt[1] }],
    ['ended in order', { endBefore: textAt[1] }],
  ])(
    'an upstream that is %s before its end is an error for the client, after the text so far',
    async (_, cut) => {
      bench.upstream.enqueue({ kind: 'stream', blocks, delivery: { split: 'event', ...cut } });
      const text = await (await ask(bench, surface, { model, stream: true })).text();
      expect(text).toContain('Hello');
      expect(text).toMatch(errorForm[surface]);
      expect(text).not.toMatch(endForm[surface]);
      expect(bench.records.at(-1)?.outcome).toBe('cut');
    },
  );

  test('a cut reply that was not to be streamed is an error answer', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks, delivery: { split: 'event', cutBefore: textAt[1] } });
    const response = await ask(bench, surface, { model });
    expect(response.status).toBe(502);
    const body = (await response.json()) as { error: { message: string } };
    expect(body.error.message).toContain('before it was complete');
  });

  test('events and fields nobody knows end no stream', async () => {
    const strange = {
      text: 'event: something.new\ndata: {"type":"something.new","x":1}',
      event: 'something.new',
      data: '{"type":"something.new","x":1}',
    };
    const known = blocks.map((block) => ({
      ...block,
      text: block.text.replace(/"(model|delta|usage|modelVersion)":/, '"field_of_2031":{"a":[1]},"$1":'),
    }));
    bench.upstream.enqueue({ kind: 'stream', blocks: [...known.slice(0, 2), strange, ...known.slice(2)] });
    const text = await (await ask(bench, surface, { model, stream: true })).text();
    expect(text).toContain(' world');
    expect(text).toMatch(endForm[surface]);
    expect(text).not.toMatch(errorForm[surface]);
    if (surface === upstream) expect(text).toContain('field_of_2031');
  });
});

test('a stream under a wrong content type is a stream all the same', async () => {
  bench.upstream.enqueue({
    kind: 'stream',
    blocks: hello.chat.blocks,
    delivery: { split: 'event' },
    headers: { 'content-type': 'application/json' },
  });
  expect(await (await ask(bench, 'messages', { stream: true })).text()).toMatch(endForm.messages);
});

test('a whole reply to a client that asked for a stream is streamed', async () => {
  bench.upstream.enqueue({
    kind: 'body',
    body: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'm-1',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello world' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
    },
  });
  const text = await (await ask(bench, 'messages', { stream: true })).text();
  expect(text).toContain('Hello world');
  expect(text).toMatch(endForm.messages);
});

test('usage is asked for on the client’s behalf, and not shown to one that did not ask', async () => {
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks, delivery: { split: { seed: 7 } } });
  const text = await (await ask(bench, 'chat', { stream: true })).text();
  expect(bench.upstream.requests[0]?.json).toMatchObject({ stream_options: { include_usage: true } });
  expect(text).not.toContain('prompt_tokens');
  expect(text).toContain('[DONE]');
  expect(bench.records.at(-1)?.usage).toMatchObject({ fresh: 5, output: 2 });

  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
  const asked = await ask(bench, 'chat', { stream: true, stream_options: { include_usage: true } });
  expect(await asked.text()).toContain('prompt_tokens');
});

test('an upstream that holds its connection after the last event does not hold the client', async () => {
  const hold = gate();
  bench.upstream.enqueue({
    kind: 'stream',
    blocks: [
      ...hello.messages.blocks,
      { text: ': bye', data: undefined },
      ...hello.messages.blocks.slice(-1),
    ],
    delivery: { split: 'event', hold: { before: 7, gate: hold } },
  });
  const text = await (await ask(bench, 'messages', { model: 'messages/m', stream: true })).text();
  expect(text).toMatch(endForm.messages);
  const request = await bench.upstream.closed(0);
  expect(request.closedByPeer).toBe(true);
  hold.open();
});

test('a client of HTTP/1.0 gets a stream without chunks, dated once', async () => {
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
  const { hostname, port } = new URL(bench.url);
  const body = JSON.stringify({ model: 'chat/m', stream: true, messages: [{ role: 'user', content: 'hi' }] });
  const closed = Promise.withResolvers<string>();
  let text = '';
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) =>
        void socket.write(
          `POST /v1/chat/completions HTTP/1.0\r\nhost: ${hostname}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        ),
      data: (_, data) => void (text += new TextDecoder().decode(data)),
      close: () => closed.resolve(text),
    },
  });
  const reply = await closed.promise;
  expect(reply.toLowerCase()).not.toContain('transfer-encoding');
  expect(reply.match(/^date:/gim)).toHaveLength(1);
  expect(reply).toContain('\r\n\r\ndata: {');
  expect(reply).toContain('[DONE]');
});
