/** Turns over sockets: what is saved, what happens when one does not work, and that no turn is lost or told twice. */
import { describe, expect, test } from 'bun:test';
import { anonymousAccount } from '../../../src/accounts/account.ts';
import { codex } from '../../../src/providers/codex/index.ts';
import { failure, quotaHeaders } from './backend/backend.ts';
import { replies } from './backend/replies.ts';
import { events, post, says, startBench, type Bench, type BenchOptions } from './setup.ts';
import { eventually } from '../../support/eventually.ts';

type Json = Record<string, unknown>;

const start = ({ provider, ...more }: BenchOptions = {}) =>
  startBench({ provider: { transport: 'websocket', ...provider }, ...more });

/** What a client says next that sends the whole conversation each time. */
function talk(bench: Bench, more: Json = {}) {
  const items: unknown[] = [];
  return {
    items,
    async say(text: string, changed: Json = {}): Promise<Response> {
      items.push(says(text));
      const response = await post(bench, '/v1/responses', {
        input: items,
        stream: true,
        ...more,
        ...changed,
      });
      for (const event of await events(response.clone() as Response))
        if (event.type === 'response.output_item.done') items.push(event.item);
      return response;
    },
  };
}

const frames = ({ backend }: Bench): (Json | undefined)[] => backend.asked.map(({ frame }) => frame);
const connections = ({ backend }: Bench) => backend.asked.map(({ connection }) => connection);
const sizes = (bench: Bench) => frames(bench).map((frame) => (frame?.input as unknown[] | undefined)?.length);
const textOf = (list: readonly Json[]): string =>
  list.flatMap(({ type, delta }) => (type === 'response.output_text.delta' ? String(delta) : [])).join('');
const whole = async (response: Response): Promise<string> => textOf(await events(response));

