import { afterEach, describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { createVault } from '../../src/accounts/vault.ts';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, providerSchemas, schemasWith } from '../../src/gateway.ts';
import type { Provider, ProviderKind } from '../../src/providers/provider.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { FailureError, type Failure } from '../../src/turn/failure.ts';
import { ask, hello, startBench, type Bench, type BenchOptions } from '../gateway/setup.ts';
import { eventually } from '../support/eventually.ts';
import { gate } from '../support/replay.ts';
import { errorIn, openSocket, type TestSocket } from '../support/socket.ts';

let bench: Bench | undefined;
let state: State | undefined;
const sockets: TestSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await bench?.stop();
  await state?.close();
  bench = undefined;
  state = undefined;
});

function start(options: BenchOptions = {}): Bench {
  bench = startBench(options);
  bench.upstream.handle(() => ({ kind: 'stream', blocks: hello.chat.blocks }));
  return bench;
}

async function connect(at: Bench, headers: Record<string, string> = {}): Promise<TestSocket> {
  const socket = await openSocket(at.url, headers);
  sockets.push(socket);
  return socket;
}

/** What an upgrade is answered that does not become a socket. */
async function refusal(
  at: Bench,
  headers: Record<string, string> = {},
  path = '/v1/responses',
): Promise<{ status: number; code: unknown; requestId: string | null }> {
  const answer = await fetch(at.url + path, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'bVmkewfNIBEl4fGWQ0hLPg==',
      ...headers,
    },
  });
  const { error } = (await answer.json()) as { error: { code: unknown } };
  return { status: answer.status, code: error.code, requestId: answer.headers.get('x-request-id') };
}

const lostFailure: Failure = {
  kind: 'replay',
  scope: 'request',
  status: 409,
  message: 'the upstream’s connection was lost',
  retryable: true,
};

const turn = { model: 'chat/m', input: 'hi', store: false };

describe('an upgrade', () => {
  test('is refused to foreign pages and under foreign names', async () => {
    const at = start();
    expect((await refusal(at, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await refusal(at, { host: 'evil.example' })).status).toBe(403);
    expect(at.socketsOpen()).toBe(0);
    await connect(at, { origin: at.url });
    expect(at.socketsOpen()).toBe(1);
  });

  test('is declined by 426 where the configuration has WebSockets off, and POST goes on', async () => {
    const at = start({ server: { websocket: 'off' } });
    expect(await refusal(at, { 'x-request-id': 'mine-12345' })).toEqual({
      status: 426,
      code: 'websocket_not_served',
      requestId: 'mine-12345',
    });
    expect((await ask(at, 'responses', turn)).status).toBe(200);
    expect(at.records[0]).toMatchObject({ status: 426, transport: 'websocket', outcome: 'error' });
  });

  test.each(['/v1/chat/completions', '/v1/messages', '/chat/v1/embeddings', '/v1/responses/input_tokens'])(
    'is declined by 426 at %s, which no WebSocket serves',
    async (path) => {
      const at = start();
      const answer = await fetch(at.url + path, { headers: { connection: 'Upgrade', upgrade: 'websocket' } });
      expect(answer.status).toBe(426);
    },
  );

  test('that is none is no POST either', async () => {
    expect((await fetch(`${start().url}/v1/responses`)).status).toBe(405);
  });

  test('is declined by 426 beyond the number of connections, of all and of one caller', async () => {
    const at = start({ socketLimits: { connectionsMax: 2 } });
    const first = await connect(at);
    await connect(at);
    expect(await refusal(at)).toMatchObject({ status: 426, code: 'websocket_connection_limit_reached' });
    first.close();
    await first.closed;
    await eventually(() => at.socketsOpen() === 1);
    await connect(at);
  });

  test('needs a server: without one it is declined', async () => {
    const config = configSchema(providerSchemas).parse({ providers: [{ name: 'demo', type: 'demo' }] });
    const gateway = createGateway({
      config,
      version: 'test',
      metrics: () => '',
      recorder: { record() {}, streamsOpen() {} },
    });
    const request = new Request('http://127.0.0.1/v1/responses', { headers: { upgrade: 'websocket' } });
    expect((await gateway.fetch(request)).status).toBe(426);
    await gateway.stop({ drainMs: 0 });
  });

  test('works in a program that serves by itself', async () => {
    const config = configSchema(providerSchemas).parse({
      providers: [{ name: 'demo', type: 'demo', pace_ms: 0 }],
    });
    const gateway = createGateway({
      config,
      version: 'test',
      metrics: () => '',
      recorder: { record() {}, streamsOpen() {} },
    });
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: gateway.fetch,
      websocket: gateway.websocket,
    });
    const socket = await openSocket(`http://127.0.0.1:${server.port}`);
    expect((await socket.ask({ model: 'demo/echo', input: 'hi' })).at(-1)!.type).toBe('response.completed');
    await gateway.stop({ drainMs: 0 });
    expect(await socket.closed).toMatchObject({ code: 1012 });
    await server.stop(true);
  });
});

