/** Requests of every surface, through a gateway, over each transport to a backend that refuses what the real one refuses. */
import { describe, expect } from 'bun:test';
import OpenAI from 'openai';
import { failure, quotaHeaders } from './backend/backend.ts';
import { replies } from './backend/replies.ts';
import { events, post, says, startBench, test } from './setup.ts';

const other = '22222222-2222-4333-8444-555555555555';
/** A token that has only just come is not renewed for being refused. */
const tokenIsNewMs = 1_100;
const chat = (text: string) => ({ messages: [{ role: 'user', content: text }] });

describe('a turn', () => {
  test('a Responses client gets the stream as the backend sends it', async () => {
    await using bench = await startBench();
    const response = await post(bench, '/v1/responses', { input: [says('hi')], stream: true });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(replies.text());
    expect(bench.backend.faults).toEqual([]);
    expect(bench.records[0]).toMatchObject({
      provider: 'codex',
      outcome: 'ok',
      stream: true,
      lane: 'native',
    });
    expect(bench.records[0]!.usage).toMatchObject({ fresh: 20, cacheRead: 100, output: 4, reasoning: 4 });
  });

  test('one that wants its answer whole gets the stream folded', async () => {
    await using bench = await startBench();
    bench.backend.answers.push(replies.thoughtful());
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    const body = (await response.json()) as OpenAI.Responses.Response;
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    expect(body.status).toBe('completed');
    expect(body.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(body.usage).toMatchObject({ input_tokens: 120, output_tokens: 8 });
  });

  test('the client’s own bytes of what the backend takes go up as they came', async () => {
    await using bench = await startBench();
    const instructions = 'Be brief. \\u00e9 1.0';
    const tools = '[ {"type":"function", "name":"f","parameters":{"n":1.0},"strict":false} ]';
    const body = `{"model":"codex/gpt-5.5","instructions":"${instructions}","input":[{"role":"user","content":"hi"}],"tools":${tools},"stream":true}`;
    const response = await fetch(`${bench.url}/v1/responses`, { method: 'POST', body });
    await response.text();
    expect(bench.backend.faults).toEqual([]);
    expect(bench.backend.asked[0]!.body).toMatchObject({
      model: 'gpt-5.5',
      instructions: 'Be brief. é 1.0',
      tools: JSON.parse(tools),
      store: false,
      stream: true,
      include: ['reasoning.encrypted_content'],
    });
  });

  test('a chat client holds a tool loop with parallel calls', async () => {
    await using bench = await startBench();
    const client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'none', maxRetries: 0 });
    bench.backend.answers.push(replies.calls());
    const tools: OpenAI.ChatCompletionTool[] = [
      { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
    ];
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'system', content: 'You know the weather.' },
      { role: 'user', content: 'Paris and Rome?' },
    ];
    const model = 'codex/gpt-5.5';
    const first = await client.chat.completions.create({ model, messages, tools });
    const { message } = first.choices[0]!;
    expect(message.tool_calls?.map((call) => call.id)).toEqual(['call_1', 'call_2']);
    const results = message.tool_calls!.map((call): OpenAI.ChatCompletionMessageParam => ({
      role: 'tool',
      tool_call_id: call.id,
      content: 'sunny',
    }));
    const second = await client.chat.completions.create({
      model,
      messages: [...messages, message, ...results],
      tools,
    });
    expect(second.choices[0]!.message.content).toBe('Hello');
    expect(second.usage).toMatchObject({
      prompt_tokens_details: { cached_tokens: 100 },
      completion_tokens_details: { reasoning_tokens: 4 },
    });
    expect(bench.backend.faults).toEqual([]);
    const [one, two] = bench.backend.asked.map(({ body }) => body);
    expect(two!.prompt_cache_key).toBe(one!.prompt_cache_key!);
  });

  test('a chat client gets calls and reasoning streamed', async () => {
    await using bench = await startBench();
    const client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'none', maxRetries: 0 });
    bench.backend.answers.push(replies.calls());
    const stream = await client.chat.completions.create({
      model: 'codex/gpt-5.5',
      ...(chat('weather?') as { messages: OpenAI.ChatCompletionMessageParam[] }),
      stream: true,
    });
    const args = ['', ''];
    for await (const chunk of stream) {
      for (const call of chunk.choices[0]?.delta.tool_calls ?? [])
        args[call.index] += call.function?.arguments ?? '';
    }
    expect(args.map((text) => JSON.parse(text))).toEqual([{ city: 'Paris' }, { city: 'Rome' }]);
    expect(bench.backend.faults).toEqual([]);
  });

  test('a Messages client with images and thinking is served', async () => {
    await using bench = await startBench();
    bench.backend.answers.push(replies.thoughtful());
    const response = await post(bench, '/v1/messages', {
      max_tokens: 4096,
      system: 'You see.',
      thinking: { type: 'enabled', budget_tokens: 2000 },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
            { type: 'text', text: 'what is it?' },
          ],
        },
      ],
    });
    const body = (await response.json()) as { content: { type: string }[] };
    expect(bench.backend.faults).toEqual([]);
    expect(body.content.map(({ type }) => type)).toEqual(['thinking', 'text']);
    expect(bench.backend.asked[0]!.body).toMatchObject({
      instructions: 'You see.',
      reasoning: { summary: 'auto' },
    });
    expect(response.headers.get('dragoman-notes')).toContain('max_tokens=dropped');
  });

  test('a schema for the answer goes up as text.format with strict', async () => {
    await using bench = await startBench();
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    await post(bench, '/v1/chat/completions', {
      ...chat('hi'),
      response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } },
    });
    expect(bench.backend.faults).toEqual([]);
    expect(bench.backend.asked[0]!.body.text).toEqual({
      format: { type: 'json_schema', name: 'a', strict: true, schema },
    });
  });
});