describe('a conversation', () => {
  test('keeps one connection, over which only what is new goes up', async () => {
    await using bench = await start();
    const one = talk(bench, { instructions: 'Be kind.', session_id: undefined });
    for (const text of ['hi', 'and now?', 'and then?']) expect((await one.say(text)).status).toBe(200);
    expect(bench.backend.faults).toEqual([]);
    expect(connections(bench)).toEqual([1, 1, 1]);
    expect(sizes(bench)).toEqual([1, 1, 1]);
    const ids = frames(bench).map((frame) => frame?.['previous_response_id']);
    expect(ids).toEqual([undefined, 'resp_1', 'resp_2']);
    expect(bench.backend.asked[2]!.body.input).toMatchObject(one.items.slice(0, -1) as Json[]);
    const answer = bench.records.at(-1)!;
    expect(answer).toMatchObject({ outcome: 'ok', lane: 'native' });
  });

  test('is the same one for a client that rebuilds its history from texts', async () => {
    await using bench = await start();
    const messages = [{ role: 'user', content: 'hi' }];
    await post(bench, '/v1/chat/completions', { messages });
    messages.push({ role: 'assistant', content: 'Hello' }, { role: 'user', content: 'more' });
    await post(bench, '/v1/chat/completions', { messages });
    expect([bench.backend.faults, sizes(bench), connections(bench)]).toEqual([[], [1, 1], [1, 1]]);
  });

  test('that has changed goes up in full, over the same connection', async () => {
    await using bench = await start();
    const one = talk(bench);
    await one.say('hi', { instructions: 'Be kind.' });
    await one.say('and now?', { instructions: 'Be brief.', prompt_cache_key: 'mine' });
    one.items[1] = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Bye' }] };
    await one.say('and then?', { instructions: 'Be brief.', prompt_cache_key: 'mine' });
    expect(bench.backend.faults).toEqual([]);
    expect(sizes(bench)).toEqual([1, 3, 5]);
    expect(frames(bench).every((frame) => !('previous_response_id' in frame!))).toBeTrue();
  });

  test('holds a tool loop with sealed reasoning, in one turn that the backend can route', async () => {
    await using bench = await start();
    bench.backend.answers.push(replies.calls());
    const one = talk(bench);
    await one.say('weather?');
    one.items.push(
      ...['call_1', 'call_2'].map((call_id) => ({ type: 'function_call_output', call_id, output: 'sunny' })),
    );
    const response = await post(bench, '/v1/responses', { input: one.items, stream: true });
    expect(await whole(response)).toBe('Hello');
    expect(bench.backend.faults).toEqual([]);
    expect(sizes(bench)).toEqual([1, 2]);
    const metadata = frames(bench).map((frame) => frame!.client_metadata as Record<string, string>);
    expect(metadata[1]!.turn_id).toBe(metadata[0]!.turn_id!);
    expect(metadata.map((each) => each['x-codex-turn-state'])).toEqual([undefined, 'state-1']);
    await one.say('thanks');
    const next = frames(bench)[2]!.client_metadata as Record<string, string>;
    expect(next.turn_id).not.toBe(metadata[0]!.turn_id);
    expect(next['x-codex-turn-state']).toBeUndefined();
  });

  test('with two turns at once has two connections, and with too many uses HTTP', async () => {
    await using bench = await start();
    bench.backend.paceMs = 30;
    const all = await Promise.all(
      Array.from({ length: 6 }, () =>
        post(bench, '/v1/responses', { input: 'hi', stream: true }).then(whole),
      ),
    );
    expect(all).toEqual(Array.from({ length: 6 }, () => 'Hello'));
    expect(bench.backend.faults).toEqual([]);
    expect(connections(bench).toSorted()).toEqual([1, 2, 3, 4, undefined, undefined]);
  });

  test('shares its connection with no other one, and with no other model', async () => {
    await using bench = await start();
    await fetch(`${bench.url}/v1/models`);
    for (const [model, text] of [
      ['codex/gpt-5.5', 'hi'],
      ['codex/gpt-5.5', 'ho'],
      ['codex/gpt-6.1-sol', 'hi'],
    ])
      await post(bench, '/v1/responses', { model, input: text });
    expect([bench.backend.faults, connections(bench)]).toEqual([[], [1, 2, 3]]);
  });

  test('at another account has another connection', async () => {
    const other = '22222222-2222-4333-8444-555555555555';
    await using bench = await start({ accounts: ['11111111-2222-4333-8444-555555555555', other] });
    bench.backend.answers.push(
      failure(429, { type: 'usage_limit_reached', message: 'no' }, quotaHeaders(100)),
    );
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect([response.status, connections(bench)]).toEqual([200, [1, 2]]);
    expect(response.headers.get('dragoman-transport')).toBe('websocket');
    expect(bench.state.health.list()[0]!.untilMs - Date.now()).toBeWithin(285_000, 301_000);
  });

  test('in the setting auto begins over HTTP and goes on over a socket', async () => {
    await using bench = await start({ provider: { transport: 'auto' } });
    const one = talk(bench);
    const transports = [];
    for (const text of ['hi', 'and now?', 'and then?'])
      transports.push((await one.say(text)).headers.get('dragoman-transport'));
    expect(transports).toEqual(['http', 'websocket', 'websocket']);
    expect([bench.backend.faults, sizes(bench)]).toEqual([[], [undefined, 3, 1]]);
  });

  test('is over HTTP unless the configuration says otherwise, and where the network is replaced', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(connections(bench)).toEqual([undefined]);
    const config = codex.configSchema.parse({ name: 'c', type: 'codex', transport: 'websocket' });
    const provider = codex.create(config, { fetch, userAgent: 'test' });
    const wire = provider.prepare(
      {
        protocol: 'openai-responses',
        operation: 'turn',
        model: 'gpt-5.5',
        stream: true,
        body: '{"model":"gpt-5.5","input":[]}',
        inbound: new Headers(),
        search: '',
        native: true,
      },
      anonymousAccount('c'),
    );
    expect(wire).not.toHaveProperty('socket');
  });
});

