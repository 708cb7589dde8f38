import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import type { Queries, Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway } from '../support/gateway.ts';
import { hasPostgres, startPostgres } from '../support/postgres.ts';
import { gate, startReplay } from '../support/replay.ts';
import { openSocket } from '../support/socket.ts';
import { ask, hello, startBench, type Bench } from './setup.ts';

const vault = createVault(new Uint8Array(32).fill(5));
const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

/** A gateway on a store whose transactions go through `around`. */
async function benchOn(
  around: (work: () => Promise<unknown>) => Promise<unknown>,
  complain: (error: unknown) => void = () => {},
): Promise<{ bench: Bench; state: State }> {
  const store = await openStore('sqlite::memory:');
  const wrapped: Store = {
    ...store,
    transaction: <T>(work: (queries: Queries) => Promise<T>) =>
      around(() => store.transaction(work)) as Promise<T>,
  };
  const state = await openState({ stored: { store: wrapped, vault }, complain });
  const bench = startBench({ state });
  ended.push(
    () => state.close(),
    () => bench.stop(),
  );
  return { bench, state };
}

const enqueue = (bench: Bench) => bench.upstream.enqueue({ kind: 'stream', blocks: hello.chat.blocks });

describe('the end of a streamed reply', () => {
  test('waits for the store, and nothing before it does', async () => {
    const held = gate();
    const { bench } = await benchOn(async (work) => {
      await held.opened;
      return work();
    });
    enqueue(bench);
    const answer = await ask(bench, 'responses', { stream: true });
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    let text = '';
    const read = (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += decoder.decode(value, { stream: true });
      }
    })();
    await Bun.sleep(100);
    expect(text).toContain('response.created');
    expect(text).not.toContain('response.completed');
    held.open();
    await read;
    expect(text).toContain('event: response.completed');
  });

  test('comes all the same when the store fails, and the owner is told', async () => {
    const complaints: unknown[] = [];
    const { bench } = await benchOn(
      async () => {
        throw new Error('the disk is full');
      },
      (error) => complaints.push(error),
    );
    for (const stream of [true, false]) {
      enqueue(bench);
      const answer = await ask(bench, 'responses', { stream });
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('Hello world');
    }
    expect(complaints.map(String)).toEqual(['Error: the disk is full', 'Error: the disk is full']);
  });

  test('a client that leaves meanwhile ends the turn once', async () => {
    const held = gate();
    const { bench } = await benchOn(async (work) => {
      await held.opened;
      return work();
    });
    enqueue(bench);
    const leaving = new AbortController();
    const answer = await ask(
      bench,
      'responses',
      { stream: true },
      {
        signal: leaving.signal,
      },
    );
    await answer.body!.getReader().read();
    leaving.abort();
    await eventually(() => bench.records.length > 0);
    held.open();
    await Bun.sleep(20);
    expect(bench.records).toHaveLength(1);
    expect(bench.streamsOpen()).toBe(0);
  });
});

test('requests of other protocols, and those that are not to be stored, ask the store nothing', async () => {
  let asked = 0;
  const { bench } = await benchOn(async (work) => {
    asked++;
    return work();
  });
  for (const surface of ['chat', 'messages', 'gemini', 'responses'] as const) {
    enqueue(bench);
    const more = surface === 'responses' ? { store: false } : {};
    await (await ask(bench, surface, { ...more })).text();
  }
  expect(asked).toBe(0);
});

const engines = ['SQLite', ...(hasPostgres ? ['PostgreSQL'] : [])];
if (!hasPostgres) console.log('skipped: PostgreSQL is not installed');

/** The text of a turn's events up to `isEnough`. */
async function heardOver(
  how: string,
  url: string,
  body: Record<string, unknown>,
  isEnough: (text: string) => boolean,
): Promise<string> {
  let text = '';
  if (how === 'WebSocket') {
    const socket = await openSocket(url);
    socket.send({ type: 'response.create', model: 'chat/m', ...body });
    while (!isEnough(text)) text += JSON.stringify(await socket.next());
    return text;
  }
  const { body: stream } = await ask({ url }, 'responses', { ...body, stream: true });
  const reader = stream!.pipeThrough(new TextDecoderStream()).getReader();
  while (!isEnough(text)) text += (await reader.read()).value;
  return text;
}

