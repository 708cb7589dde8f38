import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, hello, startBench, type Bench, type SurfaceName } from '../gateway/setup.ts';
import type { SseBlock } from '../support/corpus.ts';
import { eventually } from '../support/eventually.ts';
import { gate } from '../support/replay.ts';
import { errorIn, openSocket, responseIn, type Frame, type TestSocket } from '../support/socket.ts';

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
const opened: TestSocket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
  bench.upstream.reset();
  expect(complaints.splice(0)).toEqual([]);
});
afterAll(async () => {
  await bench.stop();
  await state.close();
});

async function connect(headers: Record<string, string> = {}, path?: string): Promise<TestSocket> {
  const socket = await openSocket(bench.url, headers, path);
  opened.push(socket);
  return socket;
}

let replies = 0;

/** The reply of an upstream, with ids that it gives once. */
function reply(upstream: SurfaceName): readonly SseBlock[] {
  const own = `own${++replies}`;
  const text = JSON.stringify(hello[upstream].blocks);
  return JSON.parse(
    text.replaceAll(/(resp|chatcmpl-|msg|reply-)_?1\b/g, (id) => id.replace('1', own)),
  ) as SseBlock[];
}

function willReply(upstream: SurfaceName, delivery: object = { split: 'event' }): void {
  bench.upstream.enqueue({ kind: 'stream', blocks: reply(upstream), delivery });
}

const typesOf = (frames: readonly Frame[]): string[] => frames.map(({ type }) => type);
const heard = (): string => bench.upstream.requests.at(-1)?.text ?? '';
const idOf = (frames: readonly Frame[]): string => String(responseIn(frames)['id']);

/** A reply of two pieces that stands still between them. */
function heldReply(upstream: SurfaceName = 'chat') {
  const hold = gate();
  willReply(upstream, { split: 'event', hold: { before: 2, gate: hold } });
  return hold;
}

