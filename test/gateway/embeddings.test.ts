import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { startBench, type Bench } from './setup.ts';
import { eventually } from '../support/eventually.ts';

let bench: Bench;
beforeAll(() => {
  bench = startBench({ top: { models: { vectors: ['chat/m'], gvectors: ['gemini/m'] } } });
});
afterEach(() => {
  bench.upstream.reset();
  bench.records.length = 0;
});
afterAll(() => bench.stop());

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  fetch(bench.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });

const vectors = (embedding: unknown) => ({
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding }],
  model: 'm-1',
  usage: { prompt_tokens: 5, total_tokens: 5 },
});

describe('embeddings', () => {
  test('pass in the bytes of client and upstream, with the model’s name written in', async () => {
    const answer = '{"object":"list", "data":[{"embedding":[0.50,1e-3]}],"usage":{"prompt_tokens" : 5}}';
    bench.upstream.enqueue({ kind: 'body', body: answer, contentType: 'application/json' });
    const response = await post(
      '/v1/embeddings',
      '{"input":["a","b"],"new":1.0,"model":"chat/m","encoding_format":"float"}',
    );
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(answer);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('dragoman-provider')).toBe('chat');
    expect(response.headers.get('dragoman-model')).toBe('m');
    const [asked] = bench.upstream.requests;
    expect(asked!.path).toBe('/v1/embeddings');
    expect(asked!.headers.get('authorization')).toBe('Bearer sk-upstream-secret');
    expect(asked!.text.replaceAll(' ', '')).toBe(
      '{"input":["a","b"],"new":1.0,"model":"m","encoding_format":"float"}',
    );
  });

  test('are recorded with what they cost', async () => {
    bench.upstream.enqueue({ kind: 'body', body: vectors([1, 2]) });
    const response = await post('/v1/embeddings', { model: 'vectors', input: 'a' });
    expect(bench.records).toHaveLength(1);
    expect(bench.records[0]).toMatchObject({
      surface: 'embeddings',
      route: '/v1/embeddings',
      provider: 'chat',
      model: 'vectors',
      upstreamModel: 'm',
      lane: 'native',
      status: 200,
      outcome: 'ok',
      usage: { fresh: 5 },
      bytesOut: (await response.text()).length,
    });
  });

  test('are to be had of a provider by its path', async () => {
    bench.upstream.enqueue({ kind: 'body', body: vectors([1]) });
    expect((await post('/chat/v1/embeddings', { model: 'm', input: 'a' })).status).toBe(200);
  });

  test('of a provider that makes none are refused by the model’s name', async () => {
    const response = await post('/v1/embeddings', { model: 'messages/m', input: 'a' });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: Record<string, string> };
    expect(error).toMatchObject({ type: 'invalid_request_error', param: 'model', code: 'unsupported_model' });
    expect(error.message).toContain('"messages/m"');
    expect(error.message).toContain('messages');
    expect(bench.upstream.requests).toHaveLength(0);
    expect(bench.records[0]).toMatchObject({ surface: 'embeddings', status: 400, outcome: 'error' });
  });

  test('of a model that nobody has are a 404', async () => {
    const response = await post('/v1/embeddings', { model: 'nobody', input: 'a' });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'model_not_found' } });
  });

  test('that the upstream refuses are refused in its words', async () => {
    const refusal = {
      error: { message: 'too many inputs', type: 'invalid_request_error', param: 'input', code: null },
    };
    bench.upstream.enqueue({ kind: 'body', status: 400, body: refusal });
    const response = await post('/v1/embeddings', { model: 'chat/m', input: [] });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(refusal);
  });

  test('that are no JSON are the upstream’s failure', async () => {
    bench.upstream.enqueue({ kind: 'body', body: '<html>', contentType: 'text/html' });
    const response = await post('/v1/embeddings', { model: 'chat/m', input: 'a' });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_error' } });
  });

  test('that nobody waits for any more are not waited for', async () => {
    bench.upstream.enqueue({ kind: 'silent' });
    const leave = new AbortController();
    const asked = post('/v1/embeddings', { model: 'chat/m', input: 'a' }, { signal: leave.signal });
    await eventually(() => bench.upstream.requests.length > 0);
    leave.abort();
    await expect(asked).rejects.toThrow();
    await bench.upstream.closed(0);
    await eventually(() => bench.records.length > 0);
    expect(bench.records[0]).toMatchObject({ outcome: 'cancelled', status: 499 });
  });

  test('come to OpenAI’s library, which asks for base64 by itself', async () => {
    const base64 = Buffer.from(new Float32Array([0.5, -0.25]).buffer).toString('base64');
    bench.upstream.enqueue({ kind: 'body', body: vectors(base64) });
    const client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const { data, usage } = await client.embeddings.create({ model: 'chat/m', input: 'a' });
    expect([...data[0]!.embedding]).toEqual([0.5, -0.25]);
    expect(usage.prompt_tokens).toBe(5);
    expect(bench.upstream.requests[0]!.json).toMatchObject({ encoding_format: 'base64', model: 'm' });
  });
});