test.each(engines.flatMap((engine) => ['POST', 'WebSocket'].map((how) => [engine, how] as const)))(
  'a gateway on %s that is killed in mid stream by %s goes on from the last finished turn',
  async (engine, how) => {
    const directory = mkdtempSync(join(tmpdir(), 'dragoman-killed-'));
    const postgres = engine === 'PostgreSQL' ? await startPostgres() : undefined;
    if (postgres) ended.push(() => postgres.stop());
    const store = (await postgres?.database()) ?? `sqlite:${join(directory, 'state.db')}`;
    const upstream = startReplay({ models: ['m'] });
    ended.push(
      async () => rmSync(directory, { recursive: true, force: true }),
      () => upstream.stop(),
    );
    const start = () =>
      startGateway({
        providers: [
          {
            name: 'chat',
            type: 'openai',
            base_url: `${upstream.url}/v1`,
            api_key: 'k',
            protocols: ['openai-chat'],
          },
        ],
        extra: { store },
        env: { DRAGOMAN_SECRET: 'several words of which the vault is made' },
      });
    const idIn = (text: string) => /"id":"(resp_[^"]+)"/.exec(text)![1]!;
    const blocks = (id: string) =>
      hello.chat.blocks.map((block) => ({ ...block, text: block.text.replaceAll('chatcmpl-1', id) }));

    const first = await start();
    ended.push(() => first.stop());
    upstream.enqueue({ kind: 'stream', blocks: blocks('one') });
    const done = await heardOver(how, first.url, { input: 'one' }, (text) =>
      text.includes('response.completed'),
    );
    const never = gate();
    upstream.enqueue({
      kind: 'stream',
      blocks: blocks('two'),
      delivery: { hold: { before: 3, gate: never } },
    });
    const more = { input: 'two', previous_response_id: idIn(done) };
    const seen = await heardOver(how, first.url, more, (text) => text.includes('Hello'));
    process.kill(first.pid, 'SIGKILL');
    await first.stop();
    never.open();

    const second = await start();
    ended.push(() => second.stop());
    expect((await fetch(`${second.url}/v1/responses/${idIn(seen)}`)).status).toBe(404);
    upstream.enqueue({ kind: 'stream', blocks: blocks('three') });
    const again = await ask(second, 'responses', { input: 'again', previous_response_id: idIn(done) });
    expect(again.status).toBe(200);
    const { messages } = upstream.requests.at(-1)!.json as { messages: { content: string }[] };
    expect(messages.map(({ content }) => content)).toEqual(['one', 'Hello world', 'again']);
  },
  60_000,
);

test('two callers with the same ids share nothing', async () => {
  const { bench, state } = await benchOn((work) => work());
  const secrets = await Promise.all(['ann', 'bob'].map((name) => state.keys!.create({ name })));
  const [ann, bob] = secrets.map(({ secret }) => ({
    'content-type': 'application/json',
    authorization: `Bearer ${secret}`,
  }));
  const turn = async (headers: Record<string, string>, members: Record<string, unknown>) => {
    enqueue(bench);
    const body = JSON.stringify({ model: 'chat/m', ...members });
    return ask(bench, 'responses', {}, { headers, body });
  };
  const { id } = (await (await turn(ann!, { input: 'of ann' })).json()) as { id: string };
  expect((await turn(bob!, { input: 'more', previous_response_id: id })).status).toBe(400);
  const url = `${bench.url}/v1/responses/${id}`;
  expect((await fetch(url, { headers: bob })).status).toBe(404);
  expect((await fetch(url, { headers: bob, method: 'DELETE' })).status).toBe(404);
  expect((await fetch(url, { headers: ann })).status).toBe(200);
  expect((await fetch(url)).status).toBe(401);
});

describe('a store that cannot be reached', () => {
  /** A gateway whose store stops to answer what is read of conversations. */
  async function benchAway(): Promise<{ bench: Bench; id: string; away: { is: boolean } }> {
    const store = await openStore('sqlite::memory:');
    const away = { is: false };
    const wrapped: Store = {
      ...store,
      all: (sql, values) =>
        away.is && sql.includes('session_')
          ? Promise.reject(new Error('the database is gone'))
          : store.all(sql, values),
      transaction: (work) =>
        away.is ? Promise.reject(new Error('the database is gone')) : store.transaction(work),
    };
    const state = await openState({ stored: { store: wrapped, vault } });
    const bench = startBench({ state });
    ended.push(
      () => state.close(),
      () => bench.stop(),
    );
    enqueue(bench);
    const { id } = (await (await ask(bench, 'responses', { input: 'one' })).json()) as { id: string };
    return { bench, id, away };
  }

  test('lets nobody go on from half a conversation: the turn may be tried again', async () => {
    const { bench, id, away } = await benchAway();
    away.is = true;
    for (const stream of [true, false]) {
      const answer = await ask(bench, 'responses', { input: 'two', previous_response_id: id, stream });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(await answer.json()).toMatchObject({ error: { code: 'store_unavailable' } });
    }
    expect(bench.upstream.requests).toHaveLength(1);
    expect(bench.records.at(-1)!.failure).toMatchObject({ scope: 'gateway', retryable: true });
    away.is = false;
    enqueue(bench);
    const again = await ask(bench, 'responses', { input: 'two', previous_response_id: id });
    expect(again.status).toBe(200);
    const { messages } = bench.upstream.requests.at(-1)!.json as { messages: { content: string }[] };
    expect(messages.map(({ content }) => content)).toEqual(['one', 'Hello world', 'two']);
  });

  test('is told of by every route that reads from it or writes to it', async () => {
    const { bench, id, away } = await benchAway();
    away.is = true;
    const requests: [string, string, string?][] = [
      ['GET', `/v1/responses/${id}`],
      ['DELETE', `/v1/responses/${id}`],
      ['GET', `/v1/responses/${id}/input_items`],
      ['POST', '/v1/responses/compact', JSON.stringify({ model: 'chat/m', previous_response_id: id })],
      ['POST', '/v1/responses/input_tokens', JSON.stringify({ model: 'chat/m', previous_response_id: id })],
      ['POST', '/v1/conversations', '{}'],
      ['GET', '/v1/conversations/conv_1'],
      ['GET', '/v1/conversations/conv_1/items'],
      ['DELETE', '/v1/conversations/conv_1'],
    ];
    for (const [method, path, body] of requests) {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(bench.url + path, { method, body, headers });
      expect([path, answer.status]).toEqual([path, 503]);
    }
  });
});

