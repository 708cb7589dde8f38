import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import type { SseBlock } from '../support/corpus.ts';
import { gate } from '../support/replay.ts';
import { ask, hello, startBench, surfaceNames, type Bench, type SurfaceName } from './setup.ts';

let state: State;
let bench: Bench;
const complaints: unknown[] = [];
beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(5));
  state = await openState({
    stored: { store: await openStore('sqlite::memory:'), vault },
    complain: (error) => complaints.push(error),
  });
  bench = startBench({ state });
});
afterEach(() => {
  bench.upstream.reset();
  expect(complaints.splice(0)).toEqual([]);
});
afterAll(async () => {
  await bench.stop();
  await state.close();
});

const idsOf: Record<SurfaceName, string> = {
  chat: 'chatcmpl-1',
  responses: 'resp_1',
  messages: 'msg_1',
  gemini: 'reply-1',
};
let replies = 0;

/** The reply of an upstream, with an id that it gives once. */
function reply(upstream: SurfaceName): readonly SseBlock[] {
  const id = idsOf[upstream];
  const own = id.replace('1', `${upstream}${++replies}`);
  return JSON.parse(JSON.stringify(hello[upstream].blocks).replaceAll(id, own)) as SseBlock[];
}

interface Told {
  readonly id: string;
  readonly previous_response_id: string | null;
  readonly output: readonly {
    readonly type: string;
    readonly content: readonly { readonly text: string }[];
  }[];
}

const post = (body: Record<string, unknown>) => ask(bench, 'responses', body);

/** The Response that an answer tells of, streamed or whole. */
async function toldIn(answer: Response): Promise<Told> {
  expect(answer.status).toBe(200);
  const text = await answer.text();
  if (!answer.headers.get('content-type')!.startsWith('text/event-stream')) return JSON.parse(text) as Told;
  const data = /event: response\.completed\ndata: (.*)\n/.exec(text)?.[1];
  return (JSON.parse(data!) as { response: Told }).response;
}

async function turn(upstream: SurfaceName, body: Record<string, unknown>): Promise<Told> {
  bench.upstream.enqueue({ kind: 'stream', blocks: reply(upstream) });
  return toldIn(await post({ model: `${upstream}/m`, ...body }));
}

/** The texts of the conversation as the upstream was told it last. */
function heard(): string[] {
  const { json } = bench.upstream.requests.at(-1)!;
  const texts: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null) {
      for (const name of ['content', 'parts', 'text'])
        if (name in value) walk((value as Record<string, unknown>)[name]);
    }
  };
  walk(json!.messages ?? json!.contents ?? json!.input);
  return texts;
}

describe.each(surfaceNames)('a conversation with an upstream that speaks %s', (upstream) => {
  test.each([true, false])('is continued by the id of its last response (stream: %p)', async (stream) => {
    const first = await turn(upstream, { input: 'one', stream });
    const second = await turn(upstream, { input: 'two', stream, previous_response_id: first.id });
    if (upstream !== 'responses') expect(second.previous_response_id).toBe(first.id);
    await turn(upstream, {
      input: [{ role: 'user', content: 'three' }],
      stream,
      previous_response_id: second.id,
    });
    expect(heard()).toEqual(['one', 'Hello world', 'two', 'Hello world', 'three']);
    expect(bench.upstream.requests.at(-1)!.text).not.toContain('previous_response_id');
  });

  test('moves to another upstream in between', async () => {
    const first = await turn('messages', { input: 'one' });
    const second = await turn(upstream, { input: 'two', previous_response_id: first.id });
    await turn('chat', { input: 'three', previous_response_id: second.id });
    expect(heard()).toEqual(['one', 'Hello world', 'two', 'Hello world', 'three']);
  });

  test('is not kept where the client says so, but may go on from what is', async () => {
    const kept = await turn(upstream, { input: 'one', stream: true });
    const loose = await turn(upstream, {
      input: 'two',
      stream: true,
      store: false,
      previous_response_id: kept.id,
    });
    expect(heard()).toEqual(['one', 'Hello world', 'two']);
    expect((await fetch(`${bench.url}/v1/responses/${loose.id}`)).status).toBe(404);
  });

  test('is forked', async () => {
    const root = await turn(upstream, { input: 'root' });
    for (const side of ['left', 'right']) {
      await turn(upstream, { input: side, previous_response_id: root.id });
      expect(heard()).toEqual(['root', 'Hello world', side]);
    }
  });
});

