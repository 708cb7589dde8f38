/** The parts of which a turn over a socket is made. */
import { afterEach, describe, expect, test } from 'bun:test';
import { readQuota } from '../../../src/providers/codex/quota.ts';
import {
  compared,
  continues,
  remember,
  writeFrame,
  type SocketTurn,
} from '../../../src/providers/codex/socket-frame.ts';
import { limitHeaders } from '../../../src/providers/codex/socket-limits.ts';
import { createPool, poolLimits } from '../../../src/providers/codex/socket-pool.ts';
import { carryTurn, SocketLost } from '../../../src/providers/codex/socket-reply.ts';
import {
  connect,
  UpgradeRefused,
  type Connection,
  type FrameListener,
} from '../../../src/providers/codex/socket.ts';
import { openSocket, proxyOf } from '../../../src/providers/open-socket.ts';
import type { Json } from '../../../src/turn/json.ts';
import { says } from './setup.ts';
import { eventually } from '../../support/eventually.ts';

const turn = (items: Json[], more: Record<string, string> = {}): SocketTurn => ({
  url: 'ws://127.0.0.1/',
  headers: {},
  key: 'a conversation',
  account: 'acc_1',
  token: 'token',
  members: new Map(
    Object.entries({ model: '"m"', input: JSON.stringify(items), client_metadata: '{"a":"1"}', ...more }),
  ),
  items,
  metadata: { a: '1' },
});

describe('a frame', () => {
  const answer: Json = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'Hello', annotations: [], logprobs: [] }],
  };
  const first = [says('hi')];
  const memory = remember(compared(turn(first)), 'resp_1', [answer]);
  const goesOn = (items: Json[], more?: Record<string, string>) =>
    continues(compared(turn([...items], more)), memory);

  test('holds the whole request in the order of its members', () => {
    const text = writeFrame(compared(turn(first, { store: 'false' })), undefined, 1_795_199_122_974);
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      'type',
      'model',
      'input',
      'store',
      'client_metadata',
    ]);
    expect(JSON.parse(text)).toMatchObject({
      type: 'response.create',
      input: first,
      client_metadata: { a: '1', 'x-codex-ws-stream-request-start-ms': '1795199122974' },
    });
  });

  test('holds only what is new where the rest is known, whatever a client has made of the reply’s ids', () => {
    const again = { role: 'assistant', content: 'Hello' };
    for (const reply of [answer, again, { ...answer, id: 'msg_9', status: null }]) {
      const frame = writeFrame(compared(turn([...first, reply, says('more')])), memory, 1);
      expect(JSON.parse(frame)).toMatchObject({ previous_response_id: 'resp_1', input: [says('more')] });
    }
  });

  test.each([
    ['another reply', [...first, { role: 'assistant', content: 'Bye' }, says('more')], {}],
    ['another beginning', [says('ho'), answer, says('more')], {}],
    ['no reply', [...first, says('more')], {}],
    ['nothing new', [...first, answer], {}],
    ['less than before', first, {}],
    ['other instructions', [...first, answer, says('more')], { instructions: '"x"' }],
    ['another phase', [...first, { ...answer, phase: 'commentary' }, says('more')], {}],
  ] as [string, Json[], Record<string, string>][])('is whole with %s', (_why, items, more) => {
    expect(goesOn(items, more)).toBeFalse();
  });

  test('does not let a member flow into the next', () => {
    const rest = (more: Record<string, string>) => compared(turn(first, more)).rest;
    expect(rest({ a: '"x"', b: '"y"' })).not.toBe(rest({ 'a":"x","b': '"y"' }));
    expect(rest({ a: '"x"', b: '"y"' })).toBe(rest({ a: '"x"', b: '"y"' }));
  });
});

describe('limits in an event', () => {
  test('read as those in headers do', () => {
    const window = { used_percent: 100, window_minutes: 300, reset_at: 1_795_200_000 };
    const event = {
      type: 'codex.rate_limits',
      plan_type: 'plus',
      rate_limits: { primary: window, secondary: { used_percent: null } },
      credits: { has_credits: true, unlimited: false, balance: '5' },
    };
    expect(limitHeaders(event)).toEqual({
      'x-codex-primary-used-percent': '100',
      'x-codex-primary-window-minutes': '300',
      'x-codex-primary-reset-at': '1795200000',
      'x-codex-plan-type': 'plus',
      'x-codex-credits-has-credits': 'true',
      'x-codex-credits-unlimited': 'false',
      'x-codex-credits-balance': '5',
    });
    expect(readQuota(new Headers(limitHeaders(event)), 0)).toBeDefined();
    const other = limitHeaders({ ...event, metered_limit_name: 'codex_bengalfox' });
    expect(Object.keys(other)[0]).toBe('x-codex-bengalfox-primary-used-percent');
    expect(limitHeaders({ rate_limits: 'x', metered_limit_name: 'a b\r\n' })).toEqual({});
  });
});

