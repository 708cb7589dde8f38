import { ApiError, GoogleGenAI } from '@google/genai';
import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { gate } from '../support/replay.ts';
import { ask, hello, pathOf, startBench } from './setup.ts';

const bench = startBench();
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

const body = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] });
const post = (path: string, text = body, headers: Record<string, string> = {}) =>
  fetch(bench.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  });

const whole = {
  candidates: [
    { content: { role: 'model', parts: [{ text: 'Hello world' }] }, finishReason: 'STOP', index: 0 },
  ],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 },
  modelVersion: 'm-1',
  responseId: 'reply-1',
};

const streamText = hello.gemini.blocks.map(({ text }) => `${text}\n\n`).join('');

describe('the Gen AI SDK', () => {
  const client = (apiVersion?: string) =>
    new GoogleGenAI({ apiKey: 'client-key', apiVersion, httpOptions: { baseUrl: bench.url } });

  test.each([undefined, 'v1', 'v1beta', 'v1alpha'])('asks for a reply under version %s', async (version) => {
    bench.upstream.enqueue({ kind: 'body', body: whole });
    const reply = await client(version).models.generateContent({ model: 'gemini/m', contents: 'hi' });
    expect(reply.text).toBe('Hello world');
    expect(reply.usageMetadata?.totalTokenCount).toBe(7);
    const [request] = bench.upstream.requests;
    expect(request?.path).toBe('/v1beta/models/m:generateContent');
    expect(request?.headers.get('x-goog-api-key')).toBe('sk-upstream-secret');
    expect(request?.headers.get('x-goog-api-client')).toBeNull();
    expect(bench.records.at(-1)).toMatchObject({
      surface: 'google-gemini',
      lane: 'native',
      model: 'gemini/m',
      upstreamModel: 'm',
      outcome: 'ok',
      stream: false,
    });
  });

  test.each(['chat', 'responses', 'messages', 'gemini'] as const)('streams from %s', async (upstream) => {
    bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream].blocks, delivery: { split: 'event' } });
    const stream = await client().models.generateContentStream({ model: `${upstream}/m`, contents: 'hi' });
    let text = '';
    let finish: string | undefined;
    for await (const chunk of stream) {
      text += chunk.text ?? '';
      finish = chunk.candidates?.[0]?.finishReason ?? finish;
    }
    expect(text).toBe('Hello world');
    expect(finish).toBe('STOP');
  });

  test('chats over two turns', async () => {
    const chat = client().chats.create({ model: 'messages/m' });
    for (let turn = 0; turn < 2; turn++) {
      bench.upstream.enqueue({ kind: 'stream', blocks: hello.messages.blocks });
      expect((await chat.sendMessage({ message: 'hi' })).text).toBe('Hello world');
    }
    const roles = (bench.upstream.requests[1]!.json!.messages as { role: string }[]).map(({ role }) => role);
    expect(roles).toEqual(['user', 'assistant', 'user']);
  });

  test('lists models, page by page, and finds one', async () => {
    const names: (string | undefined)[] = [];
    for await (const { name } of await client().models.list({ config: { pageSize: 3 } })) names.push(name);
    expect(names).toEqual(['models/chat/m', 'models/responses/m', 'models/messages/m', 'models/gemini/m']);
    expect(await client('v1beta').models.get({ model: 'messages/m' })).toMatchObject({
      name: 'models/messages/m',
      displayName: 'messages/m',
    });
    expect(bench.records.at(-1)).toMatchObject({
      surface: 'models',
      method: 'GET',
      route: '/v1beta/models/{model}',
      status: 200,
      outcome: 'ok',
    });
  });

  test('counts tokens and asks for embeddings', async () => {
    bench.upstream.enqueue({ kind: 'body', body: { totalTokens: 42 } });
    const counted = await client().models.countTokens({ model: 'gemini/m', contents: 'hi' });
    expect(counted.totalTokens).toBe(42);
    expect(bench.records.at(-1)).toMatchObject({ surface: 'count', provider: 'gemini', outcome: 'ok' });
    bench.upstream.enqueue({ kind: 'body', body: { embeddings: [{ values: [0.5] }, { values: [1] }] } });
    const embedded = await client().models.embedContent({ model: 'gemini/m', contents: ['a', 'b'] });
    expect(embedded.embeddings?.map(({ values }) => values)).toEqual([[0.5], [1]]);
    expect(bench.records.at(-1)).toMatchObject({ surface: 'embeddings', provider: 'gemini', outcome: 'ok' });
    expect(bench.upstream.requests.map(({ path }) => path)).toEqual([
      '/v1beta/models/m:countTokens',
      '/v1beta/models/m:batchEmbedContents',
    ]);
    const requests = bench.upstream.requests[1]!.json!.requests as { model: string }[];
    expect(requests.map(({ model }) => model)).toEqual(['models/m', 'models/m']);
  });

  test('reads the gateway’s errors as its vendor’s', async () => {
    const failed = client().models.generateContent({ model: 'gemini/n', contents: 'hi' });
    const error = await failed.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).status).toBe(404);
    expect(JSON.parse((error as ApiError).message)).toMatchObject({
      error: { status: 'NOT_FOUND', code: 404 },
    });
    const missing = await client()
      .models.get({ model: 'none' })
      .catch((thrown: unknown) => thrown);
    expect((missing as ApiError).status).toBe(404);
  });

  test('hears of a failure in mid stream', async () => {
    bench.upstream.enqueue({
      kind: 'stream',
      blocks: hello.chat.blocks,
      delivery: { split: 'event', cutBefore: 3 },
    });
    const stream = await client().models.generateContentStream({ model: 'chat/m', contents: 'hi' });
    const seen: string[] = [];
    const read = async () => {
      for await (const chunk of stream) seen.push(chunk.text ?? '');
    };
    expect(await read().catch((error: unknown) => error)).toBeInstanceOf(ApiError);
  });
});