describe('the gateway key', () => {
  async function withKeys(options: BenchOptions = {}) {
    state = await openState({
      stored: { store: await openStore('sqlite::memory:'), vault: createVault(new Uint8Array(32).fill(5)) },
    });
    const keys = state.keys!;
    const one = await keys.create({ name: 'one' });
    const other = await keys.create({ name: 'other', rules: { requests_per_minute: 1 } });
    return { at: start({ state, ...options }), keys, one, other };
  }
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

  test('is needed to connect', async () => {
    const { at, one } = await withKeys();
    expect(await refusal(at)).toMatchObject({ status: 401, code: 'missing_api_key' });
    expect(await refusal(at, bearer('drg_aaaaaaaa_bad'))).toMatchObject({ status: 401 });
    const socket = await connect(at, bearer(one.secret));
    expect((await socket.ask(turn)).at(-1)!.type).toBe('response.completed');
    expect(at.records.at(-1)).toMatchObject({ keyId: one.key.id, transport: 'websocket' });
  });

  test('is looked at anew for each turn: once revoked it is a typed error', async () => {
    const { at, keys, one } = await withKeys();
    const socket = await connect(at, bearer(one.secret));
    await socket.ask(turn);
    await keys.revoke(one.key.id);
    expect(errorIn(await socket.ask(turn))).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(errorIn(await socket.ask({ ...turn, generate: false }))).toMatchObject({ status: 401 });
    expect(at.upstream.requests).toHaveLength(1);
  });

  test('has its rates per turn, and connections of its own number', async () => {
    const { at, one, other } = await withKeys({ socketLimits: { callerConnectionsMax: 1 } });
    const socket = await connect(at, bearer(other.secret));
    await socket.ask(turn);
    const limited = await socket.ask(turn);
    expect(errorIn(limited)).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect(limited[0]!['headers']).toHaveProperty('retry-after');
    expect(await refusal(at, bearer(other.secret))).toMatchObject({ status: 426 });
    await connect(at, bearer(one.secret));
  });
});

