import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import type { Json, JsonObject } from '../../src/turn/json.ts';
import { corpusAvailable, corpusJson } from '../support/corpus.ts';
import { eventually } from '../support/eventually.ts';
import type { Script } from '../support/replay.ts';
import { startBench, type Bench } from './setup.ts';

let bench: Bench;
const start = () => startBench({ top: { models: { fast: ['messages/m'] } } });
beforeAll(() => {
  bench = start();
});
afterEach(() => {
  bench.upstream.reset();
  bench.records.length = 0;
});
afterAll(() => bench.stop());

/** For what a gateway remembers of its upstreams. */
async function onNewGateway(work: () => Promise<void>): Promise<void> {
  const before = bench;
  bench = start();
  try {
    await work();
  } finally {
    await bench.stop();
    bench = before;
  }
}

type Surface = 'messages' | 'responses' | 'gemini';
const surfaces: readonly Surface[] = ['messages', 'responses', 'gemini'];

const prompt = 'What is the weather in Paris?';
const questions: Record<Surface, JsonObject> = {
  messages: { messages: [{ role: 'user', content: prompt }] },
  responses: { input: prompt },
  gemini: { contents: [{ role: 'user', parts: [{ text: prompt }] }] },
};
const paths: Record<Surface, string> = {
  messages: '/v1/messages/count_tokens',
  responses: '/v1/responses/input_tokens',
  gemini: '',
};
/** Where each upstream is asked. */
const upstreamPaths: Record<Surface, string> = {
  messages: '/v1/messages/count_tokens',
  responses: '/v1/responses/input_tokens',
  gemini: '/v1beta/models/m:countTokens',
};