describe('the native lane', () => {
  test('passes a stream of server-sent events byte for byte', async () => {
    for (const split of ['whole', 'event', 'byte'] as const) {
      bench.upstream.enqueue({ kind: 'stream', blocks: hello.gemini.blocks, delivery: { split } });
      const response = await post('/v1beta/models/gemini/m:streamGenerateContent?alt=sse');
      expect(response.headers.get('content-type')).toStartWith('text/event-stream');
      expect(await response.text()).toBe(streamText);
      expect(bench.records.at(-1)?.usage).toMatchObject({ fresh: 5, output: 2 });
    }
  });

  test('passes a request byte for byte, and of its query what is no key', async () => {
    bench.upstream.enqueue({ kind: 'body', body: whole });
    const odd = '{ "contents" : [ {"parts":[{"text":"h\\u0069"}]} ] ,\n "fieldOf2031": 1.0 }';
    const response = await post(
      '/v1beta/models/gemini/m:generateContent?key=client-key&prettyPrint=true',
      odd,
    );
    expect(await response.json()).toEqual(whole);
    expect(bench.upstream.requests[0]).toMatchObject({ text: odd, search: '?prettyPrint=true' });
  });

  test('leaves a model in the body that agrees with the path, and cuts out any other', async () => {
    const sent = async (text: string) => {
      bench.upstream.enqueue({ kind: 'body', body: whole });
      await post('/v1beta/models/gemini/m:generateContent', text);
      return bench.upstream.requests.at(-1)!.text;
    };
    for (const model of ['m', 'models/m']) {
      const text = `{"model":"${model}","contents":[]}`;
      expect(await sent(text)).toBe(text);
    }
    for (const model of ['models/other', 'models/gemini/m']) {
      expect(await sent(`{"model":"${model}","contents":[]}`)).toBe('{"contents":[]}');
    }
    expect(await sent('{"contents":[], "model":5}')).toBe('{"contents":[]}');
  });
});

