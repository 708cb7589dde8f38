/** What a web page in the owner's browser can and cannot do: DNS rebinding, and requests across sites. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { allAdminRoutes } from '../../src/server/admin.ts';
import { startBench, type Bench } from '../gateway/setup.ts';
import { sendRaw, statusesIn } from './raw.ts';

setDefaultTimeout(60_000);

let bench: Bench;
beforeAll(() => {
  bench = startBench();
});
afterAll(() => bench.stop());

const turn = JSON.stringify({ model: 'chat/m', messages: [{ role: 'user', content: 'hi' }] });
const paths = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/messages',
  '/chat/v1/responses',
  '/chat/s/v1/messages',
];
const readings = [
  '/',
  '/v1/models',
  '/v1beta/models',
  '/v1/responses/resp_1',
  '/metrics',
  '/healthz',
  '/admin/keys',
];

async function ask(path: string, headers: Record<string, string>): Promise<Response> {
  const post = paths.includes(path);
  return fetch(bench.url + path, { method: post ? 'POST' : 'GET', headers, ...(post && { body: turn }) });
}

describe('a page that has its own name lead to this machine (DNS rebinding)', () => {
  const foreign = [
    'evil.example',
    'evil.example:4242',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    'localhost:80@evil.example',
    '127.0.0.1:80:80',
    'localhost:port',
    '0.0.0.0',
    '[::1].evil.example',
    '192.168.1.2',
  ];

  test.each([...paths, ...readings])('gets nothing from %s', async (path) => {
    for (const host of foreign) {
      const response = await ask(path, { host });
      expect([host, response.status]).toEqual([host, 403]);
      expect(await response.text()).not.toContain('demo');
    }
    expect(bench.upstream.requests).toHaveLength(0);
  });

  test('gets nothing by a name in the request line either', async () => {
    for (const line of [
      'GET http://evil.example/v1/models HTTP/1.1',
      'GET //evil.example/v1/models HTTP/1.1',
    ]) {
      const got = await sendRaw(bench.url, `${line}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`);
      expect(statusesIn(got).filter((status) => status < 400)).toEqual([]);
    }
  });

  test('while names of this machine are served', async () => {
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:4242', '127.8.8.8', '[::1]:80'])
      expect((await ask('/v1/models', { host })).status).toBe(200);
  });
});

describe('a page of another site (CSRF)', () => {
  const origins = [
    'https://evil.example',
    'null',
    'file://',
    'http://localhost.evil.example',
    'http://127.0.0.1@evil',
    'about:blank',
    '',
  ];
  /** What a form or a `no-cors` request can say without being asked first. */
  const simple = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'];

  test.each(paths)('can spend nothing by %s', async (path) => {
    for (const origin of origins)
      for (const type of simple)
        expect([origin, (await ask(path, { origin, 'content-type': type })).status]).toEqual([origin, 403]);
    expect(bench.upstream.requests).toHaveLength(0);
  });

  test('is told by no header that it may read, and a preflight is not answered with leave', async () => {
    for (const path of [...paths, '/v1/models', '/admin/keys']) {
      for (const origin of ['https://evil.example', bench.url]) {
        const asked = {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'x-api-key',
        };
        const preflight = await fetch(bench.url + path, { method: 'OPTIONS', headers: asked });
        expect(preflight.status).toBeGreaterThanOrEqual(400);
        expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      }
    }
    const reading = await ask('/v1/models', { origin: bench.url });
    expect(reading.status).toBe(200);
    expect(reading.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('cannot change anything in administration with a form’s content type, whatever key is sent along', () => {
    // What is sent with a body says a type that no form can say; test/server/admin.test.ts tries each.
    const changing = allAdminRoutes.filter(({ method }) => method === 'POST' || method === 'PATCH');
    expect(changing.length).toBeGreaterThan(4);
    expect(changing.filter(({ takes, path }) => takes === undefined && !path.endsWith('/clear'))).toEqual([]);
  });
});

test('nothing is told that a browser would keep for a page: no cookie, no page', async () => {
  for (const path of readings) {
    const response = await ask(path, {});
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(response.headers.get('content-type') ?? '').not.toContain('html');
    await response.body?.cancel();
  }
});