describe('a connection', () => {
  test('that the service ends after its hour is made anew, and the turn goes up in full', async () => {
    await using bench = await start();
    const one = talk(bench);
    await one.say('hi');
    const error = {
      type: 'invalid_request_error',
      code: 'websocket_connection_limit_reached',
      message: '60 minutes',
    };
    bench.backend.answers.push({ frames: [{ type: 'error', status: 400, error }] });
    const response = await one.say('and now?');
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    expect([sizes(bench), connections(bench)]).toEqual([
      [1, 1, 3],
      [1, 1, 2],
    ]);
  });

  test('whose backend has forgotten the last turn gets all of the next', async () => {
    await using bench = await start();
    const one = talk(bench);
    await one.say('hi');
    for (const socket of bench.backend.connections) socket.data.last = undefined;
    expect(await whole(await one.say('and now?'))).toBe('Hello');
    expect([bench.backend.faults, connections(bench), sizes(bench)]).toEqual([[], [1, 2], [1, 3]]);
  });

  test('that has ended at rest is made anew', async () => {
    await using bench = await start();
    const one = talk(bench);
    await one.say('hi');
    for (const socket of bench.backend.connections) socket.terminate();
    expect(await whole(await one.say('and now?'))).toBe('Hello');
    expect([bench.backend.faults, connections(bench)]).toEqual([[], [1, 2]]);
  });

  test('that breaks before the reply costs nothing but another one, and then HTTP', async () => {
    await using bench = await start();
    const one = talk(bench);
    await one.say('hi');
    bench.backend.answers.push('cut', 'cut');
    expect(await whole(await one.say('and now?'))).toBe('Hello');
    expect([bench.backend.faults, connections(bench)]).toEqual([[], [1, 1, 2, undefined]]);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', attempts: 1 });
  });

  test.each([
    ['at rest before', true, [1, 1, undefined]],
    ['new', false, [1, undefined]],
  ] as const)(
    'that breaks when the backend has only taken the turn up costs the client nothing: one %s',
    async (_which, rested, expected) => {
      await using bench = await start();
      const one = talk(bench);
      if (rested) await one.say('hi');
      const [created] = await events(new Response(replies.text()));
      const progress = { ...created!, type: 'response.in_progress' };
      bench.backend.answers.push({ frames: [created!, progress], endsIn: 'cut' });
      const list = await events(await one.say('and now?'));
      expect(list.filter(({ type }) => type === 'response.created')).toHaveLength(1);
      expect([textOf(list), list.at(-1)!.type]).toEqual(['Hello', 'response.completed']);
      expect([bench.backend.faults, connections(bench)]).toEqual([[], [...expected]]);
      expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', attempts: 1, account: 'account-0' });
      expect((await one.say('and then?')).headers.get('dragoman-transport')).toBe('websocket');
    },
  );

  test('that breaks so, where HTTP fails too, is one failure and no third try', async () => {
    await using bench = await start();
    const [created] = await events(new Response(replies.text()));
    bench.backend.answers.push({ frames: [created!], endsIn: 'cut' }, 'reset');
    const list = await events(await post(bench, '/v1/responses', { input: 'hi', stream: true }));
    expect([textOf(list), list.at(-1)!.type]).toEqual(['', 'response.failed']);
    expect(connections(bench)).toEqual([1, undefined]);
    expect(bench.records[0]!.outcome).toBe('cut');
  });

  test.each([false, true])(
    'that breaks in mid reply is a failure and no second reply, streamed: %p',
    async (stream) => {
      await using bench = await start();
      bench.backend.answers.push('reset');
      const response = await post(bench, '/v1/responses', { input: 'hi', stream });
      if (stream) {
        const list = await events(response);
        expect(list.map(({ type }) => type)).toEqual([
          'response.created',
          'response.output_item.added',
          'response.content_part.added',
          'error',
          'response.failed',
        ]);
      } else expect(response.status).toBe(502);
      expect(bench.backend.asked).toHaveLength(1);
      expect(bench.records[0]!.outcome).toBe('cut');
      const again = await post(bench, '/v1/responses', { input: 'hi', stream: true });
      expect([await whole(again), connections(bench)]).toEqual(['Hello', [1, 2]]);
    },
  );

  test('says what has come before it broke', async () => {
    await using bench = await start();
    const some = replies
      .text('Half of it')
      .split('\n')
      .flatMap((line) => (line.startsWith('data: ') ? [line] : []));
    const given = some.slice(0, 5).map((line) => JSON.parse(line.slice(6)) as Json);
    bench.backend.answers.push({ frames: given, endsIn: 'cut' });
    const list = await events(await post(bench, '/v1/responses', { input: 'hi', stream: true }));
    expect([textOf(list), list.at(-1)!.type]).toEqual(['Half of it', 'response.failed']);
    expect(bench.backend.asked).toHaveLength(1);
  });

  test('ends with a client that leaves, and the next turn has another', async () => {
    await using bench = await start();
    bench.backend.paceMs = 100;
    const client = new AbortController();
    const response = await fetch(`${bench.url}/v1/responses`, {
      method: 'POST',
      body: JSON.stringify({ model: 'codex/gpt-5.5', input: 'hi', stream: true }),
      signal: client.signal,
    });
    await response.body!.getReader().read();
    client.abort();
    await eventually(() => bench.backend.connections.size === 0);
    await eventually(() => bench.records.length === 1);
    expect(bench.records[0]!.outcome).toBe('cancelled');
    bench.backend.paceMs = 0;
    expect((await post(bench, '/v1/responses', { input: 'hi' })).status).toBe(200);
    expect([bench.backend.faults, connections(bench)]).toEqual([[], [1, 2]]);
  });

  test('answers pings', async () => {
    await using bench = await start();
    await post(bench, '/v1/responses', { input: 'hi' });
    await eventually(() => bench.backend.pongs === 1);
  });

  test('is closed with the gateway', async () => {
    await using bench = await start();
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.connections.size).toBe(1);
    await bench.gateway.stop({ drainMs: 0 });
    await eventually(() => bench.backend.connections.size === 0);
  });

  test('is closed when the configuration is taken up anew, but not before its turn has ended', async () => {
    await using bench = await start();
    await post(bench, '/v1/responses', { input: 'at rest' });
    bench.backend.paceMs = 50;
    const response = await post(bench, '/v1/responses', { input: 'hi', stream: true });
    bench.gateway.reload(bench.config);
    await eventually(() => bench.backend.connections.size === 1);
    expect(await whole(response)).toBe('Hello');
    await eventually(() => bench.backend.connections.size === 0);
    bench.backend.paceMs = 0;
    await post(bench, '/v1/responses', { input: 'hi' });
    expect([bench.backend.faults, connections(bench)]).toEqual([[], [1, 2, 3]]);
  });

  test('is not used with a token that has come after it', async () => {
    await using bench = await start();
    await post(bench, '/v1/responses', { input: 'hi' });
    bench.backend.tokens.clear();
    await Bun.sleep(1_100);
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect([response.status, bench.backend.renewals.length]).toEqual([200, 1]);
    expect([bench.backend.faults, connections(bench)]).toEqual([[], [1, 2]]);
    await eventually(() => bench.backend.connections.size === 1);
  });
});