describe('a stream that was not asked for as server-sent events', () => {
  const path = (upstream: string) => `/v1beta/models/${upstream}/m:streamGenerateContent`;

  test.each(['gemini', 'messages'] as const)('comes from %s as one JSON array', async (upstream) => {
    bench.upstream.enqueue({
      kind: 'stream',
      blocks: hello[upstream].blocks,
      delivery: { split: { seed: 3, pieceBytesMax: 40 } },
    });
    const response = await post(path(upstream));
    expect(response.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    const chunks = (await response.json()) as (typeof whole)[];
    const texts = chunks.flatMap(
      ({ candidates }) => candidates?.[0]?.content?.parts?.map(({ text }) => text) ?? [],
    );
    expect(texts.join('')).toBe('Hello world');
    if (upstream === 'gemini') {
      expect(bench.upstream.requests[0]?.search).toBe('?alt=sse');
      expect(chunks).toEqual(hello.gemini.blocks.map(({ data }) => JSON.parse(data!)));
    }
  });

  test('arrives piece by piece', async () => {
    const hold = gate();
    bench.upstream.enqueue({
      kind: 'stream',
      blocks: hello.gemini.blocks,
      delivery: { split: 'event', hold: { before: 1, gate: hold } },
    });
    const reader = (await post(path('gemini'))).body!.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    expect(JSON.parse(`${first}]`)).toHaveLength(1);
    hold.open();
    await reader.cancel();
  });

  test.each(['gemini', 'messages'] as const)('ends with its failure when %s cuts it', async (upstream) => {
    bench.upstream.enqueue({
      kind: 'stream',
      blocks: hello[upstream].blocks,
      delivery: { split: 'event', cutBefore: hello[upstream].textAt[1] },
    });
    const chunks = (await (await post(path(upstream))).json()) as { error?: { code: number } }[];
    expect(JSON.stringify(chunks)).toContain('Hello');
    expect(chunks.at(-1)?.error).toMatchObject({ code: 502 });
    expect(bench.records.at(-1)?.outcome).toBe('cut');
  });

  test('is refused in an array too, as its vendor does', async () => {
    const unknown = await post('/v1beta/models/gemini/n:streamGenerateContent');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject([{ error: { code: 404, status: 'NOT_FOUND' } }]);
    const error = { error: { code: 429, message: 'Too much', status: 'RESOURCE_EXHAUSTED' } };
    bench.upstream.enqueue({ kind: 'body', status: 429, body: error });
    const limited = await post(path('gemini'));
    expect(limited.status).toBe(429);
    expect(await limited.json()).toEqual([error]);
  });

  test('is an array when the upstream answers in one piece', async () => {
    bench.upstream.enqueue({ kind: 'body', body: whole });
    const chunks = (await (await post(path('gemini'))).json()) as unknown[];
    expect(JSON.stringify(chunks)).toContain('Hello world');
  });
});

describe('routes', () => {
  test('one provider only, by prefix', async () => {
    bench.upstream.enqueue({ kind: 'body', body: whole });
    expect((await post('/gemini/v1beta/models/m:generateContent')).status).toBe(200);
    expect((await post('/messages/v1beta/models/gemini%2Fm:generateContent')).status).toBe(404);
    const listed = await (await fetch(`${bench.url}/gemini/v1beta/models`)).json();
    expect(listed).toMatchObject({ models: [{ name: 'models/m' }] });
    expect(listed as object).not.toHaveProperty('nextPageToken');
  });

  test('what is not there is a 404 in Google’s shape', async () => {
    for (const path of [
      '/v1beta/nothing',
      '/v1beta/models/gemini/m:predictContent',
      '/v1/models/gemini/m:batchGenerateContent',
      '/gemini/v1beta/cachedContents',
    ]) {
      const response = await post(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
    }
    const models = await fetch(`${bench.url}/v1beta/models?pageToken=x`);
    expect(models.status).toBe(400);
    expect(await models.json()).toMatchObject({ error: { code: 400, status: 'INVALID_ARGUMENT' } });
  });

  test('another method is a 405 in Google’s shape', async () => {
    const response = await fetch(bench.url + pathOf('gemini', 'gemini/m'));
    expect(response.status).toBe(405);
    expect(await response.json()).toMatchObject({ error: { code: 405 } });
  });

  test('a page of another origin is refused in Google’s shape', async () => {
    for (const path of ['/v1beta/models', '/v1beta/models/gemini/m:generateContent']) {
      const response = await post(path, body, { origin: 'https://evil.example' });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { code: 403, status: 'PERMISSION_DENIED' } });
    }
  });

  test('models under /v1 keep the shape of who asks', async () => {
    const shapeOf = async (headers: Record<string, string>) =>
      Object.keys((await (await fetch(`${bench.url}/v1/models`, { headers })).json()) as object);
    expect(await shapeOf({ 'x-goog-api-key': 'k' })).toEqual(['models']);
    expect(await shapeOf({ authorization: 'Bearer k' })).toContain('object');
    expect(await shapeOf({ 'anthropic-version': '2023-06-01' })).toContain('has_more');
  });

  test('a question for models that fails is recorded too', async () => {
    await fetch(`${bench.url}/nobody/v1/models`);
    expect(bench.records.at(-1)).toMatchObject({
      surface: 'models',
      route: '/{provider}/v1/models',
      status: 404,
      outcome: 'error',
    });
  });
});

describe('a server that takes few members', () => {
  const strict = (top: Record<string, unknown> = {}) => {
    const narrow = startBench({
      top,
      providers: [
        {
          name: 'chat',
          type: 'openai',
          base_url: `${bench.upstream.url}/v1`,
          protocols: ['openai-chat'],
          models: ['m'],
          request_fields: ['max_tokens', 'temperature'],
        },
      ],
    });
    return narrow;
  };

  test.each(['chat', 'gemini'] as const)('gets no others of a %s client, which is told', async (surface) => {
    const narrow = strict();
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
    const asked = surface === 'chat' ? { seed: 7 } : { generationConfig: { seed: 7 } };
    const response = await ask(narrow, surface, { stream: true, ...asked });
    expect(await response.text()).toContain('Hello');
    expect(response.headers.get('dragoman-notes')).toContain('seed=dropped');
    expect(Object.keys(bench.upstream.requests[0]!.json!).sort()).toEqual(['messages', 'model', 'stream']);
    await narrow.stop();
  });

  test('with fidelity strict the loss is a refusal', async () => {
    const narrow = strict({ fidelity: 'strict' });
    const refused = await ask(narrow, 'chat', { seed: 7 });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('seed');
    await narrow.stop();
  });
});
