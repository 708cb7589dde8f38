/** A reply that is begun before anybody has answered: what is told in it, and to whom. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, hello, startBench, type Bench } from '../gateway/setup.ts';

setDefaultTimeout(60_000);

const keepAliveMs = 40;
const slowMs = keepAliveMs * 12;
const surfaces = ['chat', 'responses', 'messages'] as const;
let bench: Bench;
let state: State;
let key = '';

beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(3));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  key = (await state.keys!.create({ name: 'alice' })).secret;
  bench = startBench({
    state,
    server: { keep_alive_ms: keepAliveMs },
    accounts: ['account-one', 'account-two'],
  });
});
afterEach(() => {
  bench.upstream.reset();
  for (const { account } of state.health.list()) state.health.clear(account);
});
afterAll(async () => {
  await bench.stop();
  await state.close();
});

const send = (surface: (typeof surfaces)[number], shown = key, more: RequestInit = {}) =>
  ask(
    bench,
    surface,
    { model: `${surface}/m`, stream: true },
    { headers: { 'content-type': 'application/json', authorization: `Bearer ${shown}` }, ...more },
  );

test.each(surfaces)('a stranger is refused at once and kept waiting by nothing: %s', async (surface) => {
  bench.upstream.handle(async () => {
    await Bun.sleep(slowMs);
    return { kind: 'stream', blocks: hello[surface].blocks };
  });
  const response = await send(surface, `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`);
  expect(response.status).toBe(401);
  expect(await response.text()).not.toMatch(/keep-alive|event: ping/);
  expect(bench.upstream.requests).toEqual([]);
});

test.each(surfaces)(
  'who was tried meanwhile is not told, nor what they were tried with: %s',
  async (surface) => {
    bench.upstream.handle(async ({ headers }) => {
      const own = headers.get('authorization') ?? headers.get('x-api-key') ?? '';
      await Bun.sleep(slowMs);
      // An upstream that says again what it was sent.
      const error = {
        type: 'authentication_error',
        message: `bad key ${own}\r\n\r\nevent: forged\ndata: {}\n\n`,
      };
      return { kind: 'body', status: 401, body: { type: 'error', error } };
    });
    const response = await send(surface);
    expect(response.status).toBe(200);
    const head = JSON.stringify([...response.headers]);
    const text = await response.text();
    expect(bench.upstream.requests.length).toBeGreaterThan(0);
    for (const told of [head, text]) expect(told).not.toContain('sk-account');
    expect(text).not.toMatch(/^event: forged/m);
    expect(head).not.toContain('dragoman-provider');
  },
);

test('a client that has left holds no upstream', async () => {
  bench.upstream.handle(() => ({ kind: 'silent' }));
  const leave = new AbortController();
  const response = await send('chat', key, { signal: leave.signal });
  const reader = response.body!.getReader();
  await reader.read();
  leave.abort();
  const isGone = () => bench.upstream.requests[0]!.closedAt !== undefined;
  for (let i = 0; i < 500 && !isGone(); i++) await Bun.sleep(10);
  expect(isGone()).toBe(true);
});