describe('a connection ends', () => {
  test('when its lifetime is over: with the code on which clients connect again', async () => {
    const at = start({ socketLimits: { lifetimeMs: 60 } });
    const socket = await connect(at);
    expect(await socket.next()).toMatchObject({
      type: 'error',
      status: 400,
      error: { code: 'websocket_connection_limit_reached', type: 'invalid_request_error' },
    });
    expect(await socket.closed).toMatchObject({ code: 1000 });
  });

  test('after the turn that runs then', async () => {
    const at = start({ socketLimits: { lifetimeMs: 100 } });
    const hold = gate();
    at.upstream.enqueue({
      kind: 'stream',
      blocks: hello.chat.blocks,
      delivery: { split: 'event', hold: { before: 2, gate: hold } },
    });
    const socket = await connect(at);
    socket.send({ type: 'response.create', ...turn });
    await socket.next();
    await Bun.sleep(150);
    hold.open();
    expect((await socket.turn()).at(-1)!.type).toBe('response.completed');
    expect(errorIn([await socket.next()])).toMatchObject({ code: 'websocket_connection_limit_reached' });
    await socket.closed;
  });

  test('with 1012 when the gateway stops, after the turn that runs', async () => {
    const at = start();
    const hold = gate();
    at.upstream.enqueue({
      kind: 'stream',
      blocks: hello.chat.blocks,
      delivery: { split: 'event', hold: { before: 2, gate: hold } },
    });
    const [idle, busy] = [await connect(at), await connect(at)];
    busy.send({ type: 'response.create', ...turn });
    await busy.next();
    const stopped = at.gateway.stop({ drainMs: 20_000 });
    expect(await idle.closed).toMatchObject({ code: 1012 });
    hold.open();
    expect((await busy.turn()).at(-1)!.type).toBe('response.completed');
    expect(await busy.closed).toMatchObject({ code: 1012 });
    await stopped;
  });

  test('in mid turn when the gateway has waited long enough', async () => {
    const at = start();
    at.upstream.enqueue({
      kind: 'stream',
      blocks: hello.chat.blocks,
      delivery: { split: 'event', hold: { before: 2, gate: gate() } },
    });
    const socket = await connect(at);
    socket.send({ type: 'response.create', ...turn });
    await socket.next();
    await at.gateway.stop({ drainMs: 50 });
    await socket.closed;
    expect((await at.upstream.closed(0)).closedByPeer).toBe(true);
    expect(at.records.at(-1)).toMatchObject({ outcome: 'cancelled' });
  });

  test('with 1012 when WebSockets are switched off, and others are declined', async () => {
    const at = start();
    const socket = await connect(at);
    at.gateway.reload(
      configSchema(providerSchemas).parse({
        server: { websocket: 'off' },
        providers: [{ name: 'demo', type: 'demo' }],
      }),
    );
    expect(await socket.closed).toMatchObject({ code: 1012 });
    expect((await refusal(at)).status).toBe(426);
  });

  test.each(['before', 'within'])(
    'with 1012 when its upstream has lost what it continues (%s the reply)',
    async (when) => {
      const lost: ProviderKind<{ name: string; type: 'lost' }> = {
        type: 'lost',
        configSchema: z.strictObject({ name: z.string(), type: z.literal('lost') }),
        create: ({ name, type }): Provider => ({
          name,
          type,
          protocols: () => ['openai-chat'],
          abilities: () => ({}),
          configured: [{ id: 'm' }],
          accounts: [],
          anonymous: true,
          discover: async () => [],
          prepare: ({ body }) => ({ url: 'lost:', headers: {}, body }),
          async send() {
            if (when === 'before') throw new FailureError(lostFailure);
            const chunks = hello.chat.blocks.slice(0, 2).map(({ text }) => Buffer.from(`${text}\n\n`));
            const body = new ReadableStream({
              pull(controller) {
                const chunk = chunks.shift();
                if (chunk === undefined) controller.error(new FailureError(lostFailure));
                else controller.enqueue(chunk);
              },
            });
            return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
          },
        }),
      };
      const kinds = [lost];
      const gateway = createGateway({
        config: configSchema(schemasWith(kinds)).parse({ providers: [{ name: 'up', type: 'lost' }] }),
        version: 'test',
        kinds,
        metrics: () => '',
        recorder: { record() {}, streamsOpen() {} },
      });
      const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
      const socket = await openSocket(url);
      socket.send({ type: 'response.create', model: 'm', input: 'hi' });
      expect(await socket.closed).toEqual({ code: 1012, reason: lostFailure.message });
      if (when === 'within') expect((await socket.turn()).at(-1)!.type).toBe('response.failed');
      await gateway.stop({ drainMs: 0 });
    },
  );
});
