import { expect, test } from 'bun:test';
import { sourceOf } from '../../src/pipeline/byte-source.ts';
import { firstContent } from '../../src/pipeline/first-content.ts';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { hello } from '../gateway/setup.ts';

const encoder = new TextEncoder();
const exchange = { upstream: anthropicMessages, source: { issuer: 'up' } };
const texts = hello.messages.blocks.map(({ text }) => `${text}\n\n`);

/** A source of these chunks, and what a reader of the returned source gets in the end. */
async function passed(chunks: readonly string[]): Promise<{ text: string; failed: boolean; read: number }> {
  let read = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[read++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(encoder.encode(chunk));
      },
    },
    { highWaterMark: 0 },
  );
  const { source, failure } = await firstContent(exchange, sourceOf(body));
  const seen = read;
  let text = '';
  for (;;) {
    const { value, done } = await source.read();
    text += new TextDecoder().decode(value);
    if (done) break;
  }
  return { text, failed: failure !== undefined, read: seen };
}

test('a stream that has begun to speak goes on whole, from its beginning', async () => {
  expect(await passed(texts)).toEqual({ text: texts.join(''), failed: false, read: 2 });
  expect(await passed([texts.join('')])).toEqual({ text: texts.join(''), failed: false, read: 1 });
});

test('a failure before that is found, wherever its bytes are cut', async () => {
  const failed = `${texts[0]}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n`;
  expect((await passed([...failed])).failed).toBe(true);
  expect((await passed([texts[0]!])).failed).toBe(true);
  expect((await passed([])).failed).toBe(true);
});

test('what only keeps the connection alive is held back to a bound', async () => {
  const pings = Array.from({ length: 200 }, () => `: ${'x'.repeat(1022)}\n\n`);
  const { text, failed, read } = await passed([...pings, ...texts]);
  expect(failed).toBe(false);
  expect(text).toBe([...pings, ...texts].join(''));
  expect(read).toBeLessThan(70);
});

test('one that takes its time goes on to the client with what it has', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let sent = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent === 1) await promise;
        const text = texts[sent++];
        if (text === undefined) controller.close();
        else controller.enqueue(encoder.encode(text));
      },
    },
    { highWaterMark: 0 },
  );
  const { source, failure } = await firstContent(exchange, sourceOf(body), 20);
  expect(failure).toBeUndefined();
  const first = await source.readMany();
  expect(Buffer.concat(first.value as Uint8Array[]).toString()).toBe(texts[0]!);
  resolve();
  let text = '';
  for (;;) {
    const { value, done } = await source.readMany();
    text += Buffer.concat(value as Uint8Array[]).toString();
    if (done) break;
  }
  expect(text).toBe(texts.slice(1).join(''));
});