describe('a turn over a WebSocket', () => {
  test.each(['responses', 'chat', 'messages', 'gemini'] as const)(
    'has the events of a POST, one a frame, from a %s upstream',
    async (upstream) => {
      const blocks = reply(upstream);
      const socket = await connect();
      bench.upstream.enqueue({ kind: 'stream', blocks, delivery: { split: 'byte' } });
      const frames = await socket.ask({ model: `${upstream}/m`, input: 'hi', store: false });
      bench.upstream.enqueue({ kind: 'stream', blocks });
      const posted = await ask(bench, 'responses', { model: `${upstream}/m`, stream: true, store: false });
      const events = (await posted.text())
        .split('\n')
        .filter((line) => line.startsWith('data: {'))
        .map((line) => JSON.parse(line.slice('data: '.length)) as Frame);
      const plain = (all: readonly Frame[]): unknown =>
        JSON.parse(JSON.stringify(all).replaceAll(/"(created_at|completed_at)":\d+/g, '"$1":0'));
      expect(plain(frames)).toEqual(plain(events));
      const [over, by] = bench.records.slice(-2);
      expect(over).toMatchObject({
        method: 'GET',
        transport: 'websocket',
        route: '/v1/responses',
        outcome: 'ok',
        stream: true,
        usage: by!.usage!,
        lane: by!.lane,
      });
      expect(by!.transport).toBeUndefined();
    },
  );

  test('takes its members at the top or in `response`, and leaves to the upstream what is its own', async () => {
    const socket = await connect();
    const members = { model: 'responses/m', input: 'hi', store: false, own_member: { a: [1] } };
    const bodies: string[] = [];
    for (const frame of [
      { type: 'response.create', event_id: 'e1', ...members, stream: false },
      { type: 'response.create', response: members },
    ]) {
      willReply('responses');
      socket.send(frame);
      expect((await socket.turn()).at(-1)!.type).toBe('response.completed');
      bodies.push(heard().replaceAll(/\s+/g, ''));
    }
    expect(bodies).toEqual([
      '{"model":"m","input":"hi","store":false,"own_member":{"a":[1]},"stream":true}',
      '{"model":"m","input":"hi","store":false,"own_member":{"a":[1]},"stream":true}',
    ]);
  });

  test('is carried to the one provider that the path names, under each path', async () => {
    for (const path of [
      '/chat/v1/responses',
      '/chat/session-1/v1/responses',
      '/backend-api/chat/responses',
    ]) {
      const socket = await connect({}, path);
      willReply('chat');
      expect((await socket.ask({ model: 'm', input: 'hi', store: false })).at(-1)!.type).toBe(
        'response.completed',
      );
      expect(bench.records.at(-1)).toMatchObject({ provider: 'chat', transport: 'websocket' });
    }
  });

  test('waits for the one before it', async () => {
    const socket = await connect();
    const hold = heldReply();
    for (const input of ['one', 'two', 'three']) {
      socket.send({ type: 'response.create', model: 'chat/m', input, store: false });
    }
    expect((await socket.next()).type).toBe('response.created');
    willReply('chat');
    willReply('chat');
    await Bun.sleep(50);
    expect(bench.upstream.requests).toHaveLength(1);
    hold.open();
    for (let i = 0; i < 3; i++) expect((await socket.turn()).at(-1)!.type).toBe('response.completed');
    expect(bench.upstream.requests.map(({ text }) => /"content":"(\w+)"/.exec(text)?.[1])).toEqual([
      'one',
      'two',
      'three',
    ]);
  });

  test('runs beside those of other lanes, and its frames say which lane is its own', async () => {
    const socket = await connect();
    const hold = heldReply();
    socket.send({ type: 'response.create', stream_id: 'a', model: 'chat/m', input: 'slow', store: false });
    expect(await socket.next()).toMatchObject({ type: 'response.created', stream_id: 'a' });
    willReply('chat');
    socket.send({ type: 'response.create', stream_id: 'b', model: 'chat/m', input: 'fast', store: false });
    const frames: Frame[] = [];
    while (frames.at(-1)?.type !== 'response.completed') frames.push(await socket.next());
    expect(frames.at(-1)!['stream_id']).toBe('b');
    hold.open();
    const rest = await socket.turn();
    expect(rest.every((frame) => frame['stream_id'] === 'a')).toBe(true);
    expect(bench.upstream.requests.every(({ text }) => !text.includes('stream_id'))).toBe(true);
  });

  test('tells what could not be carried to a client that reads reply heads from events', async () => {
    const members = { model: 'chat/m', input: 'hi', store: false, truncation: 'auto' };
    willReply('chat');
    const plain = await (await connect()).ask(members);
    expect(typesOf(plain)).not.toContain('response.metadata');
    willReply('chat');
    const socket = await connect({ 'openai-beta': 'responses_websockets=2026-02-06' });
    const [head] = await socket.ask(members);
    expect(head).toMatchObject({
      type: 'response.metadata',
      headers: { 'dragoman-provider': 'chat', 'dragoman-notes': 'truncation=dropped' },
    });
    expect(bench.upstream.requests.at(-1)!.headers.get('openai-beta')).toBeNull();
  });
});

