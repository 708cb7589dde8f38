/** What a WebSocket must not open: pages, other people's conversations, the log, memory without a bound. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { hello, startBench, type Bench, type SurfaceName } from '../gateway/setup.ts';
import { startServed } from '../serve/setup.ts';
import { jsonLines } from '../support/program.ts';
import { gate } from '../support/replay.ts';
import { errorIn, openSocket, responseIn, type TestSocket } from '../support/socket.ts';
import { sendRaw, statusesIn } from './raw.ts';

setDefaultTimeout(60_000);

let bench: Bench;
let state: State;
const keys = { alice: '', bob: '' };
const secret = 'the-words-of-alice-4711';
const open: TestSocket[] = [];

beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(3));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  bench = startBench({ state, server: { body_bytes_max: 1024 * 1024 } });
  for (const name of ['alice', 'bob'] as const) keys[name] = (await state.keys!.create({ name })).secret;
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
  bench.upstream.reset();
});
afterAll(async () => {
  await bench.stop();
  await state.close();
});

async function connect(who: keyof typeof keys): Promise<TestSocket> {
  const socket = await openSocket(bench.url, { authorization: `Bearer ${keys[who]}` });
  open.push(socket);
  return socket;
}

describe('an upgrade by a page', () => {
  const paths = ['/v1/responses', '/responses/v1/responses'];
  const asking = (path: string, ...headers: string[]) =>
    sendRaw(
      bench.url,
      `${[
        `GET ${path} HTTP/1.1`,
        ...headers,
        'Connection: Upgrade, close',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: bVmkewfNIBEl4fGWQ0hLPg==',
        `Authorization: Bearer ${keys.alice}`,
      ].join('\r\n')}\r\n\r\n`,
    );

  test.each([
    ['another site', 'Host: localhost', 'Origin: https://evil.example'],
    ['a sandbox', 'Host: localhost', 'Origin: null'],
    ['a file', 'Host: 127.0.0.1', 'Origin: file://'],
    ['a name that begins like ours', 'Host: localhost', 'Origin: http://localhost.evil.example'],
    ['a name that leads here', 'Host: evil.example', 'Origin: http://evil.example'],
    ['a name that leads here, without an origin', 'Host: evil.example:4242', 'X-A: b'],
  ])('of %s is refused, whatever key is sent along', async (_, host, more) => {
    for (const path of paths) expect(statusesIn(await asking(path, host, more))).toEqual([403]);
    expect(bench.socketsOpen()).toBe(0);
  });

  test('needs the key in a header: neither a query nor a subprotocol opens it', async () => {
    const statusOf = async (path: string, headers: Record<string, string>) =>
      openSocket(bench.url, headers, path).then(
        (socket) => (socket.close(), 101),
        (error: Error) => error.message,
      );
    expect(await statusOf(`/v1/responses?key=${keys.alice}`, {})).not.toBe(101);
    expect(await statusOf('/v1/responses', { 'sec-websocket-protocol': keys.alice })).not.toBe(101);
    expect(bench.socketsOpen()).toBe(0);
  });
});

describe('the id of somebody else’s response', () => {
  const upstreams: readonly SurfaceName[] = ['responses', 'chat'];

  test.each(upstreams)('is as unknown over a socket as one that never was: %s', async (upstream) => {
    const [alice, bob] = [await connect('alice'), await connect('bob')];
    const model = `${upstream}/m`;
    const said = async (more: object) => {
      bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream].blocks });
      return String(responseIn(await alice.ask({ model, input: secret, ...more })).id);
    };
    // Kept in the store, and kept with the connection only.
    const ids = [await said({ store: true }), await said({ store: false })];
    const conversation = await fetch(`${bench.url}/v1/conversations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.alice}`, 'content-type': 'application/json' },
      body: JSON.stringify({ items: [{ role: 'user', content: secret }] }),
    }).then(async (response) => ((await response.json()) as { id: string }).id);
    for (const [members, never] of [
      ...ids.map((id) => [{ previous_response_id: id }, { previous_response_id: 'resp_never' }]),
      [{ conversation }, { conversation: 'conv_never' }],
    ]) {
      for (const more of [{}, { generate: false }]) {
        bench.upstream.reset();
        const [mine, unknown] = await Promise.all(
          [members, never].map(async (each) => {
            const socket = await connect('bob');
            bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream].blocks });
            return socket.ask({ model, input: 'go on', ...each, ...more });
          }),
        );
        const worded = (frames: unknown, id: unknown) =>
          JSON.stringify(frames)
            .replaceAll(String(id), 'ID')
            .replace(/[a-z]+_[0-9a-f]{16,}/g, 'x');
        expect(errorIn(mine!)).toBeDefined();
        expect(worded(errorIn(mine!), Object.values(members!)[0])).toBe(
          worded(errorIn(unknown!), Object.values(never!)[0]),
        );
        expect(JSON.stringify(mine)).not.toContain(secret);
        for (const request of bench.upstream.requests) expect(request.text).not.toContain(secret);
      }
    }
    bob.close();
  });

  test('cancels nothing, and its own connection does', async () => {
    const [alice, bob] = [await connect('alice'), await connect('bob')];
    const hold = gate();
    const delivery = { split: 'event', hold: { before: 2, gate: hold } } as const;
    bench.upstream.enqueue({ kind: 'stream', blocks: hello.responses.blocks, delivery });
    alice.send({ type: 'response.create', model: 'responses/m', input: secret });
    const { response } = (await alice.next()) as unknown as { response: { id: string } };
    bob.send({ type: 'response.cancel', response_id: response.id });
    const told = await bob.next();
    expect(told).toMatchObject({ type: 'error', error: { code: 'response_cancel_not_active' } });
    hold.open();
    expect((await alice.turn()).at(-1)!.type).toBe('response.completed');
  });
});

test('a revoked key asks nothing more over the connection that it has opened', async () => {
  const { secret: shown, key } = await state.keys!.create({ name: 'carol' });
  const carol = await openSocket(bench.url, { authorization: `Bearer ${shown}` });
  open.push(carol);
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.responses.blocks });
  expect((await carol.ask({ model: 'responses/m', input: 'hi' })).at(-1)!.type).toBe('response.completed');
  await state.keys!.revoke(key.id);
  const asked = bench.upstream.requests.length;
  expect(await carol.ask({ model: 'responses/m', input: 'hi' })).toMatchObject([
    { type: 'error', status: 401 },
  ]);
  expect(bench.upstream.requests).toHaveLength(asked);
});

test('a frame that is too large is refused, one beyond all measure ends its connection, and others are served', async () => {
  const [alice, bob] = [await connect('alice'), await connect('bob')];
  const input = 'x'.repeat(1024 * 1024 + 100);
  expect(await alice.ask({ model: 'responses/m', input })).toMatchObject([{ type: 'error', status: 413 }]);
  alice.send({ type: 'response.create', model: 'responses/m', input: input + input });
  await alice.closed;
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.responses.blocks });
  expect((await bob.ask({ model: 'responses/m', input: 'hi' })).at(-1)!.type).toBe('response.completed');
  expect(bench.upstream.requests.some(({ text }) => text.length > 1024 * 1024)).toBe(false);
});

// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/;

test.each(['json', 'pretty'])(
  'no field of a frame writes a line, a control or a key into a log in %s',
  async (format) => {
    const served = await startServed({ log: { format, level: 'debug' } });
    try {
      const forged = '\r\n\u001b[2J\u009b31m\u2028\u202e{"level":"info","event":"forged"}';
      const key = 'sk-proj-abcdefghijklmnop';
      const before = served.program.stdout();
      const socket = await openSocket(served.url);
      const frames: object[] = [
        { type: forged },
        { type: 'response.create', model: forged, input: 'x' },
        { type: 'response.create', model: key, input: 'x' },
        { type: 'response.create', stream_id: forged, model: 'chat/m', input: 'x' },
        { type: 'response.create', event_id: forged, model: 'nobody/m', previous_response_id: forged },
        { type: 'response.create', model: 'chat/m', input: 'x', previous_response_id: `${forged}${key}` },
        {
          type: 'response.create',
          model: 'chat/m',
          input: 'x',
          user: forged,
          metadata: { [forged]: forged },
        },
        { type: 'response.create', model: 'chat/m', input: [{ type: forged, [forged]: forged }] },
        { type: 'response.cancel', response_id: `${forged}${key}`, stream_id: 'a' },
      ];
      for (const frame of frames) {
        socket.send(frame);
        await socket.turn();
      }
      socket.close();
      const written = () => served.program.stdout().slice(before.length);
      // The gateway gathers its lines for a moment.
      for (let i = 0; i < 100 && written().split('\n').length < 6; i++) await Bun.sleep(50);
      await Bun.sleep(600);
      const lines = written().split('\n').filter(Boolean);
      expect(lines.length).toBeGreaterThan(4);
      expect(lines.length).toBeLessThanOrEqual(frames.length + 1);
      expect(lines.filter((line) => controls.test(line))).toEqual([]);
      if (format === 'json')
        expect(jsonLines(lines.join('\n')).map(({ event }) => event)).toEqual(lines.map(() => 'request'));
      expect(lines.join('\n')).not.toContain('abcdefghijklmnop');
    } finally {
      await served.stop();
    }
  },
);