test('the upstream request of a turn begins with that of the turn before', async () => {
  const tools = [{ type: 'function', name: 'f', parameters: { type: 'object' } }];
  const inputs: string[] = [];
  let previous: string | undefined;
  for (const input of ['one', 'two', 'three']) {
    const told = await turn('responses', { input, tools, previous_response_id: previous, store: true });
    previous = told.id;
    const { json } = bench.upstream.requests.at(-1)!;
    inputs.push(JSON.stringify(json!.input).slice(0, -1));
  }
  expect(inputs[2]).toStartWith(`${inputs[1]},`);
});

test('a request that continues keeps its other bytes', async () => {
  const first = await turn('responses', { input: 'one' });
  bench.upstream.enqueue({ kind: 'stream', blocks: reply('responses') });
  const body = `{ "previous_response_id" : "${first.id}","model":"responses/m" ,"n":1.50, "input":[ {"role":"user","content":"\\u0041"} ]}`;
  const headers = { 'content-type': 'application/json' };
  await (await fetch(`${bench.url}/v1/responses`, { method: 'POST', headers, body })).text();
  const { text } = bench.upstream.requests.at(-1)!;
  expect(text).toContain('"n":1.50');
  expect(text).toContain('"content":"\\u0041"} ]');
  expect(JSON.parse(text).input).toHaveLength(3);
});

test('an item is referred to by its id', async () => {
  const first = await turn('chat', { input: 'one' });
  const itemId = (first.output[0] as unknown as { id: string }).id;
  await turn('messages', {
    input: [
      { role: 'user', content: 'see' },
      { type: 'item_reference', id: itemId },
      { role: 'user', content: 'so?' },
    ],
  });
  expect(heard()).toEqual(['see', 'Hello world', 'so?']);
  const unknown = await post({ model: 'chat/m', input: [{ type: 'item_reference', id: 'msg_nowhere' }] });
  expect(unknown.status).toBe(404);
});

test('an unknown response is told of as OpenAI tells it', async () => {
  const answer = await post({ model: 'chat/m', previous_response_id: 'resp_nowhere' });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({
    error: {
      message: "Previous response with id 'resp_nowhere' not found.",
      type: 'invalid_request_error',
      param: 'previous_response_id',
      code: 'previous_response_not_found',
    },
  });
  expect(bench.upstream.requests).toHaveLength(0);
});

test('an unknown conversation is a 404 where no upstream could know it', async () => {
  const answer = await post({ model: 'chat/m', conversation: 'conv_nowhere' });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({
    error: { message: "Conversation with id 'conv_nowhere' not found." },
  });
});

test('an id of an upstream that keeps state itself passes to it, and what came of it is not half kept', async () => {
  const own = await turn('responses', { input: 'go on', previous_response_id: 'resp_theirs' });
  expect(bench.upstream.requests.at(-1)!.json).toMatchObject({
    input: 'go on',
    previous_response_id: 'resp_theirs',
  });
  await turn('responses', { input: 'and on', previous_response_id: own.id });
  expect(bench.upstream.requests.at(-1)!.json).toMatchObject({ previous_response_id: own.id });
});

test('the upstream that does not know the id either is answered by its own words and burns no account', async () => {
  const error = {
    message: "Previous response with id 'resp_x' not found.",
    type: 'invalid_request_error',
    param: 'previous_response_id',
    code: 'previous_response_not_found',
  };
  bench.upstream.enqueue({ kind: 'body', status: 400, body: { error } });
  const answer = await post({ model: 'responses/m', previous_response_id: 'resp_x' });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ error });
  await turn('responses', { input: 'well' });
});

test('a reply that breaks off leaves nothing behind', async () => {
  const first = await turn('chat', { input: 'one', stream: true });
  const blocks = reply('chat');
  bench.upstream.enqueue({ kind: 'stream', blocks, delivery: { cutBefore: 3 } });
  const cut = await post({ model: 'chat/m', input: 'two', stream: true, previous_response_id: first.id });
  const id = /"id":"(resp_[^"]+)"/.exec(await cut.text())![1]!;
  expect((await fetch(`${bench.url}/v1/responses/${id}`)).status).toBe(404);
  await turn('chat', { input: 'again', previous_response_id: first.id });
  expect(heard()).toEqual(['one', 'Hello world', 'again']);
});

test('words reach the client before the reply is stored', async () => {
  const held = gate();
  const blocks = reply('responses');
  bench.upstream.enqueue({
    kind: 'stream',
    blocks,
    delivery: { hold: { before: blocks.length - 1, gate: held } },
  });
  const answer = await post({ model: 'responses/m', input: 'one', stream: true });
  const reader = answer.body!.getReader();
  let text = '';
  while (!text.includes('Hello')) text += new TextDecoder().decode((await reader.read()).value);
  held.open();
  while (!(await reader.read()).done);
});

