/** Where the gateway goes, and what it takes there: requests forged on the server's side, and keys in URLs. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfig } from '../../src/config/load.ts';
import { providerSchemas } from '../../src/gateway.ts';
import { ask, hello, pathOf, startBench, surfaceNames, type Bench } from '../gateway/setup.ts';
import { projectRoot } from '../support/program.ts';

setDefaultTimeout(60_000);

/** Stands for whatever must never be asked: a metadata service, an internal host. */
let trapped: { path: string; headers: Headers }[] = [];
const trap = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request) {
    trapped.push({ path: new URL(request.url).pathname, headers: request.headers });
    return Response.json({ data: [{ id: 'stolen' }], models: [{ name: 'models/stolen' }] });
  },
});
const trapUrl = `http://127.0.0.1:${trap.port}`;

let bench: Bench;
beforeAll(() => {
  bench = startBench();
});
afterAll(async () => {
  await bench.stop();
  await trap.stop(true);
});
beforeEach(() => {
  bench.upstream.reset();
  trapped = [];
});

describe('a redirect of an upstream', () => {
  test.each([301, 302, 303, 307, 308])(
    'of status %i is not followed, with or without credentials',
    async (status) => {
      for (const surface of surfaceNames) {
        for (const upstream of surfaceNames) {
          const headers = { location: `${trapUrl}/latest/meta-data/` };
          bench.upstream.enqueue({ kind: 'body', status, body: '', headers });
          const response = await ask(bench, surface, { model: `${upstream}/m` });
          expect(response.status).toBeGreaterThanOrEqual(400);
          const text = await response.text();
          expect(text).not.toContain('stolen');
        }
      }
      expect(trapped).toEqual([]);
    },
  );

  test('is not followed for a list of models either', async () => {
    const away = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => new Response(null, { status: 307, headers: { location: `${trapUrl}/latest/` } }),
    });
    const url = `http://127.0.0.1:${away.port}`;
    const listing = startBench({
      providers: [
        { name: 'a', type: 'openai', base_url: `${url}/v1`, api_key: 'sk-a' },
        { name: 'b', type: 'anthropic', base_url: url, api_key: 'sk-b' },
        { name: 'c', type: 'google', base_url: url, api_key: 'sk-c' },
      ],
    });
    const { models, failed } = await listing.gateway.models();
    expect([models.length, failed.sort(), trapped]).toEqual([0, ['a', 'b', 'c'], []]);
    await listing.stop();
    await away.stop(true);
  });
});

test('every request of the gateway says what it does with redirects', () => {
  const src = join(projectRoot, 'src');
  const calls: string[] = [];
  for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue;
    const text = readFileSync(join(src, path), 'utf8');
    for (const match of text.matchAll(/\b(?:fetch|fetcher)\(/g)) {
      const call = text.slice(match.index, text.indexOf(');', match.index));
      const isDefinition = /^fetch\(\{|^fetch\(request[:)]|^fetch\(request: /.test(call);
      const isApp = text.slice(match.index - 4, match.index) === 'app.';
      if (
        !isDefinition &&
        !isApp &&
        !/redirect: '(?:manual|error)'/.test(call) &&
        !/\* .*$/.test(text.slice(text.lastIndexOf('\n', match.index), match.index))
      )
        calls.push(`${path}: ${call.slice(0, 80)}`);
    }
  }
  expect(calls).toEqual([]);
});

describe('the address of an upstream', () => {
  const problemsOf = (url: string, type = 'openai') => {
    const text = JSON.stringify({ providers: [{ name: 'up', type, base_url: url }] });
    const loaded = checkConfig({ name: 'x', text }, { kinds: providerSchemas, env: {} });
    return loaded.ok ? [] : loaded.problems.map(({ message }) => message);
  };

  test.each(Object.keys(providerSchemas).filter((type) => type !== 'demo'))('of type %s is HTTP', (type) => {
    for (const url of [
      'file:///etc/passwd?',
      'data:text/plain,x',
      'ftp://host/',
      'blob:x',
      's3://bucket/x',
      'javascript:x',
    ])
      expect([url, problemsOf(url, type)[0]]).toEqual([url, 'not an address of http or https']);
    expect(problemsOf('nonsense', type)[0]).toContain('not a URL');
  });

  test.each([
    'http://169.254.169.254/latest',
    'http://169.254.170.2/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://METADATA.google.internal./',
    'http://100.100.100.200/',
  ])('%s is a metadata service and refused', (url) => {
    expect(problemsOf(url)[0]).toContain('metadata service');
  });

  test.each([
    'http://127.0.0.1:11434/v1',
    'http://10.0.0.5/v1',
    'http://[fd12::1]/v1',
    'https://api.example/v1',
  ])('%s may be the owner’s own server', (url) => expect(problemsOf(url)).toEqual([]));
});

describe('a picture, a document or a file by its address', () => {
  const bodies = (url: string) => ({
    chat: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url } },
            { type: 'file', file: { file_data: url } },
          ],
        },
      ],
    },
    responses: {
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_image', image_url: url },
            { type: 'input_file', file_url: url },
          ],
        },
      ],
    },
    messages: {
      max_tokens: 9,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'url', url } },
            { type: 'document', source: { type: 'url', url } },
          ],
        },
      ],
    },
    gemini: { contents: [{ role: 'user', parts: [{ fileData: { fileUri: url, mimeType: 'image/png' } }] }] },
  });

  test.each([...surfaceNames])('is never fetched by the gateway for a %s client', async (surface) => {
    for (const upstream of surfaceNames) {
      for (const url of [`${trapUrl}/picture.png`, 'file:///etc/passwd', `${trapUrl}/latest/meta-data/iam`]) {
        bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream].blocks });
        const body = { ...bodies(url)[surface], model: `${upstream}/m`, stream: true };
        await (await ask(bench, surface, body)).text();
      }
    }
    expect(trapped).toEqual([]);
    for (const { text } of bench.upstream.requests) expect(text).not.toContain('root:');
  });
});