describe('Gemini’s embeddings', () => {
  test('come to Google’s library, by any name of the model', async () => {
    bench.upstream.handle(({ path }) => ({
      kind: 'body',
      body: path.endsWith(':batchEmbedContents')
        ? { embeddings: [{ values: [0.5] }, { values: [1] }], usageMetadata: { promptTokenCount: 3 } }
        : { embedding: { values: [0.5] }, usageMetadata: { promptTokenCount: 3 } },
    }));
    const client = new GoogleGenAI({ apiKey: 'unused', httpOptions: { baseUrl: bench.url } });
    for (const model of ['gvectors', 'gemini/m']) {
      const { embeddings } = await client.models.embedContent({ model, contents: ['a', 'b'] });
      expect(embeddings![0]!.values).toEqual([0.5]);
    }
    for (const { path, text } of bench.upstream.requests) {
      expect(path).toMatch(/^\/v1beta\/models\/m:(?:embedContent|batchEmbedContents)$/);
      expect(text).not.toContain('gvectors');
      expect(text).not.toContain('gemini/m');
    }
    expect(bench.records.map(({ surface, usage }) => [surface, usage?.fresh])).toEqual([
      ['embeddings', 3],
      ['embeddings', 3],
    ]);
  });

  test('name the model again in every request of a batch', async () => {
    bench.upstream.enqueue({ kind: 'body', body: { embeddings: [] } });
    const content = { parts: [{ text: 'a' }] };
    await post('/v1beta/models/gvectors:batchEmbedContents', {
      requests: [
        { model: 'models/gvectors', content },
        { model: 'models/other', content },
      ],
    });
    expect(bench.upstream.requests[0]!.json).toEqual({
      requests: [
        { model: 'models/m', content },
        { model: 'models/other', content },
      ],
    });
  });

  test('of one text name the model again', async () => {
    bench.upstream.enqueue({ kind: 'body', body: { embedding: { values: [1] } } });
    const content = { parts: [{ text: 'a' }] };
    await post('/v1beta/models/gvectors:embedContent', { model: 'models/gvectors', content });
    const [asked] = bench.upstream.requests;
    expect(asked!.path).toBe('/v1beta/models/m:embedContent');
    expect(asked!.json).toEqual({ model: 'models/m', content });
  });

  test('pass untouched where the names are the upstream’s own already', async () => {
    bench.upstream.enqueue({ kind: 'body', body: { embeddings: [] } });
    const body = '{ "requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"n":1.0}]}';
    await post('/gemini/v1beta/models/m:batchEmbedContents', body);
    expect(bench.upstream.requests.at(-1)!.text).toBe(body);
  });

  test('of a provider of another protocol are refused in Gemini’s shape', async () => {
    const response = await post('/v1beta/models/chat/m:embedContent', { content: { parts: [] } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 400, status: 'INVALID_ARGUMENT' } });
  });
});
