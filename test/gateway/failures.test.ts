import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import zlib from 'node:zlib';
import { ask, hello, pathOf, startBench, surfaceNames, type SurfaceName } from './setup.ts';

const bench = startBench({ server: { body_bytes_max: 200_000 }, top: { fidelity: 'warn' } });
/** One with little patience. */
const hasty = startBench({ server: { first_byte_ms: 300, idle_ms: 300 } });
afterEach(() => {
  bench.upstream.reset();
  hasty.upstream.reset();
});
afterAll(() => Promise.all([bench.stop(), hasty.stop()]));

interface ErrorBody {
  type?: string;
  error: { type: string; message: string; code?: string | number | null; param?: string | null };
}

/** The error object, after checking that it has the surface's own shape. */
async function errorOf(surface: SurfaceName, response: Response): Promise<ErrorBody['error']> {
  expect(response.headers.get('content-type')).toStartWith('application/json');
  expect(response.headers.get('x-request-id')).toBeTruthy();
  const body = (await response.json()) as ErrorBody;
  if (surface === 'messages') expect(body.type).toBe('error');
  else if (surface === 'gemini')
    expect(body.error).toMatchObject({ code: response.status, status: expect.stringMatching(/^[A-Z_]+$/) });
  else expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(typeof body.error.message).toBe('string');
  expect(JSON.stringify(body)).not.toContain('sk-upstream-secret');
  return body.error;
}

const post = (surface: SurfaceName, body: BodyInit, headers: Record<string, string> = {}, stream = false) =>
  fetch(bench.url + pathOf(surface, 'chat/m', stream), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });

/** The gateway still serves after whatever came before. */
async function nextIsServed(surface: SurfaceName): Promise<void> {
  bench.upstream.reset();
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
  const response = await ask(bench, surface, { stream: true });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('Hello');
}

const wrongType: Record<SurfaceName, [string, unknown]> = {
  chat: ['messages', 'hi'],
  responses: ['input', 5],
  messages: ['messages', 'hi'],
  gemini: ['contents', 5],
};

describe.each(surfaceNames)('bad input on %s', (surface) => {
  test('nested without end is refused before it reaches what recurses', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    const [member] = wrongType[surface];
    // An upstream of another protocol: to its own the bytes pass unread, and are its to judge.
    const model = surface === 'gemini' ? '' : `"model":"${surface === 'chat' ? 'messages' : 'chat'}/m",`;
    const response = await post(surface, `{${model}"${member}":[],"x":${deep}}`);
    expect(response.status).toBe(400);
    expect((await errorOf(surface, response)).message).toContain('nested too deeply');
  });

  test.each([
    ['not json', 400],
    ['{"model":"chat/m"', 400],
    ['[]', 400],
    ['', 400],
    ['{"messages":[]}', 400],
    ['{"model":17,"messages":[]}', 400],
    ['{"model":"","messages":[]}', 400],
    ['{"model":"chat/m","stream":"yes"}', 400],
  ])('%j is answered with %d', async (body, status) => {
    const response = await post(surface, body);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-should-retry')).toBe('false');
    await errorOf(surface, response);
    await nextIsServed(surface);
  });

  test('a wrong type in a translated request names the field', async () => {
    const other = surface === 'chat' ? 'messages/m' : 'chat/m';
    const [member, wrong] = wrongType[surface];
    const response = await ask(bench, surface, { model: other, [member]: wrong });
    expect(response.status).toBe(400);
    const error = await errorOf(surface, response);
    expect(error.message).toContain(member);
    expect(bench.upstream.requests).toHaveLength(0);
  });

  test('an unknown model is a 404 that names near ones', async () => {
    const response = await ask(bench, surface, { model: 'chat/n' });
    expect(response.status).toBe(404);
    expect((await errorOf(surface, response)).message).toContain('chat/n');
    const near = await ask(bench, surface, { model: 'chats/m' });
    expect(near.status).toBe(404);
    expect((await errorOf(surface, near)).message).toContain('chat/m');
  });

  test('a body beyond the limit is a 413, announced or not', async () => {
    const large = JSON.stringify({
      model: 'chat/m',
      messages: [{ role: 'user', content: 'x'.repeat(250_000) }],
    });
    const announced = await post(surface, large);
    expect(announced.status).toBe(413);
    await errorOf(surface, announced);
    const chunked = await post(
      surface,
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(large));
          controller.close();
        },
      }) as unknown as BodyInit,
    );
    expect(chunked.status).toBe(413);
    await nextIsServed(surface);
  });

  test.each([
    ['gzip', zlib.gzipSync],
    ['zstd', zlib.zstdCompressSync],
    [
      'br',
      (bytes: Uint8Array) =>
        zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
    ],
    ['deflate', zlib.deflateSync],
  ] as const)('a %s body is read, a bomb is a 413, a broken one a 400', async (encoding, compress) => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
    const plain = {
      model: 'chat/m',
      stream: true,
      max_tokens: 5,
      messages: [{ role: 'user', content: 'hi' }],
    };
    const body = {
      chat: plain,
      messages: plain,
      responses: { ...plain, messages: undefined, input: 'hi' },
      gemini: { contents: [{ parts: [{ text: 'hi' }] }] },
    };
    const small = await post(
      surface,
      new Uint8Array(compress(Buffer.from(JSON.stringify(body[surface])))),
      { 'content-encoding': encoding },
      true,
    );
    expect(small.status).toBe(200);
    const bomb = await post(surface, new Uint8Array(compress(Buffer.alloc(50_000_000, 32))), {
      'content-encoding': encoding,
    });
    expect(bomb.status).toBe(413);
    await errorOf(surface, bomb);
    const broken = await post(surface, 'this is not compressed', { 'content-encoding': encoding });
    expect(broken.status).toBe(400);
    await errorOf(surface, broken);
  });

  test('an encoding nobody knows is a 415', async () => {
    const response = await post(surface, '{}', { 'content-encoding': 'lzma' });
    expect(response.status).toBe(415);
    await errorOf(surface, response);
  });

  test('another method is a 405', async () => {
    const response = await fetch(bench.url + pathOf(surface));
    expect(response.status).toBe(405);
    await errorOf(surface, response);
  });
});