describe('what the backend does not take', () => {
  const unknown = {
    temperature: 0.5,
    top_p: 0.9,
    frequency_penalty: 1,
    presence_penalty: 1,
    logit_bias: { 1: 1 },
    user: 'me',
    max_tokens: 100,
    seed: 1,
    stop: ['x'],
  };

  test.each(Object.entries(unknown))('%s of a chat request stays behind with a note', async (name, value) => {
    await using bench = await startBench();
    const response = await post(bench, '/v1/chat/completions', { ...chat('hi'), [name]: value });
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    const [note] = bench.records[0]!.notes;
    expect(note).toMatchObject({ action: 'dropped' });
  });

  test('in strict mode it is refused by name', async () => {
    await using bench = await startBench({ top: { fidelity: 'strict' } });
    const response = await post(bench, '/v1/chat/completions', { ...chat('hi'), temperature: 0.5 });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { param: string } }).error.param).toBe('temperature');
    expect(bench.backend.asked).toEqual([]);
  });

  test('store: true of a chat client is noted, and refused in strict mode', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/chat/completions', { ...chat('hi'), store: true });
    expect(bench.records[0]!.notes).toContainEqual(
      expect.objectContaining({ path: 'store', action: 'dropped' }),
    );
    await using strict = await startBench({ top: { fidelity: 'strict' } });
    expect((await post(strict, '/v1/chat/completions', { ...chat('hi'), store: true })).status).toBe(400);
    expect(strict.backend.asked).toEqual([]);
  });

  test.each([
    ['previous_response_id', 400, { code: 'previous_response_not_found', param: 'previous_response_id' }],
    ['conversation', 404, { message: "Conversation with id 'resp_1' not found." }],
  ] as const)(
    '%s of somewhere else is refused: there is nothing to go on from',
    async (name, status, error) => {
      await using bench = await startBench();
      const response = await post(bench, '/v1/responses', { input: 'hi', [name]: 'resp_1' });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error });
      expect((await post(bench, '/v1/responses', { input: 'hi', [name]: null })).status).toBe(200);
      expect(bench.backend.faults).toEqual([]);
    },
  );

  test('system messages and ids of other houses are mended', async () => {
    await using bench = await startBench();
    const response = await post(bench, '/v1/responses', {
      input: [
        { role: 'system', content: 'Be kind.' },
        says('go'),
        { type: 'function_call', id: 'call_1', call_id: 'call_1', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'done' },
      ],
    });
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    expect(bench.records[0]!.notes.map(({ path }) => path)).toEqual(['input[0].role', 'input[2].id']);
  });

  test('a tier that the model is not offered in stays behind; the usual one has no name', async () => {
    await using bench = await startBench();
    await fetch(`${bench.url}/v1/models`);
    for (const service_tier of ['auto', 'default', 'flex', 'priority'])
      await post(bench, '/v1/responses', { input: 'hi', service_tier });
    expect(bench.backend.faults).toEqual([]);
    expect(bench.backend.asked.map(({ body }) => body.service_tier)).toEqual([
      undefined,
      undefined,
      undefined,
      'priority',
    ]);
    const about = bench.records
      .slice(-4)
      .map(({ notes }) => notes.some(({ path }) => path === 'service_tier'));
    expect(about).toEqual([false, false, true, false]);
  });

  test('embeddings and counts are not asked of it', async () => {
    await using bench = await startBench();
    const response = await post(bench, '/v1/embeddings', { input: 'hi' });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(bench.backend.asked).toEqual([]);
  });
});

