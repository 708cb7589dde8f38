/** Requests that two readers could understand in two ways, and headers that are to start other ones. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { ask, hello, startBench, surfaceNames, type Bench } from '../gateway/setup.ts';
import { sendRaw, statusesIn } from './raw.ts';

setDefaultTimeout(60_000);

let bench: Bench;
beforeAll(() => {
  bench = startBench();
});
afterAll(() => bench.stop());
beforeEach(() => bench.upstream.reset());

const body = '{"model":"chat/m","messages":[{"role":"user","content":"hi"}]}';
const second = 'GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const post = (headers: string, text: string): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${text}`;

describe('a request with two lengths', () => {
  test.each([
    ['two content lengths', `Content-Length: ${body.length}\r\nContent-Length: 0`],
    ['a list of content lengths', `Content-Length: ${body.length}, 0`],
    ['a length and chunks', `Content-Length: 0\r\nTransfer-Encoding: chunked`],
    ['a negative length', 'Content-Length: -1'],
    ['a length in hex', 'Content-Length: 0x10'],
    ['an unknown transfer encoding', 'Transfer-Encoding: xchunked'],
    ['a transfer encoding behind a line feed', 'X: y\nTransfer-Encoding: chunked'],
  ])('%s: hides no second request', async (_, headers) => {
    const got = await sendRaw(bench.url, post(headers, `${body}${second}`));
    // One refusal at most, and never the list of models that the hidden request asks for.
    expect(statusesIn(got).filter((status) => status === 200)).toEqual([]);
    expect(got).not.toContain('"object":"list"');
    expect(bench.upstream.requests).toHaveLength(0);
  });
});

describe('headers', () => {
  /** What any upstream may be sent, whatever its client says. */
  const expected = new Set([
    'host',
    'connection',
    'content-length',
    'content-type',
    'user-agent',
    'accept',
    'accept-encoding',
    'authorization',
    'x-api-key',
    'x-goog-api-key',
    'anthropic-version',
    'anthropic-beta',
    'openai-beta',
    'idempotency-key',
  ]);

  test.each([...surfaceNames])('of a %s client reach no upstream but by name', async (surface) => {
    for (const upstream of surfaceNames) {
      bench.upstream.reset();
      bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream].blocks });
      const sent = {
        'content-type': 'application/json',
        cookie: 'session=1',
        authorization: 'Bearer client-key',
        'x-api-key': 'client-key',
        'x-goog-api-key': 'client-key',
        'x-forwarded-for': '6.6.6.6',
        forwarded: 'for=6.6.6.6',
        via: '1.1 evil',
        te: 'trailers',
        upgrade: 'h2c',
        'proxy-authorization': 'Basic eA==',
        expect: '100-continue',
        'x-stainless-lang': 'js',
        'openai-organization': 'org-evil',
        'x-anything': 'else',
      };
      const response = await ask(bench, surface, { model: `${upstream}/m`, stream: true }, { headers: sent });
      await response.text();
      const [request] = bench.upstream.requests;
      expect([...request!.headers.keys()].filter((name) => !expected.has(name))).toEqual([]);
      expect(JSON.stringify([...request!.headers])).not.toContain('client-key');
      expect(request!.headers.get('user-agent')).toBe('dragoman/test');
    }
  });

  test('that an upstream sends do not reach the client, but for those it acts on', async () => {
    const headers = {
      'set-cookie': 'a=b',
      'x-internal': 'secret',
      server: 'upstream',
      connection: 'close',
      'access-control-allow-origin': '*',
      'x-ratelimit-remaining-requests': '7',
    };
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks, headers });
    const response = await ask(bench, 'chat', { model: 'chat/m', stream: true });
    await response.text();
    for (const name of ['set-cookie', 'x-internal', 'server', 'access-control-allow-origin'])
      expect([name, response.headers.get(name)]).toEqual([name, null]);
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('7');
  });

  test('cannot be begun by a value: line breaks in ids, models, sessions and queries', async () => {
    const broken = '%0d%0aX-Evil:%201%0d%0a%0d%0a';
    const reached = [
      `/v1beta/models/gemini/m${broken}:generateContent`,
      `/chat/s${broken}/v1/chat/completions`,
      `/chat${broken}/v1/chat/completions`,
      `/v1/chat/completions?x=${broken}`,
      `/v1/responses/resp_${broken}`,
      `/backend-api/chat${broken}/responses`,
    ];
    for (const path of reached) {
      const got = await sendRaw(
        bench.url,
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\tb${'c'.repeat(300)}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
      expect(got.split('\r\n\r\n')[0]).not.toMatch(/^x-evil:/im);
      expect(statusesIn(got)).toHaveLength(1);
    }
    for (const { headers } of bench.upstream.requests) expect(headers.has('x-evil')).toBe(false);
    for (const name of ['m\r\nX-Evil: 1', 'm\u0000', 'm\u2028x', 'é\ud800']) {
      bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
      const response = await ask(bench, 'chat', { model: `chat/${name}` });
      expect(response.status).not.toBe(500);
      expect(response.headers.has('x-evil')).toBe(false);
      await response.text();
    }
  });
});

describe('a connection', () => {
  test('with headers beyond all measure is refused, and others are served meanwhile', async () => {
    const huge = `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(1_000_000)}\r\n\r\n`;
    const got = await sendRaw(bench.url, huge);
    expect(statusesIn(got).filter((status) => status === 200)).toEqual([]);
    expect((await fetch(`${bench.url}/healthz`)).status).toBe(200);
  });

  test('that never ends its headers keeps nobody else from being served', async () => {
    const slow = Array.from({ length: 200 }, () =>
      sendRaw(bench.url, 'POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX', 2_000),
    );
    const began = performance.now();
    for (let i = 0; i < 20; i++) expect((await fetch(`${bench.url}/healthz`)).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(10_000);
    await Promise.all(slow);
    expect(bench.upstream.requests).toHaveLength(0);
  });
});