const geminiStatus: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

describe.each(
  surfaceNames.flatMap((surface) => surfaceNames.map((upstream) => [surface, upstream] as const)),
)('upstream failures, %s client and %s upstream', (surface, upstream) => {
  const model = `${upstream}/m`;
  const wire = (type: string, message: string, code: number) => {
    if (upstream === 'gemini') return { error: { code, message, status: geminiStatus[code] } };
    return upstream === 'messages'
      ? { type: 'error', error: { type, message }, request_id: 'req_up' }
      : { error: { message, type, param: null, code: type } };
  };

  test.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [503, 'overloaded_error'],
  ])('%d keeps its status and the provider’s words', async (status, type) => {
    bench.upstream.enqueue({
      kind: 'body',
      status,
      body: wire(type, `because of ${type} with sk-upstream-secret inside`, status),
      headers: status === 429 ? { 'retry-after': '7' } : {},
    });
    const response = await ask(bench, surface, { model, stream: true });
    expect(response.status).toBe(status);
    expect((await errorOf(surface, response)).message).toContain(`because of ${type}`);
    if (status === 429) expect(response.headers.get('retry-after')).toBe('7');
    expect(bench.records.at(-1)).toMatchObject({ status, outcome: 'error' });
  });

  test('an HTML error page becomes a clear error, without the page', async () => {
    bench.upstream.enqueue({
      kind: 'body',
      status: 502,
      contentType: 'text/html',
      body: '<html><body><h1>502 Bad Gateway</h1> internal-host-7</body></html>',
    });
    const response = await ask(bench, surface, { model });
    expect(response.status).toBe(502);
    const { message } = await errorOf(surface, response);
    expect(message).not.toContain('<');
    expect(message).not.toContain('internal-host-7');
  });

  test('an HTML page under status 200 is an error too', async () => {
    for (const stream of [false, true]) {
      bench.upstream.enqueue({ kind: 'body', contentType: 'text/html', body: '<html>Sign in</html>' });
      const response = await ask(bench, surface, { model, stream });
      expect(response.status).toBe(502);
      await errorOf(surface, response);
    }
  });

  test('a redirect is not followed', async () => {
    bench.upstream.enqueue({
      kind: 'body',
      status: 307,
      body: '',
      headers: { location: 'http://127.0.0.1:9/' },
    });
    const response = await ask(bench, surface, { model });
    expect(response.status).toBe(502);
    expect((await errorOf(surface, response)).message).toContain('redirect');
  });

  test('an upstream that never answers is a timeout', async () => {
    hasty.upstream.enqueue({ kind: 'silent' });
    const response = await ask(hasty, surface, { model });
    expect(response.status).toBe(504);
    await errorOf(surface, response);
  });
});

