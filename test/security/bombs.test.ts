/** Bodies that unpack to far more than they are: from clients and from upstreams. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import zlib from 'node:zlib';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, hello, pathOf, startBench, surfaceNames, type Bench } from '../gateway/setup.ts';

setDefaultTimeout(60_000);

const bytesMax = 1024 * 1024;
let bench: Bench;
let state: State;
let admin: string;
beforeAll(async () => {
  const store = await openStore('sqlite::memory:');
  state = await openState({ stored: { store, vault: createVault(new Uint8Array(32).fill(3)) } });
  admin = (await state.keys!.create({ name: 'boss', role: 'admin' })).secret;
  bench = startBench({ state, server: { body_bytes_max: bytesMax } });
});
afterAll(async () => {
  await bench.stop();
  await state.close();
});

const megabytes = 128;
const zeros = Buffer.alloc(megabytes * 1024 * 1024, ' ');
const packers: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

const routes: readonly [string, Record<string, string>?][] = [
  ...surfaceNames.map((surface) => [pathOf(surface)] as const),
  ['/v1/embeddings'],
  ['/v1/messages/count_tokens'],
  ['/v1/responses/compact'],
  ['/v1/conversations'],
  ['/admin/keys'],
  ['/admin/import', { 'content-type': 'application/x-ndjson' }],
].map(([path, headers]) => [path as string, headers as Record<string, string> | undefined]);

describe.each(Object.keys(packers))('a body in %s', (encoding) => {
  const bomb = packers[encoding]!(zeros);

  test(`of ${megabytes} MB is refused on every route, and not unpacked first`, async () => {
    expect(bomb.length).toBeLessThan(bytesMax);
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    for (const [path, headers] of routes) {
      const response = await fetch(bench.url + path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-encoding': encoding,
          ...(path.startsWith('/admin') && { authorization: `Bearer ${admin}` }),
          ...headers,
        },
        body: new Uint8Array(bomb),
      });
      expect([path, response.status]).toEqual([path, 413]);
      await response.text();
    }
    // Ten routes with the whole of it each would be ten times as much.
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 * zeros.length);
    expect(bench.upstream.requests).toHaveLength(0);
  });

  test('that breaks off, or is something else, is refused', async () => {
    for (const body of [bomb.subarray(0, 40), Buffer.from('{"model":"chat/m"}'), Buffer.alloc(0)]) {
      const response = await fetch(bench.url + pathOf('chat'), {
        method: 'POST',
        headers: { 'content-encoding': encoding },
        body: new Uint8Array(body),
      });
      expect(response.status).toBe(400);
    }
  });

  test('that is no bomb is served', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
    const text = JSON.stringify({
      model: 'chat/m',
      stream: true,
      messages: [{ role: 'user', content: 'hi' }],
    });
    const response = await fetch(bench.url + pathOf('chat'), {
      method: 'POST',
      headers: { 'content-encoding': encoding },
      body: new Uint8Array(packers[encoding]!(Buffer.from(text))),
    });
    expect(response.status).toBe(200);
    await response.text();
    bench.upstream.reset();
  });
});

test.each(['gzip, gzip', 'gzip,br', 'constructor', '__proto__', 'toString', 'compress', 'x-gzip', ''])(
  'a body in “%s” is not guessed at',
  async (encoding) => {
    const response = await fetch(bench.url + pathOf('chat'), {
      method: 'POST',
      headers: { 'content-encoding': encoding },
      body: '{"model":"chat/m","messages":[]}',
    });
    expect(response.status).toBeWithin(400, 416);
  },
);

test('a body that is large as it stands is refused, announced or in chunks', async () => {
  const whole = await ask(bench, 'chat', {
    model: 'chat/m',
    messages: [{ role: 'user', content: 'x'.repeat(2 * bytesMax) }],
  });
  expect(whole.status).toBe(413);
  const chunks = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(32)),
  });
  const chunked = await fetch(bench.url + pathOf('chat'), { method: 'POST', body: chunks }).catch(
    () => undefined,
  );
  expect(chunked?.status ?? 413).toBe(413);
});

test('a deeply nested body ends in an answer', async () => {
  for (const surface of surfaceNames) {
    const deep = `${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}`;
    const body = `{"model":"chat/m","input":${deep},"messages":${deep},"contents":${deep},"tools":${deep}}`;
    const response = await fetch(bench.url + pathOf(surface), { method: 'POST', body });
    expect([surface, response.status < 500]).toEqual([surface, true]);
    await response.text();
  }
  expect((await fetch(`${bench.url}/healthz`)).status).toBe(200);
});

test('what an upstream packs is unpacked up to a bound only', async () => {
  const gzip = zlib.createGzip();
  const pieces: Buffer[] = [];
  gzip.on('data', (piece: Buffer) => pieces.push(piece));
  for (let i = 0; i < 3; i++) gzip.write(zeros);
  gzip.end();
  await new Promise((done) => gzip.once('end', done));
  const packed = Buffer.concat(pieces);
  const upstream = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () =>
      new Response(new Uint8Array(packed), {
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      }),
  });
  const url = `http://127.0.0.1:${upstream.port}/v1`;
  const bombed = startBench({
    providers: [
      { name: 'up', type: 'openai', base_url: url, protocols: ['openai-chat'], models: ['m'] },
      { name: 'lists', type: 'openai', base_url: url, protocols: ['openai-chat'] },
    ],
  });
  const response = await ask(bombed, 'messages', { model: 'up/m' });
  // It stopped reading: the whole of it would have been no JSON.
  expect(await response.text()).toContain('before it was complete');
  expect(response.status).toBeGreaterThanOrEqual(500);
  expect((await bombed.gateway.models()).failed).toEqual(['lists']);
  await bombed.stop();
  await upstream.stop(true);
});