describe('failures', () => {
  test('a used-up account cools until its reset, and another serves', async () => {
    await using bench = await startBench({ accounts: ['11111111-2222-4333-8444-555555555555', other] });
    const error = {
      type: 'usage_limit_reached',
      message: 'The usage limit has been reached',
      plan_type: 'plus',
    };
    bench.backend.answers.push(failure(429, error, quotaHeaders(100)));
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(200);
    expect(bench.backend.asked.map(({ account }) => account)).toEqual([
      '11111111-2222-4333-8444-555555555555',
      other,
    ]);
    const [entry] = bench.state.health.list();
    expect(entry).toMatchObject({ state: 'cooling' });
    expect(entry!.untilMs - Date.now()).toBeWithin(290_000, 301_000);
  });

  test('what routes a turn at one account is not told another', async () => {
    await using bench = await startBench({ accounts: ['11111111-2222-4333-8444-555555555555', other] });
    const question = [says('weather?')];
    const loop = [
      ...question,
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'sunny' },
    ];
    await post(bench, '/v1/responses', { input: question });
    bench.backend.answers.push(failure(500, { message: 'no' }));
    await post(bench, '/v1/responses', { input: loop });
    const states = bench.backend.asked.map(({ headers }) => headers.get('x-codex-turn-state'));
    expect(states).toEqual([null, 'state-1', null]);
    expect(bench.backend.faults).toEqual([]);
  });

  test('a limit inside a stream moves on before the client has seen any of it', async () => {
    await using bench = await startBench({ accounts: ['11111111-2222-4333-8444-555555555555', other] });
    bench.backend.answers.push(replies.failed({ code: 'server_is_overloaded', message: 'overloaded' }));
    const response = await post(bench, '/v1/responses', { input: 'hi', stream: true });
    expect((await events(response)).at(-1)!.type).toBe('response.completed');
    expect(bench.backend.faults).toEqual([]);
  });

  test('the limit of the only account is told with the time to wait', async () => {
    await using bench = await startBench();
    const resets_at = Math.floor(Date.now() / 1000) + 120;
    bench.backend.answers.push(failure(429, { type: 'usage_limit_reached', message: 'used up', resets_at }));
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(429);
    expect(((await response.json()) as { error: { type: string } }).error.type).toBe('usage_limit_reached');
    expect(bench.state.health.list()[0]!.untilMs - Date.now()).toBeWithin(115_000, 122_000);
  });

  test('a token that is refused is renewed once, and the turn goes on as the same turn', async () => {
    await using bench = await startBench();
    bench.backend.tokens.clear();
    await Bun.sleep(tokenIsNewMs);
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(200);
    expect(bench.backend.renewals).toMatchObject([{ refresh_reason: 'unauthorized_recovery' }]);
    expect(bench.backend.faults).toEqual([]);
    const account = bench.state.accounts.list().find(({ provider }) => provider === 'codex')!;
    expect(account.secret.more).toMatchObject({ accountId: '11111111-2222-4333-8444-555555555555' });
    expect(account.secret.refreshToken).not.toBe('rt-first-0');
  });

  test('a refresh token that was used elsewhere needs a person', async () => {
    await using bench = await startBench();
    bench.backend.tokens.clear();
    bench.backend.refreshTokens.clear();
    await Bun.sleep(tokenIsNewMs);
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(401);
    expect(await response.text()).toContain('log in again');
    expect(bench.state.accounts.list()[0]!.state).toBe('needs_login');
  });

  test('an unknown model is a clear 404 and costs no account anything', async () => {
    await using bench = await startBench();
    for (const path of ['/v1/responses', '/v1/chat/completions']) {
      const response = await post(bench, path, { model: 'codex/gpt-0', input: 'hi', ...chat('hi') });
      expect(response.status).toBe(404);
    }
    expect(bench.state.health.list().filter(({ model }) => model === '')).toEqual([]);
  });

  test('a stream that breaks off ends in a failure for the client', async () => {
    await using bench = await startBench();
    bench.backend.answers.push('reset');
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(502);
    expect(bench.records[0]!.outcome).toBe('cut');
  });
});