function ask(surface: Surface, model: string, body: JsonObject = questions[surface], search = '') {
  const path = surface === 'gemini' ? `/v1beta/models/${model}:countTokens` : paths[surface];
  return fetch(`${bench.url}${path}${search}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(surface === 'gemini' ? body : { model, ...body }),
  });
}

const counted: Record<Surface, (tokens: number) => JsonObject> = {
  messages: (tokens) => ({ input_tokens: tokens }),
  responses: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
  gemini: (tokens) => ({ totalTokens: tokens }),
};
const says = (upstreamSpeaks: Surface, tokens: number): Script => ({
  kind: 'body',
  body: counted[upstreamSpeaks](tokens),
});

const numberIn = (body: JsonObject): number => Number(body.input_tokens ?? body.totalTokens);

describe('a count by the upstream', () => {
  for (const surface of surfaces) {
    for (const speaks of surfaces) {
      test(`reaches a ${surface} client from a ${speaks} upstream`, async () => {
        bench.upstream.enqueue(says(speaks, 42));
        const response = await ask(surface, `${speaks}/m`);
        expect(response.status).toBe(200);
        expect(await response.json()).toEqual(counted[surface](42));
        expect(response.headers.get('dragoman-count')).toBe('upstream');
        expect(response.headers.get('dragoman-provider')).toBe(speaks);
        expect(response.headers.get('dragoman-model')).toBe('m');
        expect(response.headers.get('x-request-id')).toMatch(/./);
        const [asked] = bench.upstream.requests;
        expect(asked!.path).toBe(upstreamPaths[speaks]);
        expect(JSON.stringify(asked!.json)).toContain(prompt);
        expect(bench.records).toHaveLength(1);
        expect(bench.records[0]).toMatchObject({
          surface: 'count',
          status: 200,
          outcome: 'ok',
          provider: speaks,
          lane: surface === speaks ? 'native' : 'translated',
        });
      });
    }
  }

  test('passes in the client’s own bytes, with the model’s name written in', async () => {
    bench.upstream.enqueue({
      kind: 'body',
      body: '{"input_tokens": 42,  "context_management": {"original_input_tokens": 50}}',
      contentType: 'application/json',
    });
    const body = { new_member: [1.0, null], ...questions.messages };
    const response = await ask('messages', 'fast', body, '?beta=true');
    expect(await response.text()).toBe(
      '{"input_tokens": 42,  "context_management": {"original_input_tokens": 50}}',
    );
    const [asked] = bench.upstream.requests;
    expect(asked!.search).toBe('?beta=true');
    expect(asked!.text.replace(/\s+/g, '')).toBe(JSON.stringify({ model: 'm', ...body }).replace(/\s+/g, ''));
  });

  test('names the model again where a Gemini request inside the question does', async () => {
    bench.upstream.enqueue(says('gemini', 7));
    const generateContentRequest = { model: 'models/gemini/m', ...questions.gemini };
    await ask('gemini', 'gemini/m', { generateContentRequest });
    expect(bench.upstream.requests[0]!.json).toEqual({
      generateContentRequest: { ...generateContentRequest, model: 'models/m' },
    });
  });

  test('is asked with no member that the count route refuses', async () => {
    bench.upstream.enqueue(says('messages', 1), says('responses', 1));
    await ask('responses', 'messages/m', {
      ...questions.responses,
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'f', parameters: { type: 'object' }, strict: false }],
    });
    await ask('messages', 'responses/m', { ...questions.messages, max_tokens: 100, system: 'Be brief.' });
    const [messages, responses] = bench.upstream.requests.map(({ json }) => Object.keys(json!).sort());
    expect(messages).toEqual(['messages', 'model', 'system', 'tools']);
    expect(responses!.filter((key) => !['input', 'instructions', 'model'].includes(key))).toEqual([]);
  });

  test('that is refused is refused in the client’s protocol, and not estimated', async () => {
    const limited = { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } };
    bench.upstream.enqueue(
      { kind: 'body', status: 429, body: limited, headers: { 'retry-after': '7' } },
      { kind: 'body', status: 429, body: limited },
      { kind: 'body', status: 400, body: { error: { message: 'bad input', type: 'invalid_request_error' } } },
    );
    const native = await ask('messages', 'messages/m');
    expect([native.status, native.headers.get('retry-after')]).toEqual([429, '7']);
    expect(await native.json()).toEqual(limited);
    const foreign = await ask('responses', 'messages/m');
    expect(foreign.status).toBe(429);
    expect(await foreign.json()).toMatchObject({ error: { message: 'slow down' } });
    const bad = await ask('messages', 'responses/m');
    expect(bad.status).toBe(400);
    expect(await bad.json()).toMatchObject({ type: 'error', error: { message: 'bad input' } });
    expect(bench.records.map(({ status, outcome }) => [status, outcome])).toEqual([
      [429, 'error'],
      [429, 'error'],
      [400, 'error'],
    ]);
  });

  test('keeps the gateway’s own credentials out of a refusal', async () => {
    const refusal = {
      type: 'error',
      error: { type: 'authentication_error', message: 'no such key sk-upstream-secret' },
    };
    bench.upstream.enqueue({ kind: 'body', status: 401, body: refusal });
    const text = await (await ask('messages', 'messages/m')).text();
    expect(text).not.toContain('sk-upstream-secret');
  });

  test('that makes no sense is the upstream’s failure', async () => {
    bench.upstream.enqueue(
      { kind: 'body', body: '<html>', contentType: 'text/html' },
      { kind: 'body', body: { tokens: 5 } },
      { kind: 'body', body: '{"input_tokens": ', contentType: 'application/json' },
    );
    for (let i = 0; i < 3; i++) {
      const response = await ask('messages', 'messages/m');
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ type: 'error' });
    }
  });

  test('for a model that nobody has is a 404 that names those near it', async () => {
    const response = await ask('messages', 'messages/mm');
    expect(response.status).toBe(404);
    expect(JSON.stringify(await response.json())).toContain('messages/m');
  });
});

describe('an estimated count', () => {
  for (const surface of surfaces) {
    test(`answers a ${surface} client whose upstream counts nothing`, async () => {
      const response = await ask(surface, 'chat/m');
      expect(response.status).toBe(200);
      const body = (await response.json()) as JsonObject;
      expect(body).toEqual(counted[surface](numberIn(body)));
      expect(numberIn(body)).toBe(14);
      expect(response.headers.get('dragoman-count')).toBe('estimate; ratio=1.00; samples=0');
      expect(response.headers.get('dragoman-provider')).toBe('chat');
      expect(bench.upstream.requests).toHaveLength(0);
      expect(bench.records[0]).toMatchObject({
        surface: 'count',
        status: 200,
        outcome: 'ok',
        provider: 'chat',
        upstreamModel: 'm',
        lane: 'none',
      });
    });
  }

  test('stands in for a count route that is not there, and the upstream is not asked again', () =>
    onNewGateway(async () => {
      bench.upstream.enqueue({ kind: 'body', status: 404, body: { detail: 'Not Found' } });
      const first = await ask('responses', 'responses/m');
      expect(first.status).toBe(200);
      expect(first.headers.get('dragoman-count')).toStartWith('estimate');
      const second = await ask('messages', 'responses/m');
      expect(second.headers.get('dragoman-count')).toStartWith('estimate');
      expect(bench.upstream.requests).toHaveLength(1);
      expect(bench.records.map(({ outcome, status }) => [outcome, status])).toEqual([
        ['ok', 200],
        ['ok', 200],
      ]);
    }));

  test.each([405, 501])('stands in for a count route that answers %d', (status) =>
    onNewGateway(async () => {
      bench.upstream.enqueue({ kind: 'body', status, body: '', contentType: 'text/plain' });
      const response = await ask('messages', 'messages/m');
      expect(response.headers.get('dragoman-count')).toStartWith('estimate');
    }),
  );

  test('does not hide that the upstream does not know the model', async () => {
    const unknown = (error: Json): Script => ({ kind: 'body', status: 404, body: { type: 'error', error } });
    bench.upstream.enqueue(
      unknown({ type: 'not_found_error', message: 'model: m' }),
      unknown({ code: 'model_not_found', message: 'no such model', type: 'invalid_request_error' }),
    );
    expect((await ask('messages', 'messages/m')).status).toBe(404);
    expect((await ask('responses', 'responses/m')).status).toBe(404);
  });

  test('is refused where the request makes no sense', async () => {
    const response = await ask('messages', 'chat/m', { messages: 'none' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
  });

  test('learns from what turns cost', () =>
    onNewGateway(async () => {
      const text = 'The quick brown fox jumps over the lazy dog. '.repeat(200);
      const before = await ask('messages', 'chat/m', { messages: [{ role: 'user', content: text }] });
      const plain = numberIn((await before.json()) as JsonObject);
      bench.upstream.enqueue({
        kind: 'body',
        body: {
          id: 'chatcmpl-1',
          object: 'chat.completion',
          created: 1,
          model: 'm',
          choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: plain * 2, completion_tokens: 1, total_tokens: plain * 2 + 1 },
        },
      });
      const turn = await fetch(`${bench.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'chat/m',
          max_tokens: 10,
          messages: [{ role: 'user', content: text }],
        }),
      });
      expect(turn.status).toBe(200);
      await turn.text();
      let header = '';
      let tokens = 0;
      await eventually(async () => {
        const after = await ask('messages', 'chat/m', { messages: [{ role: 'user', content: text }] });
        header = after.headers.get('dragoman-count')!;
        tokens = numberIn((await after.json()) as JsonObject);
        return header.includes('samples=1');
      });
      expect(header).toBe('estimate; ratio=2.00; samples=1');
      expect(tokens).toBe(plain * 2);
    }));
});