describe('what is kept', () => {
  test('a key has a time of its own, or keeps nothing', async () => {
    const store = await openStore('sqlite::memory:');
    let nowMs = Date.now();
    const state = await openState({ stored: { store, vault }, nowMs: () => nowMs });
    const bench = startBench({ state });
    ended.push(
      () => state.close(),
      () => bench.stop(),
    );
    const keyed = async (name: string, retention_days?: number) => {
      const { secret } = await state.keys!.create({ name, rules: { retention_days } });
      return { 'content-type': 'application/json', authorization: `Bearer ${secret}` };
    };
    const callers = {
      usual: await keyed('usual'),
      week: await keyed('week', 7),
      none: await keyed('none', 0),
    };
    const ids: Record<string, string> = {};
    const statuses = async () =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(callers).map(async ([name, headers]) => [
            name,
            (await fetch(`${bench.url}/v1/responses/${ids[name]}`, { headers })).status,
          ]),
        ),
      ) as Record<string, number>;
    for (const [name, headers] of Object.entries(callers)) {
      enqueue(bench);
      const body = JSON.stringify({ model: 'chat/m', input: 'hi' });
      ids[name] = (
        (await (await ask(bench, 'responses', {}, { headers, body })).json()) as { id: string }
      ).id;
    }
    expect(await statuses()).toEqual({ usual: 200, week: 200, none: 404 });
    const made = await fetch(`${bench.url}/v1/conversations`, { method: 'POST', headers: callers.none });
    expect(made.status).toBe(404);
    nowMs += 8 * 24 * 3600_000;
    expect(await statuses()).toEqual({ usual: 200, week: 404, none: 404 });
    expect(await state.sessions!.sweep()).toBe(1);
    nowMs += 23 * 24 * 3600_000;
    expect(await statuses()).toEqual({ usual: 404, week: 404, none: 404 });
  });

  test('follows the configuration: not at all, for a time, up to a length', async () => {
    const store = await openStore('sqlite::memory:');
    const state = await openState({ stored: { store, vault } });
    const on = startBench({
      state,
      top: { conversations: { retention_days: 0.5, conversation_bytes_max: 1024 } },
    });
    ended.push(
      () => state.close(),
      () => on.stop(),
    );
    expect(state.sessions!.limits).toMatchObject({ isOn: true, retentionMs: 12 * 3600_000 });
    enqueue(on);
    const { id } = (await (await ask(on, 'responses', { input: 'x'.repeat(2000) })).json()) as { id: string };
    const long = await ask(on, 'responses', { input: 'more', previous_response_id: id });
    expect(long.status).toBe(400);
    expect(await long.json()).toMatchObject({
      error: { code: 'context_length_exceeded', param: 'previous_response_id' },
    });
    const off = startBench({ state, top: { conversations: { store: false } } });
    ended.push(() => off.stop());
    const blocks = hello.chat.blocks.map((block) => ({
      ...block,
      text: block.text.replaceAll('chatcmpl-1', 'chatcmpl-unkept'),
    }));
    off.upstream.enqueue({ kind: 'stream', blocks });
    const unkept = (await (await ask(off, 'responses', { input: 'hi' })).json()) as { id: string };
    expect(unkept.id).toContain('unkept');
    const next = await ask(off, 'responses', { input: 'x', previous_response_id: unkept.id });
    expect(await next.json()).toMatchObject({ error: { code: 'previous_response_not_found' } });
    expect((await fetch(`${off.url}/v1/conversations`, { method: 'POST', body: '{}' })).status).toBe(404);
  });
});