/** A connection whose other end is the test. */
function fake(
  key = 'k',
  token = 't',
): Connection & { heard?: FrameListener; paused: number; closed: boolean } {
  return {
    key,
    token,
    openedMs: 0,
    memory: undefined,
    isOpen: true,
    paused: 0,
    closed: false,
    begin(_frame, listener) {
      this.heard = listener;
    },
    release() {},
    pause() {
      this.paused++;
    },
    resume() {
      this.paused--;
    },
    close() {
      this.closed = true;
    },
  };
}

describe('connections at rest', () => {
  let nowMs = 0;
  const pool = (more: Partial<typeof poolLimits> = {}) => createPool({ ...poolLimits, ...more }, () => nowMs);
  const any = () => false;
  afterEach(() => {
    nowMs = 0;
  });

  test('go to the next turn of their conversation and token only, the one that knows most first', () => {
    const rest = pool();
    const [one, two] = [fake(), fake()];
    for (const each of [one, two]) {
      expect(rest.reserve('k')).toBeTrue();
      rest.give(each, true);
    }
    expect(rest.take('other', 't', any)).toBeUndefined();
    expect(rest.take('k', 't', (each) => each === two)).toBe(two);
    expect(rest.take('k', 'new', any)).toBeUndefined();
    expect(one.closed).toBeTrue();
  });

  test('are not used when they are old, and not kept when their turn has failed or the pool is closed', () => {
    const rest = pool({ ageMsMax: 100 });
    const [old, failed, late] = [fake(), fake(), fake()];
    for (const each of [old, failed, late]) rest.reserve(each.key);
    rest.give(old, true);
    nowMs = 101;
    expect(rest.take('k', 't', any)).toBeUndefined();
    rest.give(failed, false);
    rest.close();
    rest.give(late, true);
    expect([old, failed, late].map(({ closed }) => closed)).toEqual([true, true, true]);
    expect(rest.reserve('k')).toBeFalse();
  });

  test('make room for others when there are too many, and are closed after a while', async () => {
    const rest = pool({ connectionsMax: 2, restMsMax: 20 });
    const [one, two] = [fake('a'), fake('b')];
    for (const each of [one, two]) {
      rest.reserve(each.key);
      rest.give(each, true);
    }
    expect(rest.reserve('c')).toBeTrue();
    expect([one.closed, two.closed]).toEqual([true, false]);
    await eventually(() => two.closed);
    expect([rest.reserve('d'), rest.reserve('e')]).toEqual([true, false]);
    rest.free('c');
    expect(rest.reserve('e')).toBeTrue();
  });

  test('are a few for each conversation', () => {
    const rest = pool({ perConversationMax: 1 });
    expect([rest.reserve('k'), rest.reserve('k'), rest.reserve('l')]).toEqual([true, false, true]);
  });
});

describe('a reply', () => {
  const hooks = { told() {}, ended() {} };
  const delta = `{"type":"response.output_text.delta","delta":"${'x'.repeat(100_000)}"}`;

  test('waits for a slow client without piling up, and loses nothing', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', new AbortController().signal, hooks);
    for (let i = 0; i < 20; i++) connection.heard!.frame(delta);
    expect(connection.paused).toBe(1);
    const reader = (await asked).body!.getReader();
    const { value } = await reader.read();
    expect(value!.length).toBeGreaterThan(2_000_000);
    expect(connection.paused).toBe(0);
    connection.heard!.cut();
    const failed = await reader.read().then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
    expect(failed).toBe('ECONNRESET');
  });

  test('that nobody reads any more ends its connection', async () => {
    const connection = fake();
    let ended = 0;
    const asked = carryTurn(connection, '{}', new AbortController().signal, {
      ...hooks,
      ended: () => ended++,
    });
    connection.heard!.frame(delta);
    await (await asked).body!.cancel();
    connection.heard!.frame(delta);
    expect(ended).toBe(1);
  });

  test('in lines is one event all the same', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', new AbortController().signal, hooks);
    connection.heard!.frame('{\n "type": "response.failed",\n "response": {}\n}');
    expect(await (await asked).text()).toBe(
      'event: response.failed\ndata: {"type":"response.failed","response":{}}\n\n',
    );
  });

  test('is not there when its client has left before', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', AbortSignal.abort(new Error('gone')), hooks);
    expect(asked).rejects.toThrow('gone');
    expect(connection.heard).toBeUndefined();
  });

  test('that has not begun is lost, and not broken off', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', new AbortController().signal, hooks);
    connection.heard!.frame('{"type":"codex.rate_limits"}');
    connection.heard!.cut();
    expect(asked).rejects.toBeInstanceOf(SocketLost);
  });
});