test('an upstream that falls silent in mid reply is a timeout in the stream', async () => {
  hasty.upstream.enqueue({
    kind: 'stream',
    blocks: hello.chat.blocks,
    delivery: { split: 'event', hold: { before: 2, gate: { opened: new Promise(() => {}), open() {} } } },
  });
  const text = await (await ask(hasty, 'messages', { stream: true })).text();
  expect(text).toContain('Hello');
  expect(text).toContain('event: error');
  expect(hasty.records.at(-1)?.failure?.kind).toBe('timeout');
});

test('a refusal whose words never come is answered all the same', async () => {
  const held = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"err')) }),
        { status: 503, headers: { 'content-type': 'application/json' } },
      ),
  });
  const slow = startBench({
    server: { idle_ms: 1_000 },
    providers: [
      {
        name: 'chat',
        type: 'openai',
        base_url: `http://127.0.0.1:${held.port}/v1`,
        protocols: ['openai-chat'],
        models: ['m'],
      },
    ],
  });
  const response = await ask(slow, 'messages', {});
  expect(response.status).toBe(503);
  await errorOf('messages', response);
  await slow.stop();
  await held.stop(true);
});

test('a whole reply that stops in its middle is a timeout', async () => {
  const held = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":"chatcmpl-1",')),
        }),
        { headers: { 'content-type': 'application/json' } },
      ),
  });
  const slow = startBench({
    server: { idle_ms: 100 },
    providers: [
      {
        name: 'chat',
        type: 'openai',
        base_url: `http://127.0.0.1:${held.port}/v1`,
        protocols: ['openai-chat'],
        models: ['m'],
      },
    ],
  });
  for (const surface of surfaceNames) {
    const response = await ask(slow, surface, {});
    expect(response.status).toBe(504);
    await errorOf(surface, response);
  }
  await slow.stop();
  await held.stop(true);
});

describe('what a request makes no sense without', () => {
  test('a reference to a conversation that the upstream does not keep is refused by its name', async () => {
    for (const model of ['chat/m', 'messages/m']) {
      const response = await ask(bench, 'responses', { model, previous_response_id: 'resp_1' });
      expect(response.status).toBe(400);
      expect((await errorOf('responses', response)).param).toBe('previous_response_id');
    }
    expect(bench.upstream.requests).toHaveLength(0);
  });

  test('a hosted tool that the upstream does not have is left out with a note', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
    const tools = [{ type: 'file_search', vector_store_ids: ['vs_1'] }];
    const response = await ask(bench, 'responses', { stream: true, tools });
    expect(response.status).toBe(200);
    expect(response.headers.get('dragoman-notes')).toContain('tools');
    await response.text();
  });
});

