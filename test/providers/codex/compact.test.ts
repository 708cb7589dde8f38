/** Compactions: at the backend's own route, and in a turn where that route is gone. */
import { expect } from 'bun:test';
import { blobOf, events, post, says, startBench, test } from './setup.ts';

const conversation = [says('build a boat'), { role: 'assistant', content: 'a big one?' }, says('yes')];

test('the route for compactions is asked with the ids of the conversation, and says no more than that', async () => {
  await using bench = await startBench();
  const client_metadata = { session_id: 'mine', thread_id: 'mine', turn_id: 't-1' };
  const response = await post(bench, '/v1/responses/compact', {
    input: conversation,
    instructions: 'Be brief.',
    tool_choice: 'auto',
    client_metadata,
  });
  expect([response.status, bench.backend.faults]).toEqual([200, []]);
  expect(await response.json()).toMatchObject({
    object: 'response.compaction',
    output: [{ type: 'compaction', encrypted_content: 'gAAAA_compacted' }],
  });
  const [asked] = bench.backend.asked;
  expect(Object.keys(asked!.body).sort()).toEqual(['input', 'instructions', 'model', 'prompt_cache_key']);
  expect(blobOf(asked!)).toMatchObject({
    session_id: 'mine',
    turn_id: 't-1',
    window_id: 'mine:0',
    request_kind: 'compaction',
  });
  expect(bench.records).toMatchObject([{ outcome: 'ok', provider: 'codex', status: 200 }]);
});

test('a route that is gone is a turn that asks for the same, with the same ids', async () => {
  await using bench = await startBench();
  bench.backend.compactRoute = false;
  for (const count of [1, 2]) {
    const response = await post(bench, '/v1/responses/compact', { input: conversation });
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    const body = (await response.json()) as { object: string; output: Record<string, unknown>[] };
    expect(body.object).toBe('response.compaction');
    expect(body.output.map(({ type }) => type)).toEqual(['message', 'message', 'compaction']);
    expect(body.output.at(-1)!.encrypted_content).toBe('gAAAA_compacted');
    expect(bench.backend.asked).toHaveLength(count);
    expect(blobOf(bench.backend.asked.at(-1)!)).toMatchObject({
      request_kind: 'compaction',
      compaction: { implementation: 'responses_compaction_v2' },
    });
  }
  expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', usage: { output: 4, reasoning: 4 } });
});

test('a stored conversation is compacted at the route in its own session', async () => {
  await using bench = await startBench();
  const first = (await (await post(bench, '/v1/responses', { input: [says('hi')] })).json()) as {
    id: string;
  };
  const asked = { input: [says('go on')], instructions: 'Be another.', previous_response_id: first.id };
  expect((await post(bench, '/v1/responses/compact', asked)).status).toBe(200);
  expect(bench.backend.faults).toEqual([]);
  const [before, compacted] = bench.backend.asked;
  expect(compacted!.body.input).toHaveLength(3);
  expect(blobOf(compacted!).session_id).toBe(blobOf(before!).session_id);
});

test('a compaction in a named conversation begins a new window, and its blob goes back as it came', async () => {
  await using bench = await startBench();
  const made = await fetch(`${bench.url}/v1/conversations`, { method: 'POST', body: '{}' });
  const { id: conversation } = (await made.json()) as { id: string };
  const turn = async (input: unknown[]): Promise<Record<string, unknown>[]> =>
    events(await post(bench, '/v1/responses', { input, conversation, stream: true }));
  await turn([says('hi')]);
  const list = await turn([{ type: 'compaction_trigger' }]);
  expect(list.filter(({ type }) => type === 'response.output_item.done')).toHaveLength(1);
  await turn([says('go on')]);
  expect(bench.backend.faults).toEqual([]);
  const windows = bench.backend.asked.map((asked) => String(blobOf(asked).window_id).split(':')[1]);
  expect(windows).toEqual(['0', '0', '1']);
  expect((bench.backend.asked[2]!.body.input as unknown[])[0]).toMatchObject({
    type: 'compaction',
    encrypted_content: 'gAAAA_compacted',
  });
});
