import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { blocksOfPayloads, blocksOfSse } from './corpus.ts';
import { type Delivery, gate, startReplay } from './replay.ts';

const upstream = startReplay();
afterAll(() => upstream.stop());
beforeEach(() => upstream.reset());

const payloads = ['{"n":0,"text":"a…"}', '{"n":1,"text":"ü"}', '{"n":2}'];
const blocks = blocksOfPayloads(payloads, 'openai-chat');

const post = (signal?: AbortSignal): Promise<Response> =>
  fetch(`${upstream.url}/any/prefix/v1/chat/completions`, { method: 'POST', body: '{"a":1}', signal });

async function dataUnder(delivery: Delivery): Promise<(string | undefined)[]> {
  upstream.enqueue({ kind: 'stream', blocks, delivery });
  return blocksOfSse(await (await post()).text())
    .filter((block) => block.data !== undefined && block.event !== 'ping')
    .map((block) => block.data);
}

describe('the replay upstream', () => {
  const deliveries: Record<string, Delivery> = {
    whole: {},
    'an event at a time': { split: 'event' },
    'a byte at a time': { split: 'byte' },
    'cut at random': { split: { seed: 7, pieceBytesMax: 5 } },
    'with gaps': { split: 'event', gapMs: 2 },
    'with CRLF': { newline: '\r\n' },
    'with CR': { newline: '\r' },
    'with comments and pings': { comments: true, pings: true },
    'with a BOM': { bom: true },
    'without the last blank line': { lastBlankLine: false },
  };
  for (const [name, delivery] of Object.entries(deliveries)) {
    test(`delivers the same events ${name}`, async () => {
      expect(await dataUnder(delivery)).toEqual([...payloads, '[DONE]']);
    });
  }

  test('can leave out [DONE] and end early in order', async () => {
    expect(await dataUnder({ done: false })).toEqual(payloads);
    expect(await dataUnder({ endBefore: 2 })).toEqual(payloads.slice(0, 2));
  });

  test('really sends a byte at a time', async () => {
    upstream.enqueue({ kind: 'stream', blocks, delivery: { split: 'byte', gapMs: 1 } });
    const sizes: number[] = [];
    for await (const chunk of (await post()).body!) sizes.push(chunk.byteLength);
    expect(sizes.filter((size) => size === 1).length).toBeGreaterThan(sizes.length / 2);
  });

  test('cuts the connection before event k, after what came before it', async () => {
    upstream.enqueue({ kind: 'stream', blocks, delivery: { split: 'event', cutBefore: 2 } });
    const response = await post();
    let text = '';
    let failure: unknown;
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk;
    } catch (error) {
      failure = error;
    }
    expect(blocksOfSse(text).map((block) => block.data)).toEqual(payloads.slice(0, 2));
    expect((failure as { code?: string }).code).toBe('ECONNRESET');
  });

  test('holds the rest back until the gate opens', async () => {
    const door = gate();
    upstream.enqueue({
      kind: 'stream',
      blocks,
      delivery: { split: 'event', hold: { before: 2, gate: door } },
    });
    const reader = (await post()).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (blocksOfSse(text).length < 2) text += (await reader.read()).value ?? '';
    await Bun.sleep(20);
    expect(upstream.requests[0]!.eventsSent).toBe(2);
    expect(upstream.openCount()).toBe(1);
    door.open();
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    expect(blocksOfSse(text)).toHaveLength(4);
    expect((await upstream.closed(0)).closedByPeer).toBe(false);
  });

  test('notices that the peer left', async () => {
    const door = gate();
    upstream.enqueue({
      kind: 'stream',
      blocks,
      delivery: { split: 'event', hold: { before: 1, gate: door } },
    });
    const abort = new AbortController();
    const response = await post(abort.signal);
    await response.body!.getReader().read();
    abort.abort();
    expect((await upstream.closed(0)).closedByPeer).toBe(true);
    expect(upstream.openCount()).toBe(0);
    door.open();
  });

  test('records requests and answers errors and results', async () => {
    upstream.enqueue({
      kind: 'body',
      status: 429,
      body: { error: 'slow down' },
      headers: { 'retry-after': '3' },
    });
    const response = await post();
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(await response.json()).toEqual({ error: 'slow down' });
    expect(upstream.requests[0]).toMatchObject({
      path: '/any/prefix/v1/chat/completions',
      json: { a: 1 },
      text: '{"a":1}',
    });
  });
});