describe.skipIf(!corpusAvailable)('the questions of Claude Code’s /context', () => {
  test('are all answered though they come at once', async () => {
    const { requests } = corpusJson('captures/claude-code/30-context-command.json') as {
      requests: { path: string; body: JsonObject }[];
    };
    const asked = requests.filter(({ path }) => path === paths.messages).map(({ body }) => body);
    const answers = await Promise.all(
      asked.map((body) => ask('messages', 'chat/m', { ...body, model: 'chat/m' })),
    );
    expect(answers).toHaveLength(25);
    const sizes: [number, number][] = [];
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      sizes.push([JSON.stringify(asked[i]).length, numberIn((await answer.json()) as JsonObject)]);
    }
    // A token of English, code or JSON is between two and eight characters.
    for (const [chars, tokens] of sizes) {
      expect(tokens).toBeGreaterThan(chars / 12);
      expect(tokens).toBeLessThan(chars / 2);
    }
  });
});

describe('the clients’ own libraries count tokens', () => {
  const params = { messages: [{ role: 'user' as const, content: prompt }] };

  test('Anthropic’s', async () => {
    bench.upstream.enqueue(says('messages', 42), says('messages', 43));
    const client = new Anthropic({ baseURL: bench.url, apiKey: 'unused', maxRetries: 0 });
    const plain = await client.messages.countTokens({ model: 'messages/m', ...params });
    const beta = await client.beta.messages.countTokens({ model: 'messages/m', ...params });
    expect([plain.input_tokens, beta.input_tokens]).toEqual([42, 43]);
    expect(bench.upstream.requests[1]!.headers.get('anthropic-beta')).toContain('token-counting');
    const estimated = await client.messages.countTokens({ model: 'chat/m', ...params });
    expect(estimated.input_tokens).toBe(14);
  });

  test('OpenAI’s', async () => {
    bench.upstream.enqueue(says('responses', 42));
    const client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const counted = await client.responses.inputTokens.count({ model: 'responses/m', input: prompt });
    expect(counted).toMatchObject({ object: 'response.input_tokens', input_tokens: 42 });
    const estimated = await client.responses.inputTokens.count({ model: 'chat/m', input: prompt });
    expect(estimated.input_tokens).toBe(14);
  });

  test('Google’s', async () => {
    bench.upstream.enqueue(says('gemini', 42));
    const client = new GoogleGenAI({ apiKey: 'unused', httpOptions: { baseUrl: bench.url } });
    const counted = await client.models.countTokens({ model: 'gemini/m', contents: prompt });
    expect(counted.totalTokens).toBe(42);
    const estimated = await client.models.countTokens({ model: 'chat/m', contents: prompt });
    expect(estimated.totalTokens).toBe(14);
  });
});