describe('a conversation over a WebSocket', () => {
  test.each(['responses', 'chat', 'messages', 'gemini'] as const)(
    'that is not stored is gone on from on its connection, and on no other (%s upstream)',
    async (upstream) => {
      const socket = await connect();
      const members = { model: `${upstream}/m`, store: false };
      willReply(upstream);
      const first = await socket.ask({ ...members, input: 'the first words' });
      willReply(upstream);
      const second = await socket.ask({
        ...members,
        input: 'the second words',
        previous_response_id: idOf(first),
      });
      expect(heard()).toMatch(/the first words.*Hello world.*the second words/s);
      expect(heard()).not.toContain('previous_response_id');
      willReply(upstream);
      // A fork from the first.
      await socket.ask({ ...members, input: 'other words', previous_response_id: idOf(first) });
      expect(heard()).not.toContain('the second words');
      const elsewhere = await (
        await connect()
      ).ask({ ...members, input: 'x', previous_response_id: idOf(second) });
      expect(errorIn(elsewhere)).toMatchObject({ status: 400, code: 'previous_response_not_found' });
      const posted = await ask(bench, 'responses', {
        ...members,
        model: 'chat/m',
        previous_response_id: idOf(second),
      });
      expect(posted.status).toBe(400);
    },
  );

  test('that is stored is gone on from anywhere', async () => {
    const socket = await connect();
    willReply('chat');
    const first = await socket.ask({ model: 'chat/m', input: 'the first words' });
    willReply('chat');
    const other = await connect();
    await other.ask({ model: 'chat/m', input: 'and these', previous_response_id: idOf(first) });
    expect(heard()).toMatch(/the first words.*Hello world.*and these/s);
    willReply('messages');
    await ask(bench, 'responses', { model: 'messages/m', previous_response_id: idOf(first) });
    expect(heard()).toMatch(/the first words.*Hello world/s);
  });

  test('that begins unstored is stored whole once it is to be', async () => {
    const socket = await connect();
    willReply('chat');
    const first = await socket.ask({ model: 'chat/m', input: 'the first words', store: false });
    willReply('chat');
    const second = await socket.ask({
      model: 'chat/m',
      input: 'the second words',
      previous_response_id: idOf(first),
    });
    willReply('chat');
    await (
      await connect()
    ).ask({ model: 'chat/m', input: 'the third words', previous_response_id: idOf(second) });
    expect(heard()).toMatch(/the first words.*Hello world.*the second words.*Hello world.*the third words/s);
  });

  test('that is stored goes on unstored', async () => {
    const socket = await connect();
    willReply('chat');
    const first = await socket.ask({ model: 'chat/m', input: 'the first words' });
    willReply('chat');
    const second = await socket.ask({
      model: 'chat/m',
      input: 'the second words',
      store: false,
      previous_response_id: idOf(first),
    });
    willReply('chat');
    await socket.ask({
      model: 'chat/m',
      input: 'the third words',
      store: false,
      previous_response_id: idOf(second),
    });
    expect(heard()).toMatch(/the first words.*Hello world.*the second words.*Hello world.*the third words/s);
    expect((await fetch(`${bench.url}/v1/responses/${idOf(second)}`)).status).toBe(404);
  });

  test('finds the items that a request refers to by id', async () => {
    const socket = await connect();
    willReply('responses');
    const first = await socket.ask({ model: 'responses/m', input: 'hi', store: false });
    const [message] = responseIn(first)['output'] as { id: string }[];
    willReply('responses');
    await socket.ask({
      model: 'chat/m',
      store: false,
      input: [
        { type: 'item_reference', id: message!.id },
        { type: 'message', role: 'user', content: 'and?' },
      ],
    });
    expect(heard()).toMatch(/Hello world.*and\?/s);
  });
});

describe('a warm-up', () => {
  test.each([
    ['with generate: false', { generate: false, input: [{ role: 'developer', content: 'Be kind.' }] }],
    ['without any input', { input: [] }],
    ['nested', { response: { generate: false, input: [], model: 'chat/m', store: false } }],
  ])('%s is answered without an upstream, created and completed under one id', async (_, members) => {
    const socket = await connect();
    const frames = await socket.ask({ model: 'chat/m', store: false, ...members });
    expect(frames[0]!.type).toBe('response.created');
    expect(frames.at(-1)).toMatchObject({
      type: 'response.completed',
      response: {
        id: responseIn(frames.slice(0, 1))['id'],
        status: 'completed',
        output: [],
        usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
      },
    });
    expect(bench.upstream.requests).toHaveLength(0);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', lane: 'none', costs: [] });
    willReply('chat');
    const next = await socket.ask({
      model: 'chat/m',
      store: false,
      input: 'hi',
      previous_response_id: idOf(frames),
    });
    expect(next.at(-1)!.type).toBe('response.completed');
    if ('generate' in members) expect(heard()).toContain('Be kind.');
  });

  test('goes on from a conversation too, and refuses one that it does not know', async () => {
    const socket = await connect();
    willReply('chat');
    const first = await socket.ask({ model: 'chat/m', store: false, input: 'the first words' });
    const warm = await socket.ask({
      model: 'chat/m',
      store: false,
      generate: false,
      input: [],
      previous_response_id: idOf(first),
    });
    willReply('chat');
    await socket.ask({ model: 'chat/m', store: false, input: 'so?', previous_response_id: idOf(warm) });
    expect(heard()).toMatch(/the first words.*Hello world.*so\?/s);
    const unknown = await socket.ask({
      model: 'chat/m',
      generate: false,
      input: [],
      previous_response_id: 'resp_x',
    });
    expect(errorIn(unknown)).toMatchObject({ status: 400, code: 'previous_response_not_found' });
  });
});