test('a billing mark of Claude Code goes to its own vendor only', async () => {
  const system = [
    { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=sdk-cli;' },
    { type: 'text', text: 'Be brief.' },
  ];
  for (const model of ['chat/m', 'messages/m'] as const) {
    bench.upstream.enqueue({
      kind: 'stream',
      blocks: hello[model === 'chat/m' ? 'chat' : 'messages'].blocks,
    });
    await (await ask(bench, 'messages', { model, stream: true, system })).text();
  }
  const [foreign, own] = bench.upstream.requests.map(({ text }) => text);
  expect(foreign).not.toContain('billing');
  expect(foreign).toContain('Be brief.');
  expect(own).toContain('billing');
});

describe('no connection', () => {
  const away = startBench({
    providers: [
      {
        name: 'gone',
        type: 'openai',
        base_url: 'http://127.0.0.1:9/v1',
        protocols: ['openai-chat'],
        models: ['m'],
      },
      { name: 'tls', type: 'anthropic', base_url: bench.url.replace('http:', 'https:'), models: ['m'] },
    ],
  });
  afterAll(() => away.stop());

  test.each(surfaceNames)('an upstream that refuses is named on %s, its address is not', async (surface) => {
    for (const model of ['gone/m', 'tls/m']) {
      const response = await ask(away, surface, { model, stream: true });
      expect(response.status).toBe(502);
      const { message } = await errorOf(surface, response);
      expect(message).toContain(model.split('/')[0]!);
      expect(message).not.toMatch(/127\.0\.0\.1|:9/);
    }
  });
});

describe('routes', () => {
  test('one provider only, by prefix', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.messages.blocks });
    const scoped = await fetch(`${bench.url}/messages/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'm',
        max_tokens: 5,
        stream: true,
        messages: [{ role: 'user', content: 'hi' }],
      }),
    });
    expect(scoped.status).toBe(200);
    await scoped.text();
    const unknown = await fetch(`${bench.url}/nobody/v1/models`);
    expect(unknown.status).toBe(404);
  });

  test('an unknown route is a 404 in the caller’s shape', async () => {
    expect((await fetch(`${bench.url}/v1/messages/batches`)).status).toBe(404);
    await errorOf('messages', await fetch(`${bench.url}/v1/messages/batches`));
    await errorOf('chat', await fetch(`${bench.url}/v1/audio`));
  });

  test('models in both shapes', async () => {
    const openai = (await (await fetch(`${bench.url}/v1/models`)).json()) as {
      object: string;
      data: { id: string }[];
    };
    expect(openai.object).toBe('list');
    expect(openai.data.map(({ id }) => id)).toEqual(['chat/m', 'responses/m', 'messages/m', 'gemini/m']);
    const headers = { 'anthropic-version': '2023-06-01' };
    const anthropic = (await (await fetch(`${bench.url}/v1/models?limit=1000`, { headers })).json()) as {
      has_more: boolean;
      data: { type: string; id: string; created_at: string }[];
    };
    expect(anthropic.has_more).toBe(false);
    expect(anthropic.data[0]).toMatchObject({ type: 'model', id: 'chat/m' });
    const one = await fetch(`${bench.url}/v1/models/chat/m`);
    expect(await one.json()).toMatchObject({ id: 'chat/m', object: 'model' });
    expect((await fetch(`${bench.url}/v1/models/none`)).status).toBe(404);
  });

  test('health, readiness, the root and its HEAD', async () => {
    for (const path of ['/healthz', '/readyz', '/', '/metrics']) {
      expect((await fetch(bench.url + path)).status).toBe(200);
    }
    expect((await fetch(bench.url, { method: 'HEAD' })).status).toBe(200);
  });

  test('a page on another name or origin is refused', async () => {
    const rebound = await fetch(`${bench.url}/v1/models`, { headers: { host: 'evil.example:4242' } });
    expect(rebound.status).toBe(403);
    const foreign = await fetch(`${bench.url}/v1/models`, { headers: { origin: 'https://evil.example' } });
    expect(foreign.status).toBe(403);
    const own = await fetch(`${bench.url}/v1/models`, { headers: { origin: 'http://localhost:5173' } });
    expect(own.status).toBe(200);
  });
});

describe('headers', () => {
  test('protocol headers reach an upstream of the protocol byte for byte, nothing else of the client does', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.messages.blocks });
    await ask(
      bench,
      'messages',
      { model: 'messages/m', stream: true },
      {
        headers: {
          'anthropic-version': '2026-10-21',
          'anthropic-beta': 'a-2025-01-01,b-2026-02-02',
          authorization: 'Bearer client-token',
          'x-api-key': 'client-key',
          cookie: 'session=1',
          'x-forwarded-for': '10.0.0.1',
        },
      },
    ).then((response) => response.text());
    const { headers } = bench.upstream.requests[0]!;
    expect(headers.get('anthropic-version')).toBe('2026-10-21');
    expect(headers.get('anthropic-beta')).toBe('a-2025-01-01,b-2026-02-02');
    expect(headers.get('x-api-key')).toBe('sk-upstream-secret');
    expect(headers.get('user-agent')).toBe('dragoman/test');
    for (const name of ['authorization', 'cookie', 'x-forwarded-for']) expect(headers.get(name)).toBeNull();
  });

  test('a client of another protocol lends no protocol headers', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
    await ask(bench, 'messages', { stream: true }, { headers: { 'anthropic-beta': 'x' } }).then((r) =>
      r.text(),
    );
    expect(bench.upstream.requests[0]!.headers.get('anthropic-beta')).toBeNull();
  });

  test('the client’s request id is kept, and an unfit one is replaced', async () => {
    const id = async (value: string) => {
      bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
      const response = await ask(bench, 'chat', { stream: true }, { headers: { 'x-request-id': value } });
      await response.text();
      return response.headers.get('x-request-id');
    };
    expect(await id('my-request-42')).toBe('my-request-42');
    expect(await id('a b')).toMatch(/^req_[0-9a-f]{24}$/);
  });

  test('what could not be carried is told in a header, and refused in strict mode', async () => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
    const response = await ask(bench, 'messages', { stream: true, top_k: 5 });
    expect(response.headers.get('dragoman-notes')).toContain('top_k=dropped');
    await response.text();
    expect(bench.records.at(-1)?.notes).toContainEqual(expect.objectContaining({ path: 'top_k' }));

    const strict = startBench({ top: { fidelity: 'strict' } });
    const refused = await ask(strict, 'messages', { stream: true, top_k: 5 });
    expect(refused.status).toBe(400);
    expect((await errorOf('messages', refused)).message).toContain('top_k');
    expect(strict.upstream.requests).toHaveLength(0);
    await strict.stop();
  });
});
