/** Conversations that the gateway keeps: the backend keeps none, and sees one session in its windows. */
import { expect } from 'bun:test';
import { failure } from './backend/backend.ts';
import { blobOf, events, post, says, startBench, type Bench, test } from './setup.ts';

/** Sends the next turn of a conversation and returns its id. */
async function next(bench: Bench, text: string, more: Record<string, unknown> = {}): Promise<string> {
  const response = await post(bench, '/v1/responses', { input: [says(text)], ...more });
  const body = (await response.json()) as { id: string };
  expect([response.status, bench.backend.faults]).toEqual([200, []]);
  return body.id;
}

const windows = ({ backend }: Bench) => backend.asked.map((asked) => blobOf(asked).window_id);
const sessions = ({ backend }: Bench) => new Set(backend.asked.map((asked) => blobOf(asked).session_id));

test('row 10: the next turn of a kept conversation brings its history, in the same session', async () => {
  await using bench = await startBench();
  const first = await next(bench, 'hi');
  await next(bench, 'and now?', { previous_response_id: first, instructions: 'Be another.' });
  const [, second] = bench.backend.asked;
  expect((second!.body.input as { role: string }[]).map(({ role }) => role)).toEqual([
    'user',
    'assistant',
    'user',
  ]);
  expect(second!.body.previous_response_id).toBeUndefined();
  expect(sessions(bench).size).toBe(1);
});

test('row 12: a turn that is not stored, and one that fails, leave nothing with the conversation', async () => {
  await using bench = await startBench();
  const first = await next(bench, 'hi');
  await next(bench, 'in passing', { previous_response_id: first, store: false });
  bench.backend.answers.push(failure(400, { message: 'no', code: 'invalid_value' }));
  const failed = { input: [says('in vain')], previous_response_id: first };
  expect((await post(bench, '/v1/responses', failed)).status).toBe(400);
  const second = await next(bench, 'go on', { previous_response_id: first });
  await next(bench, 'further', { previous_response_id: second });
  await next(bench, 'or so', { previous_response_id: first });
  const [session] = sessions(bench);
  expect(windows(bench)).toEqual([0, 0, 0, 0, 0, 1].map((generation) => `${session}:${generation}`));
});

test('row 14: the window is the thread’s, with a number', async () => {
  await using bench = await startBench();
  const ids = { session_id: 's-1', thread_id: 't-1' };
  const first = await next(bench, 'hi', { client_metadata: ids });
  await next(bench, 'go on', { previous_response_id: first, client_metadata: ids });
  expect(windows(bench)).toEqual(['t-1:0', 't-1:0']);
});

test('row 15: an id of the caller’s goes before the kept one', async () => {
  await using bench = await startBench();
  const first = await next(bench, 'hi');
  const client_metadata = { session_id: 'mine' };
  await next(bench, 'and now?', { previous_response_id: first, client_metadata });
  expect(blobOf(bench.backend.asked[1]!)).toMatchObject({ session_id: 'mine', window_id: 'mine:0' });
});

test('row 20: a continuation keeps the window, each fork gets the next one', async () => {
  await using bench = await startBench();
  const first = await next(bench, 'hi');
  const second = await next(bench, 'go on', { previous_response_id: first });
  await next(bench, 'or so', { previous_response_id: first });
  await next(bench, 'or so', { previous_response_id: first });
  await next(bench, 'further', { previous_response_id: second });
  const [session] = sessions(bench);
  expect(windows(bench)).toEqual([0, 0, 1, 2, 0].map((generation) => `${session}:${generation}`));
});

test('row 18: a window that the caller has advanced itself is not advanced once more', async () => {
  await using bench = await startBench();
  const named = (window: string) => ({ client_metadata: { 'x-codex-window-id': window } });
  const first = await next(bench, 'hi', named('mine:0'));
  const response = await post(bench, '/v1/responses', {
    input: [{ type: 'compaction_trigger' }],
    previous_response_id: first,
    stream: true,
    ...named('mine:0'),
  });
  const { id } = (await events(response)).at(-1)!.response as { id: string };
  const after = await next(bench, 'go on', { previous_response_id: id, ...named('mine:1') });
  // Without a word of the caller's, the conversation itself knows where it is.
  await next(bench, 'further', { previous_response_id: after });
  expect(windows(bench).slice(0, 3)).toEqual(['mine:0', 'mine:0', 'mine:1']);
  expect(String(windows(bench)[3])).toEndWith(':1');
});

test('row 18: a compaction begins a new window, once', async () => {
  await using bench = await startBench();
  const first = await next(bench, 'hi');
  const response = await post(bench, '/v1/responses', {
    input: [{ type: 'compaction_trigger' }],
    previous_response_id: first,
    stream: true,
  });
  const list = await events(response);
  const { id } = list.at(-1)!.response as { id: string };
  const after = await next(bench, 'go on', { previous_response_id: id });
  await next(bench, 'further', { previous_response_id: after });
  const [session] = sessions(bench);
  expect(windows(bench)).toEqual([0, 0, 1, 1].map((generation) => `${session}:${generation}`));
  expect(blobOf(bench.backend.asked[1]!).request_kind).toBe('compaction');
});