describe('a key in the URL', () => {
  test('reaches no upstream and no log', async () => {
    const secret = 'drg_abcdefgh_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';
    const names = [
      'key',
      'api_key',
      'api-key',
      'apikey',
      'access_token',
      'token',
      'KEY',
      '%6Bey',
      'auth_token',
      'x-api-key',
      'authorization',
    ];
    for (const surface of surfaceNames) {
      const path = pathOf(surface, `${surface}/m`, true);
      const query = names.map((name) => `${name}=${secret}`).join('&');
      bench.upstream.enqueue({ kind: 'stream', blocks: hello[surface].blocks });
      const url = `${bench.url}${path}${path.includes('?') ? '&' : '?'}${query}&beta=true`;
      const body = {
        chat: { messages: [] },
        responses: { input: 'hi' },
        messages: { messages: [], max_tokens: 9 },
        gemini: { contents: [] },
      };
      await (
        await fetch(url, {
          method: 'POST',
          body: JSON.stringify({
            ...body[surface],
            ...(surface !== 'gemini' && { model: `${surface}/m`, stream: true }),
          }),
        })
      ).text();
      const [request] = bench.upstream.requests.slice(-1);
      // The rest of the query is the client's to say.
      expect(request!.search).toContain('beta=true');
    }
    expect(JSON.stringify(bench.upstream.requests.map(({ search, path }) => [search, path]))).not.toContain(
      'drg_',
    );
    expect(JSON.stringify(bench.records)).not.toContain(secret);
  });
});

describe('a name in the path', () => {
  test.each([
    '/v1beta/models/gemini/..%2f..%2fadmin:generateContent',
    '/v1beta/models/gemini/../../files:generateContent',
    '/v1beta/models/gemini/%2e%2e%2f%2e%2e%2fcachedContents:generateContent',
    '/gemini/v1beta/models/..%5c..%5cx:generateContent',
  ])('%s leads to no other part of an upstream', async (path) => {
    await fetch(bench.url + path, { method: 'POST', body: '{"contents":[]}' });
    for (const request of bench.upstream.requests)
      expect(request.path).toMatch(/^\/v1beta\/models\/[^/]+:generateContent$/);
  });

  test.each([
    '/..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/v1/models/..%2f..%2fpackage.json',
    '/chat/../../package.json',
    '/v1/responses/..%2f..%2fdragoman.yaml',
    '//etc/passwd',
    '/v1/..;/admin/keys',
    '/%00',
  ])('%s leads to no file and around no guard', async (path) => {
    const response = await fetch(bench.url + path);
    const text = await response.text();
    expect(text).not.toMatch(/root:|"dependencies"|providers:/);
    expect([401, 403, 404]).toContain(response.status);
  });

  test('of a provider that stands in for administration is nobody', async () => {
    for (const path of [
      '/admin/v1/chat/completions',
      '/demo%2f..%2fadmin/v1/messages',
      '/__proto__/v1/responses',
      '/constructor/s/v1/messages',
    ]) {
      const response = await fetch(bench.url + path, {
        method: 'POST',
        body: '{"model":"m","messages":[],"input":"x","max_tokens":9}',
      });
      expect([path, response.status]).toEqual([path, 404]);
    }
    expect(bench.upstream.requests).toHaveLength(0);
  });
});