describe('a named conversation', () => {
  const make = async (body: Record<string, unknown> = {}) => {
    const answer = await fetch(`${bench.url}/v1/conversations`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { id: string; object: string; metadata: Record<string, string> };
  };

  test.each(surfaceNames)('goes on from turn to turn with an upstream that speaks %s', async (upstream) => {
    const { id } = await make({ items: [{ role: 'user', content: 'zero' }] });
    const first = await turn(upstream, { input: 'one', conversation: id });
    expect(heard()).toEqual(['zero', 'one']);
    expect(bench.upstream.requests.at(-1)!.text).not.toContain(id);
    await turn(upstream, { input: 'two', conversation: { id }, stream: true });
    await turn('chat', { input: 'three', conversation: id });
    expect(heard()).toEqual(['zero', 'one', 'Hello world', 'two', 'Hello world', 'three']);
    await turn('chat', { input: 'aside', previous_response_id: first.id });
    expect(heard()).toEqual(['zero', 'one', 'Hello world', 'aside']);
    await turn('chat', { input: 'four', conversation: id });
    expect(heard().slice(-3)).toEqual(['three', 'Hello world', 'four']);
  });

  test('is told of in the response, read and deleted', async () => {
    const { id, object, metadata } = await make({ metadata: { topic: 'boats' } });
    expect({ object, metadata }).toEqual({ object: 'conversation', metadata: { topic: 'boats' } });
    const told = await turn('chat', { input: 'one', conversation: id });
    expect(told).toMatchObject({ conversation: { id }, previous_response_id: null });
    expect(await (await fetch(`${bench.url}/v1/responses/${told.id}`)).json()).toEqual(told);
    const url = `${bench.url}/v1/conversations/${id}`;
    expect(await (await fetch(url)).json()).toMatchObject({ id, metadata: { topic: 'boats' } });
    expect(await (await fetch(url, { method: 'DELETE' })).json()).toMatchObject({ id, deleted: true });
    expect((await fetch(url)).status).toBe(404);
    expect((await post({ model: 'chat/m', input: 'on', conversation: id })).status).toBe(404);
    expect((await fetch(`${bench.url}/v1/responses/${told.id}`)).status).toBe(200);
  });

  test('is not given beside the id of a response', async () => {
    const { id } = await make();
    const answer = await post({ model: 'chat/m', conversation: id, previous_response_id: 'resp_x' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'mutually_exclusive_parameters' } });
  });
});

describe('a stored response', () => {
  test('is read, its input paged, and deleted', async () => {
    const first = await turn('messages', { input: 'one', instructions: 'be brief', metadata: { a: 'b' } });
    const second = await turn('messages', {
      input: [
        { role: 'user', content: 'two' },
        { role: 'user', content: [{ type: 'input_text', text: 'three' }] },
      ],
      previous_response_id: first.id,
    });
    const url = `${bench.url}/v1/responses/${second.id}`;
    expect(await (await fetch(url)).json()).toEqual(second);

    const page = async (query: string) =>
      (await (await fetch(`${url}/input_items${query}`)).json()) as {
        data: { id: string; content: { text: string }[] }[];
        has_more: boolean;
        first_id: string;
        last_id: string;
      };
    const words = ({ data }: Awaited<ReturnType<typeof page>>) => data.map(({ content }) => content[0]!.text);
    expect(words(await page(''))).toEqual(['three', 'two', 'Hello world', 'one']);
    const start = await page('?order=asc&limit=3');
    expect(words(start)).toEqual(['one', 'Hello world', 'two']);
    expect(start).toMatchObject({ object: 'list', has_more: true, first_id: start.data[0]!.id });
    const rest = await page(`?order=asc&limit=3&after=${start.last_id}`);
    expect(words(rest)).toEqual(['three']);
    expect(rest.has_more).toBe(false);

    expect(await (await fetch(url, { method: 'DELETE' })).json()).toEqual({
      id: second.id,
      object: 'response',
      deleted: true,
    });
    const gone = await fetch(url);
    expect(gone.status).toBe(404);
    expect(await gone.json()).toEqual({
      error: {
        message: `Response with id '${second.id}' not found.`,
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    });
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(404);
    expect((await fetch(`${bench.url}/v1/responses/${first.id}`)).status).toBe(200);
  });

  test.each(['?limit=0', '?limit=101', '?limit=x', '?order=up', '?after=nowhere'])(
    'refuses the page %s',
    async (query) => {
      const { id } = await turn('chat', { input: 'one' });
      const answer = await fetch(`${bench.url}/v1/responses/${id}/input_items${query}`);
      expect([400, 404]).toContain(answer.status);
      expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
    },
  );
});