describe('a turn that is cancelled', () => {
  test('in mid reply cuts its upstream at once, says so, and leaves the connection open', async () => {
    const socket = await connect();
    heldReply();
    socket.send({ type: 'response.create', model: 'chat/m', input: 'hi', store: false });
    const { response } = (await socket.next()) as Frame & { response: { id: string } };
    socket.send({ type: 'response.cancel', response_id: response.id });
    expect(errorIn(await socket.turn())).toMatchObject({ status: 499, code: 'response_cancelled' });
    expect((await bench.upstream.closed(0)).closedByPeer).toBe(true);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'cancelled', transport: 'websocket' });
    expect(bench.streamsOpen()).toBe(0);
    willReply('chat');
    expect((await socket.ask({ model: 'chat/m', input: 'hi', store: false })).at(-1)!.type).toBe(
      'response.completed',
    );
  });

  test('before there was an answer is cut as well', async () => {
    const socket = await connect();
    bench.upstream.enqueue({ kind: 'silent' });
    socket.send({ type: 'response.create', model: 'chat/m', input: 'hi', store: false });
    await eventually(() => bench.upstream.requests.length === 1);
    socket.send({ type: 'response.cancel' });
    expect(errorIn(await socket.turn())).toMatchObject({ status: 499, code: 'response_cancelled' });
    expect((await bench.upstream.closed(0)).closedByPeer).toBe(true);
  });

  test('is not another one', async () => {
    const socket = await connect();
    const hold = heldReply();
    socket.send({ type: 'response.create', model: 'chat/m', input: 'hi', store: false });
    await socket.next();
    socket.send({ type: 'response.cancel', response_id: 'resp_of_another' });
    const frames = await socket.turn();
    expect(frames.at(-1)).toMatchObject({ error: { code: 'response_cancel_not_active' } });
    hold.open();
    expect((await socket.turn()).at(-1)!.type).toBe('response.completed');
  });

  test.each(['close', 'terminate'] as const)('by a client that leaves (%s)', async (how) => {
    const socket = await connect();
    heldReply();
    socket.send({ type: 'response.create', model: 'chat/m', input: 'hi', store: false });
    await socket.next();
    (socket.socket as WebSocket & { terminate(): void })[how]();
    expect((await bench.upstream.closed(0)).closedByPeer).toBe(true);
    await eventually(() => bench.socketsOpen() === 0);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'cancelled' });
  });
});

describe('what is no turn', () => {
  test.each([
    ['no JSON', '{"type":', 'invalid_json'],
    ['a list', '[]', 'invalid_json'],
    ['no type', '{}', 'invalid_value'],
    ['another type', '{"type":"session.update"}', 'invalid_value'],
    ['no text', new Uint8Array([1, 2]), 'invalid_frame'],
    ['a turn of no model', '{"type":"response.create","input":"hi"}', 'invalid_request_error'],
    ['a strange generate', '{"type":"response.create","model":"m","generate":1}', 'invalid_type'],
    ['a strange lane', '{"type":"response.create","model":"m","stream_id":"a b"}', 'invalid_value'],
    [
      'a turn in the background',
      '{"type":"response.create","model":"m","background":true}',
      'unsupported_parameter',
    ],
    ['nested depths', `{"type":"response.create","response":${'['.repeat(2_000)}`, 'invalid_json'],
  ])('(%s) is an error with a code, and the connection stays', async (_, frame, code) => {
    const socket = await connect();
    socket.socket.send(frame as string);
    const told = await socket.next();
    expect(told).toMatchObject({ type: 'error', status: 400, error: { code } });
    willReply('chat');
    expect((await socket.ask({ model: 'chat/m', input: 'hi', store: false })).at(-1)!.type).toBe(
      'response.completed',
    );
  });

  test('an upstream’s refusal comes in its own words with what helps to wait', async () => {
    const socket = await connect();
    bench.upstream.enqueue({
      kind: 'body',
      status: 429,
      headers: { 'retry-after': '7', 'set-cookie': 'a=b' },
      body: {
        error: { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded', own: 1 },
      },
    });
    const frames = await socket.ask({ model: 'responses/m', input: 'hi', store: false });
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({
      type: 'error',
      status: 429,
      error: { message: 'slow down', code: 'rate_limit_exceeded', own: 1 },
      headers: { 'retry-after': '7', 'dragoman-provider': 'responses' },
    });
    expect(frames[0]).not.toHaveProperty('status_code');
    expect(JSON.stringify(frames)).not.toContain('a=b');
  });
});