describe('a reply that the backend has only announced', () => {
  const hooks = { told() {}, ended() {} };
  const created = '{"type":"response.created"}';

  test('is lost with its connection, and nobody has heard of it', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', new AbortController().signal, hooks);
    connection.heard!.frame(created);
    connection.heard!.cut();
    expect(await asked.catch((error: unknown) => error)).toMatchObject({
      name: 'SocketLost',
      hasBegun: true,
    });
  });

  test('is of the status of the error that follows', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', new AbortController().signal, hooks);
    connection.heard!.frame(created);
    connection.heard!.frame('{"type":"error","status":429,"error":{"code":"usage_limit_reached"}}');
    const response = await asked;
    expect([response.status, await response.json()]).toEqual([
      429,
      { error: { code: 'usage_limit_reached' } },
    ]);
  });

  test('is not kept from the client for ever, and then breaks off', async () => {
    const connection = fake();
    const asked = carryTurn(connection, '{}', new AbortController().signal, hooks, 10);
    connection.heard!.frame(created);
    const reader = (await asked).body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toContain(created);
    connection.heard!.cut();
    expect(await reader.read().catch(({ code }: { code?: string }) => code)).toBe('ECONNRESET');
  });
});

describe('a connection', () => {
  test('on which nothing moves any more after a rest is given up', async () => {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
      websocket: { message: (socket) => void socket.send('{"type":"x"}') },
    });
    // Between the two stands a network that one day passes nothing on and tells nobody.
    let isDead = false;
    const network = Bun.listen<{ far?: Bun.Socket }>({
      hostname: '127.0.0.1',
      port: 0,
      data: {},
      socket: {
        async open(near) {
          const pending: Buffer[] = [];
          near.data = {};
          near.data.far = await Bun.connect({
            hostname: '127.0.0.1',
            port: server.port!,
            socket: { data: (_, bytes) => void (isDead || near.write(bytes)) },
          });
          for (const bytes of pending) near.data.far.write(bytes);
        },
        async data(near, bytes) {
          while (near.data.far === undefined) await Bun.sleep(1);
          if (!isDead) near.data.far.write(bytes);
        },
      },
    });
    const at = { url: `ws://127.0.0.1:${network.port}/`, headers: {} };
    const signal = new AbortController().signal;
    const connection = await connect(openSocket, at, { key: 'k', token: 't' }, signal, {
      upgradeMsMax: 5_000,
      signMsMax: 300,
    });
    const hear = () =>
      new Promise<string>((done) => connection.begin('{}', { frame: done, cut: () => done('cut') }));
    expect(await hear()).toBe('{"type":"x"}');
    await Bun.sleep(50);
    connection.release();
    isDead = true;
    expect(await hear()).toBe('cut');
    expect(connection.isOpen).toBeFalse();
    network.stop(true);
    await server.stop(true);
  }, 60_000);

  test('that sends bytes instead of text is given up', async () => {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
      websocket: { message: (socket) => void socket.send(new Uint8Array([1, 2])) },
    });
    const at = { url: `ws://127.0.0.1:${server.port}/`, headers: {} };
    const connection = await connect(openSocket, at, { key: 'k', token: 't' }, new AbortController().signal);
    const heard = new Promise((done) => connection.begin('{}', { frame: done, cut: () => done('cut') }));
    expect(await heard).toBe('cut');
    await server.stop(true);
  });

  test('that is not wanted any more, or that nobody answers, is not opened', async () => {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Promise<Response>(() => undefined),
    });
    const client = new AbortController();
    const at = { url: `ws://127.0.0.1:${server.port}/`, headers: {} };
    const asked = connect(openSocket, at, { key: 'k', token: 't' }, client.signal);
    setTimeout(() => client.abort(new Error('gone')), 20);
    expect(asked).rejects.toThrow('gone');
    await asked.catch(() => undefined);
    const late = connect(openSocket, at, { key: 'k', token: 't' }, new AbortController().signal, {
      upgradeMsMax: 50,
      signMsMax: 50,
    });
    const refused = await late.catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UpgradeRefused);
    await server.stop(true);
  });
});

test('sockets take the proxy that requests take', () => {
  const env = {
    HTTPS_PROXY: 'http://proxy:1',
    http_proxy: 'http://proxy:2',
    NO_PROXY: 'localhost, .inside.net',
  };
  expect(proxyOf('wss://chat.example.com/x', env)).toBe('http://proxy:1');
  expect(proxyOf('ws://chat.example.com/x', env)).toBe('http://proxy:2');
  expect(proxyOf('wss://a.inside.net/', env)).toBeUndefined();
  expect(proxyOf('ws://localhost:80/', env)).toBeUndefined();
  expect(proxyOf('wss://notinside.net/', env)).toBe('http://proxy:1');
  expect(proxyOf('wss://a/', { ...env, NO_PROXY: '*' })).toBeUndefined();
  expect(proxyOf('wss://a/', {})).toBeUndefined();
});
