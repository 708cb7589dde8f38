/** The paths under which it is reached, and what is told of it there. */
import { expect } from 'bun:test';
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

test('a list that cannot be asked anew is served as it was', async () => {
  await using bench = await startBench();
  await fetch(`${bench.url}/codex/v1/models`);
  bench.backend.tokens.clear();
  const response = await fetch(`${bench.url}/codex/v1/models`);
  expect(((await response.json()) as { data: unknown[] }).data).toHaveLength(2);
});

test('without the provider nothing of it is there', async () => {
  await using bench = await startBench({ provider: { name: 'mine' } });
  expect((await post(bench, '/backend-api/codex/responses', { input: 'hi' })).status).toBe(404);
  expect((await post(bench, '/codex/v1/responses', { input: 'hi' })).status).toBe(404);
});
