import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, hello, startBench, surfaceNames, type Bench } from './setup.ts';

let state: State;
let bench: Bench;
beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(5));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  bench = startBench({ state });
});
afterEach(() => bench.upstream.reset());
afterAll(async () => {
  await bench.stop();
  await state.close();
});

interface Compacted {
  readonly object: string;
  readonly output: readonly Record<string, unknown>[];
  readonly usage: Record<string, unknown>;
}

const compact = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
  fetch(`${bench.url}/v1/responses/compact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe.each(surfaceNames)('a conversation is compacted by an upstream that speaks %s', (upstream) => {
  const model = `${upstream}/m`;
  const enqueue = () => bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream].blocks });

  test('into its last user messages and a sealed summary, which the next turn has opened', async () => {
    enqueue();
    const answer = await compact({
      model,
      input: [
        { role: 'user', content: 'build a boat' },
        { role: 'assistant', content: 'a big one?' },
        { role: 'user', content: 'yes' },
      ],
    });
    expect(answer.status).toBe(200);
    const { object, output, usage } = (await answer.json()) as Compacted;
    expect(object).toBe('response.compaction');
    expect(usage.output_tokens).toBeNumber();
    expect(output).toMatchObject([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'build a boat' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'yes' }] },
      { type: 'compaction' },
    ]);
    expect(output[2]!.encrypted_content).toStartWith('drgc.');
    expect(JSON.stringify(output)).not.toContain('Hello world');
    expect(bench.upstream.requests.at(-1)!.text).toContain('Write a summary of this conversation');

    for (const store of [true, false]) {
      enqueue();
      const next = await ask(bench, 'responses', {
        model,
        store,
        input: [...output, { role: 'user', content: 'go on' }],
      });
      expect(next.status).toBe(200);
      const { text } = bench.upstream.requests.at(-1)!;
      expect(text).toContain('Hello world');
      expect(text).not.toContain('drgc.');
    }
  });
});

test('a stored conversation is compacted by the id of its last response', async () => {
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
  const { id } = (await (await ask(bench, 'responses', { input: 'the first words' })).json()) as {
    id: string;
  };
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
  const answer = await compact({ model: 'chat/m', previous_response_id: id });
  const { output } = (await answer.json()) as Compacted;
  expect(output[0]).toMatchObject({ role: 'user', content: [{ text: 'the first words' }] });
  expect(bench.upstream.requests.at(-1)!.text).toContain('the first words');

  bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });
  const next = await ask(bench, 'responses', { input: output });
  const after = ((await next.json()) as { id: string }).id;
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.messages.blocks });
  await ask(bench, 'responses', { model: 'messages/m', input: 'more', previous_response_id: after });
  expect(bench.upstream.requests.at(-1)!.text).not.toContain('drgc.');
});

test('a summary that was changed is refused, and an upstream that fails is told of', async () => {
  const item = { type: 'compaction', id: 'cmp_1', encrypted_content: 'drgc.v1.00000000.AAAA' };
  const changed = await ask(bench, 'responses', { input: [item] });
  expect(changed.status).toBe(400);
  expect(await changed.json()).toMatchObject({ error: { code: 'invalid_encrypted_content' } });

  bench.upstream.enqueue({
    kind: 'body',
    status: 400,
    body: { error: { message: 'no', type: 'invalid_request_error' } },
  });
  const failed = await compact({ model: 'chat/m', input: 'hi' });
  expect(failed.status).toBe(400);
  expect((await compact({ input: 'hi' })).status).toBe(400);
  expect((await compact({ model: 'nowhere', input: 'hi' })).status).toBe(404);
  expect((await compact({ model: 'chat/m', previous_response_id: 'resp_nowhere' })).status).toBe(400);
});

test('the demo knows no conversation but those of the gateway, compacts, and goes on', async () => {
  const demo = startBench({ state, providers: [{ name: 'demo', type: 'demo', pace_ms: 0 }] });
  try {
    const send = async (body: Record<string, unknown>) => {
      const answer = await ask(demo, 'responses', { model: 'demo/echo', ...body });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
    const unknown = await send({ input: 'hi', previous_response_id: 'resp_nowhere' });
    expect(unknown).toMatchObject({ status: 400, body: { error: { code: 'previous_response_not_found' } } });
    const first = await send({ input: 'hello there' });
    const short = await send({
      input: [{ type: 'compaction_trigger' }],
      previous_response_id: first.body.id,
    });
    expect(short).toMatchObject({ status: 200, body: { output: [{ type: 'compaction' }] } });
    const next = await send({ input: 'go on', previous_response_id: short.body.id });
    expect(next.status).toBe(200);
  } finally {
    await demo.stop();
  }
});

test.each([true, false])(
  'a summary that does not come about burns no account, stream: %p',
  async (stream) => {
    const two = startBench({ accounts: ['a', 'b'], state });
    try {
      const blocks = hello.chat.blocks.map((block) => ({
        ...block,
        text: block.text.replace('"finish_reason":"stop"', '"finish_reason":"length"'),
      }));
      two.upstream.handle(() => ({ kind: 'stream', blocks }));
      for (let i = 0; i < 3; i++) {
        const input = [{ role: 'user', content: `say ${i}` }, { type: 'compaction_trigger' }];
        const answer = await ask(two, 'responses', { input, stream });
        expect(await answer.text()).toContain('grew longer');
        expect(two.upstream.requests).toHaveLength(i + 1);
      }
      expect(state.health.list()).toEqual([]);
      two.upstream.handle(() => ({ kind: 'stream', blocks: hello.chat.blocks }));
      expect((await ask(two, 'responses', { input: 'hi' })).status).toBe(200);
    } finally {
      await two.stop();
    }
  },
);