describe('an upgrade', () => {
  test('that is declined by 426 sends the account’s turns over HTTP', async () => {
    await using bench = await start();
    bench.backend.upgrades.push(new Response(null, { status: 426 }));
    for (let i = 0; i < 2; i++) {
      const response = await post(bench, '/v1/responses', { input: 'hi' });
      expect([response.status, response.headers.get('dragoman-transport')]).toEqual([200, 'http']);
    }
    expect([bench.backend.faults, bench.backend.upgrades, connections(bench)]).toEqual([
      [],
      [],
      [undefined, undefined],
    ]);
  });

  test.each([400, 403, 404, 500, 503])('that is refused with %p costs the turn nothing', async (status) => {
    await using bench = await start();
    bench.backend.upgrades.push(failure(status, { message: 'no' }));
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    expect(bench.records[0]).toMatchObject({ outcome: 'ok', attempts: 1 });
    expect(bench.state.health.list()).toEqual([]);
  });

  test('that is refused for its token or its quota says so in full, by HTTP, and is asked for again', async () => {
    await using bench = await start();
    const error = {
      type: 'usage_limit_reached',
      message: 'used up',
      resets_at: Math.floor(Date.now() / 1000) + 120,
    };
    bench.backend.upgrades.push(failure(429, error));
    bench.backend.answers.push(failure(429, error));
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ error: { type: 'usage_limit_reached' } });
    bench.state.health.clear(bench.state.accounts.list()[0]!.id);
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(connections(bench)).toEqual([undefined, 1]);
  });
});

describe('an error frame', () => {
  const error = (more: Json) => ({ type: 'error', ...more });

  test.each([
    [{ status: 400, error: { code: 'invalid_value', message: 'no' } }, 400],
    [{ status_code: 400, error: { code: 'context_length_exceeded', message: 'long' } }, 400],
    [{ status: 500, error: { message: 'boom', type: 'server_error' } }, 500],
    [{ error: { message: 'boom', type: 'server_error', code: 'server_error' } }, 502],
    [{ status: 503, error: { code: 'server_is_overloaded', message: 'busy' } }, 503],
    [{ status: 429, body: { error: { type: 'usage_limit_reached', message: 'used up' } } }, 429],
  ])('%j is the answer of that status', async (frame, status) => {
    await using bench = await start();
    bench.backend.answers.push({ frames: [error(frame)] });
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(status);
    expect(bench.backend.asked).toHaveLength(1);
  });

  test('in mid reply tells with its headers how long an account is used up', async () => {
    await using bench = await start();
    const created = {
      type: 'response.created',
      response: { id: 'resp_1', status: 'in_progress', output: [] },
    };
    const limit = { type: 'usage_limit_reached', message: 'used up' };
    bench.backend.answers.push({
      frames: [created, error({ status: 429, error: limit, headers: quotaHeaders(100) })],
    });
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect(response.status).toBe(429);
    expect(bench.state.health.list()[0]!.untilMs - Date.now()).toBeWithin(280_000, 302_000);
    bench.state.health.clear(bench.state.accounts.list()[0]!.id);
    bench.backend.answers.push({ frames: [created, error({ error: limit, headers: quotaHeaders(100) })] });
    const text = await (await post(bench, '/v1/responses', { input: 'hi', stream: true })).text();
    expect(text).toContain('usage_limit_reached');
    expect(text).not.toContain('x-codex-');
  });

  test.each(['no JSON', '"text"'])('that is %p instead is no reply: HTTP has one', async (text) => {
    await using bench = await start();
    bench.backend.answers.push({ frames: [text] });
    const response = await post(bench, '/v1/responses', { input: 'hi', stream: true });
    expect([await whole(response), connections(bench)]).toEqual(['Hello', [1, undefined]]);
  });
});

describe('what is told of limits', () => {
  test('and of the route of a turn does not reach the client', async () => {
    await using bench = await start();
    const response = await post(bench, '/v1/responses', { input: 'hi', stream: true });
    expect(await response.text()).toBe(replies.text());
  });
});
