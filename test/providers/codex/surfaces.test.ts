/** The paths under which it is reached, and what is told of it there. */
import { describe, expect } from 'bun:test';
import { configSchema } from '../../../src/config/schema.ts';
import { createGateway, providerSchemas } from '../../../src/gateway.ts';
import { accountStates } from '../../../src/server/account-states.ts';
import { memoryState } from '../../../src/server/state.ts';
import { quotaHeaders } from './backend/backend.ts';
import { replies } from './backend/replies.ts';
import { blobOf, post, startBench, test } from './setup.ts';

const chat = { model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] };

test.each([
  ['/codex/v1/chat/completions', chat],
  ['/codex/v1/messages', { ...chat, max_tokens: 10 }],
  ['/codex/v1/responses', { model: 'gpt-5.5', input: 'hi' }],
  ['/backend-api/codex/responses', { model: 'gpt-5.5', input: 'hi' }],
])('%s reaches the backend under the model’s own name', async (path, body) => {
  await using bench = await startBench();
  const response = await post(bench, path, body);
  expect([response.status, bench.backend.faults]).toEqual([200, []]);
  expect(bench.records[0]).toMatchObject({ provider: 'codex', account: 'account-0', outcome: 'ok' });
});

test('a session in the path is the session upstream, whatever the client speaks and says', async () => {
  await using bench = await startBench();
  await post(bench, '/codex/my-talk/v1/chat/completions', chat);
  await post(bench, '/codex/my-talk/v1/messages', { ...chat, max_tokens: 10 });
  await post(bench, '/codex/my-talk/v1/responses', { model: 'gpt-5.5', input: 'something else' });
  await post(bench, '/codex/other-talk/v1/chat/completions', chat);
  expect(bench.backend.faults).toEqual([]);
  const sessions = bench.backend.asked.map((asked) => blobOf(asked).session_id);
  expect(new Set(sessions.slice(0, 3)).size).toBe(1);
  expect(sessions[3]).not.toBe(sessions[0]);
  const uuid = '01a1fa34-b690-7201-8605-ec0f5ece2546';
  await post(bench, `/codex/${uuid}/v1/chat/completions`, chat);
  expect(blobOf(bench.backend.asked[4]!).session_id).toBe(uuid);
});

test.each(['/codex/v1/models', '/codex/my-talk/v1/models', '/backend-api/codex/models'])(
  '%s lists the models by their own names',
  async (path) => {
    await using bench = await startBench();
    const response = await fetch(bench.url + path);
    const { data } = (await response.json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(['gpt-5.5', 'gpt-6.1-sol']);
  },
);

test('without the provider nothing of it is there', async () => {
  await using bench = await startBench({ provider: { name: 'mine' } });
  expect((await post(bench, '/backend-api/codex/responses', { input: 'hi' })).status).toBe(404);
  expect((await post(bench, '/codex/v1/responses', { input: 'hi' })).status).toBe(404);
});

test.each([
  ['/codex/v1/chat/completions', { ...chat, stream: true }, /^data: \[DONE\]$/m],
  ['/codex/v1/messages', { ...chat, max_tokens: 10, stream: true }, /^event: message_stop$/m],
  ['/codex/v1/responses', { model: 'gpt-5.5', input: 'hi', stream: true }, /^event: response\.completed$/m],
  ['/codex/talk/v1/chat/completions', { ...chat, stream: true }, /^data: \[DONE\]$/m],
  ['/codex/talk/v1/messages', { ...chat, max_tokens: 10, stream: true }, /^event: message_stop$/m],
  [
    '/codex/talk/v1/responses',
    { model: 'gpt-5.5', input: 'hi', stream: true },
    /^event: response\.completed$/m,
  ],
  [
    '/backend-api/codex/responses',
    { model: 'gpt-5.5', input: 'hi', stream: true },
    /^event: response\.completed$/m,
  ],
] as const)('%s streams to its end in the client’s protocol', async (path, body, end) => {
  await using bench = await startBench();
  const response = await post(bench, path, body);
  expect(response.headers.get('content-type')).toStartWith('text/event-stream');
  expect(await response.text()).toMatch(end);
  expect(bench.backend.faults).toEqual([]);
  expect(bench.records[0]).toMatchObject({ provider: 'codex', stream: true, outcome: 'ok' });
});

test('a compressed body as the official client sends it is read on every path of its protocol', async () => {
  await using bench = await startBench();
  const body = new Uint8Array(Bun.zstdCompressSync(JSON.stringify({ model: 'gpt-5.5', input: 'hi' })));
  for (const path of ['/codex/v1/responses', '/codex/talk/v1/responses', '/backend-api/codex/responses']) {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'zstd' };
    const response = await fetch(bench.url + path, { method: 'POST', headers, body });
    expect([path, response.status]).toEqual([path, 200]);
  }
  expect(bench.backend.faults).toEqual([]);
});

test('tokens are counted by estimate: the backend is not asked for what it does not have', async () => {
  await using bench = await startBench();
  const response = await post(bench, '/codex/v1/messages/count_tokens', chat);
  expect([response.status, ((await response.json()) as { input_tokens: number }).input_tokens]).toEqual([
    200,
    expect.any(Number),
  ]);
  expect(bench.backend.asked).toEqual([]);
});

describe('a gateway that has no such provider', () => {
  /** An upstream of another kind, which keeps the headers that it is sent. */
  function startPlain() {
    const seen: Headers[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        seen.push(request.headers);
        return new Response(replies.text(), {
          headers: { 'content-type': 'text/event-stream', ...quotaHeaders() },
        });
      },
    });
    return { seen, url: `http://127.0.0.1:${server.port}/v1`, stop: () => server.stop(true) };
  }

  test('sends nothing of it, learns nothing of it and has none of its paths', async () => {
    const plain = startPlain();
    const state = memoryState();
    const gateway = createGateway({
      config: configSchema(providerSchemas).parse({
        providers: [
          { name: 'plain', type: 'openai', base_url: plain.url, api_key: 'k', models: ['m'] },
          { name: 'demo', type: 'demo' },
        ],
      }),
      version: 'test',
      state,
      metrics: () => '',
      recorder: { record() {}, streamsOpen() {} },
    });
    const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
    try {
      const theirs = {
        'user-agent': 'codex_exec/0.169.0 (x)',
        originator: 'codex_exec',
        'session-id': '01a1fa34-b690-7201-8605-ec0f5ece2546',
        'x-codex-turn-metadata': '{}',
        'x-codex-window-id': 'w:0',
      };
      const response = await post(
        { url },
        '/v1/responses',
        { model: 'plain/m', input: 'hi', stream: true },
        theirs,
      );
      expect(response.status).toBe(200);
      await response.text();
      const names = plain.seen.flatMap((headers) => [...headers.keys()]);
      expect(names.filter((name) => /codex|chatgpt|originator|session|thread/.test(name))).toEqual([]);
      expect(state.accounts.list().map(({ id }) => state.quotas.of(id))).toEqual([undefined, undefined]);
      expect(accountStates(state).flatMap(({ quota }) => quota ?? [])).toEqual([]);
      for (const path of ['/codex/v1/models', '/backend-api/codex/models', '/codex/talk/v1/models'])
        expect([path, (await fetch(url + path)).status]).toEqual([path, 404]);
      const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
      expect(data.filter(({ id }) => id.includes('codex'))).toEqual([]);
    } finally {
      await gateway.stop({ drainMs: 0 });
      await plain.stop();
    }
  });
});
