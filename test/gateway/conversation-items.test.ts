import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, hello, startBench, type Bench } from './setup.ts';

let state: State;
let bench: Bench;
let client: OpenAI;
beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(5));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  bench = startBench({ state });
  client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'unused', maxRetries: 0 });
});
afterEach(() => bench.upstream.reset());
afterAll(async () => {
  await bench.stop();
  await state.close();
});

const says = (content: string) => ({ type: 'message', role: 'user', content }) as const;
/** The status that a call fails with. */
const refused = async (call: PromiseLike<unknown>): Promise<unknown> => {
  try {
    return await call;
  } catch (error) {
    return (error as { status: number }).status;
  }
};
const texts = (items: readonly unknown[]) =>
  items.map((item) => (item as { content: { text: string }[] }).content[0]!.text);

/** A reply with an id of its own. */
function enqueue(): void {
  const id = `chatcmpl-${crypto.randomUUID()}`;
  const blocks = hello.chat.blocks.map((block) => ({
    ...block,
    text: block.text.replaceAll('chatcmpl-1', id),
  }));
  bench.upstream.enqueue({ kind: 'stream', blocks });
}

async function turn(conversation: string, input: string): Promise<string> {
  enqueue();
  const answer = await ask(bench, 'responses', { input, conversation });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { id: string }).id;
}

const heard = () =>
  (bench.upstream.requests.at(-1)!.json as { messages: { content: string }[] }).messages.map(
    ({ content }) => content,
  );

describe('a named conversation, by the official client', () => {
  test('is made, told something else of, and deleted', async () => {
    const { id, metadata } = await client.conversations.create({ metadata: { topic: 'boats' } });
    expect(metadata).toEqual({ topic: 'boats' });
    await turn(id, 'hi');
    const updated = await client.conversations.update(id, { metadata: { topic: 'ships' } });
    expect(updated).toMatchObject({ id, object: 'conversation', metadata: { topic: 'ships' } });
    await turn(id, 'more');
    expect((await client.conversations.retrieve(id)).metadata).toEqual({ topic: 'ships' });
    expect(await client.conversations.delete(id)).toMatchObject({ deleted: true });
    expect(await refused(client.conversations.retrieve(id))).toBe(404);
    expect(await refused(client.conversations.items.list(id))).toBe(404);
  });

  test('lists its items page by page, in both orders', async () => {
    const { id } = await client.conversations.create({ items: [says('first'), says('first')] });
    await turn(id, 'and then?');
    const all: unknown[] = [];
    for await (const item of client.conversations.items.list(id, { limit: 1, order: 'asc' })) all.push(item);
    expect(texts(all)).toEqual(['first', 'first', 'and then?', 'Hello world']);
    expect(new Set(all.map((item) => (item as { id: string }).id)).size).toBe(4);
    const page = await client.conversations.items.list(id);
    expect(texts(page.data)).toEqual(['Hello world', 'and then?', 'first', 'first']);
    expect(page.has_more).toBe(false);
  });

  test('takes items that no model is asked about, and forgets one', async () => {
    const { id } = await client.conversations.create({ items: [says('one')] });
    const before = await turn(id, 'two');
    const added = await client.conversations.items.create(id, { items: [says('three'), says('four')] });
    expect(texts(added.data)).toEqual(['three', 'four']);
    const three = added.data[0]!.id!;
    expect(await client.conversations.items.retrieve(three, { conversation_id: id })).toMatchObject({
      id: three,
    });
    expect(await client.conversations.items.delete(three, { conversation_id: id })).toMatchObject({ id });
    expect(await refused(client.conversations.items.retrieve(three, { conversation_id: id }))).toBe(404);
    await turn(id, 'five');
    expect(heard()).toEqual(['one', 'two', 'Hello world', 'four', 'five']);
    const list = await client.conversations.items.list(id, { order: 'asc' });
    expect(list.data.at(2)).toMatchObject({ role: 'assistant' });
    // The response from before goes on from what it was.
    enqueue();
    await ask(bench, 'responses', { input: 'or so', previous_response_id: before });
    expect(heard()).toEqual(['one', 'two', 'Hello world', 'or so']);
  });

  test('keeps its state where an item is forgotten that stands in it twice', async () => {
    const { id } = await client.conversations.create({ items: [says('same'), says('same'), says('other')] });
    const { data } = await client.conversations.items.list(id, { order: 'asc' });
    await client.conversations.items.delete(data[0]!.id!, { conversation_id: id });
    await turn(id, 'go');
    expect(heard()).toEqual(['same', 'other', 'go']);
  });
});

describe('what is wrong is named', () => {
  const post = (path: string, body: unknown) =>
    fetch(`${bench.url}/v1/conversations${path}`, { method: 'POST', body: JSON.stringify(body) });

  test.each([
    ['', { items: Array(21).fill(says('x')) }, 'items'],
    ['', { items: 'x' }, 'items'],
    ['', { items: ['x'] }, 'items[0]'],
    ['', { metadata: [] }, 'metadata'],
    ['', { metadata: { topic: 7 } }, 'metadata.topic'],
    ['', { metadata: { topic: 'x'.repeat(513) } }, 'metadata.topic'],
    ['', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) }, 'metadata'],
    ['/conv_x', {}, 'metadata'],
    ['/conv_x/items', {}, 'items'],
  ])('in a request to %p with %j', async (path, body, param) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
  });

  test('in the name of a conversation or an item that is not there', async () => {
    expect((await post('/conv_x', { metadata: {} })).status).toBe(404);
    expect((await post('/conv_x/items', { items: [says('x')] })).status).toBe(404);
    const { id } = await client.conversations.create({});
    const one = `${bench.url}/v1/conversations/${id}/items/msg_x`;
    expect((await fetch(one)).status).toBe(404);
    expect((await fetch(one, { method: 'DELETE' })).status).toBe(404);
    expect((await fetch(`${bench.url}/v1/conversations/${id}/items?limit=0`)).status).toBe(400);
  });
});
