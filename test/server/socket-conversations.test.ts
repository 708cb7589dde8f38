/** What a connection goes on from, where the store keeps something else or nothing. */
import { afterEach, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { configSchema } from '../../src/config/schema.ts';
import { providerSchemas } from '../../src/gateway.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, hello, startBench, surfaceNames, type Bench, type SurfaceName } from '../gateway/setup.ts';
import { blocksOfPayloads, type SseBlock } from '../support/corpus.ts';
import { errorIn, openSocket, responseIn, type Frame, type TestSocket } from '../support/socket.ts';

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

interface Started {
  readonly bench: Bench;
  readonly state: State;
}

async function start(top: Record<string, unknown> = {}): Promise<Started> {
  const vault = createVault(new Uint8Array(32).fill(6));
  const state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  const bench = startBench({ state, top });
  ended.push(async () => {
    await bench.stop();
    await state.close();
  });
  return { bench, state };
}

async function connect(bench: Bench, headers: Record<string, string> = {}): Promise<TestSocket> {
  const socket = await openSocket(bench.url, headers);
  ended.push(() => socket.close());
  return socket;
}

let replies = 0;

/** The next reply of an upstream, with an id that it gives once. */
function willSay(bench: Bench, upstream: SurfaceName, blocks: readonly SseBlock[] = hello[upstream].blocks) {
  const own = `own${++replies}`;
  const text = JSON.stringify(blocks).replaceAll(/\b(resp_|chatcmpl-|msg_|reply-)1\b/g, `$1${own}`);
  bench.upstream.enqueue({ kind: 'stream', blocks: JSON.parse(text) as SseBlock[] });
}

const callingTool = blocksOfPayloads(
  [
    { delta: { role: 'assistant', content: null } },
    {
      delta: {
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } },
        ],
      },
    },
    { delta: {}, finish_reason: 'tool_calls' },
  ]
    .map((choice) =>
      JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion.chunk',
        created: 1,
        model: 'm-1',
        choices: [{ index: 0, finish_reason: null, ...choice }],
      }),
    )
    .concat('[DONE]'),
  'openai-chat',
);

const heard = (bench: Bench): string => bench.upstream.requests.at(-1)?.text ?? '';
const idOf = (frames: readonly Frame[]): string => String(responseIn(frames).id);
const trigger = { type: 'compaction_trigger' };

describe.each(['the configuration stores nothing', 'the key keeps nothing'])('where %s', (how) => {
  const opened = async (): Promise<{ bench: Bench; headers: Record<string, string> }> => {
    if (how === 'the configuration stores nothing') {
      const { bench } = await start({ conversations: { store: false } });
      return { bench, headers: {} };
    }
    const { bench, state } = await start();
    const { secret } = await state.keys!.create({ name: 'none', rules: { retention_days: 0 } });
    return { bench, headers: { authorization: `Bearer ${secret}` } };
  };

  test.each(surfaceNames)(
    'a connection still remembers its own turns, at a %s upstream',
    async (upstream) => {
      const { bench, headers } = await opened();
      const socket = await connect(bench, headers);
      const members = { model: `${upstream}/m` };
      willSay(bench, upstream);
      const first = await socket.ask({ ...members, input: 'the first words' });
      willSay(bench, upstream);
      const second = await socket.ask({ ...members, input: 'the second', previous_response_id: idOf(first) });
      expect(heard(bench)).toMatch(/the first words.*Hello world.*the second/s);
      willSay(bench, upstream);
      await socket.ask({ ...members, input: 'another', previous_response_id: idOf(first) });
      expect(heard(bench)).not.toContain('the second');
      const elsewhere = await (
        await connect(bench, headers)
      ).ask({
        ...members,
        input: 'x',
        previous_response_id: idOf(second),
      });
      expect(errorIn(elsewhere)).toMatchObject({ status: 400, code: 'previous_response_not_found' });
      expect((await fetch(`${bench.url}/v1/responses/${idOf(second)}`, { headers })).status).toBe(404);
    },
  );

  test.each(surfaceNames)('a connection’s turns are compacted, at a %s upstream', async (upstream) => {
    const { bench, headers } = await opened();
    const socket = await connect(bench, headers);
    const members = { model: `${upstream}/m` };
    willSay(bench, upstream);
    const first = await socket.ask({ ...members, input: 'the first words' });
    willSay(bench, upstream);
    const short = await socket.ask({ ...members, input: [trigger], previous_response_id: idOf(first) });
    expect(responseIn(short)).toMatchObject({
      status: 'completed',
      output: [{ type: 'compaction', encrypted_content: expect.stringMatching(/^drgc\./) }],
    });
    expect(heard(bench)).toMatch(/the first words.*Write a summary/s);
    willSay(bench, upstream);
    await socket.ask({ ...members, input: 'and then?', previous_response_id: idOf(short) });
    expect(heard(bench)).toMatch(/summary of this conversation up to here.*Hello world.*and then\?/s);
    expect(heard(bench)).not.toMatch(/the first words|drgc\./);
    willSay(bench, upstream);
    await socket.ask({ ...members, input: 'without it', previous_response_id: idOf(first) });
    expect(heard(bench)).toMatch(/the first words.*without it/s);
  });
});

test('a compaction that its upstream refuses replaces nothing, and the connection goes on', async () => {
  const { bench } = await start();
  const socket = await connect(bench);
  const members = { model: 'chat/m', store: false };
  willSay(bench, 'chat');
  const first = await socket.ask({ ...members, input: 'the first words' });
  bench.upstream.enqueue({ kind: 'body', status: 503, body: { error: { message: 'not now' } } });
  const failed = await socket.ask({ ...members, input: [trigger], previous_response_id: idOf(first) });
  expect(errorIn(failed)).toMatchObject({ status: 503 });
  willSay(bench, 'chat');
  await socket.ask({ ...members, input: 'go on', previous_response_id: idOf(first) });
  expect(heard(bench)).toMatch(/the first words.*Hello world.*go on/s);
});

test.each([true, false])('a call that was left open is closed, with store: %p', async (store) => {
  const { bench } = await start();
  const socket = await connect(bench, { 'openai-beta': 'responses_websockets=2026-02-06' });
  const tools = [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: false }];
  const members = { store, tools };
  willSay(bench, 'chat', callingTool);
  const first = await socket.ask({ ...members, model: 'chat/m', input: 'look' });
  const [call] = responseIn(first).output as { call_id: string }[];
  expect(call).toMatchObject({ type: 'function_call' });
  for (const upstream of surfaceNames) {
    willSay(bench, upstream);
    const frames = await socket.ask({
      ...members,
      model: `${upstream}/m`,
      input: 'never mind',
      previous_response_id: idOf(first),
    });
    expect(heard(bench)).toMatch(/The tool gave no result.*never mind/s);
    const { headers } = frames[0] as unknown as { headers: Record<string, string> };
    expect(headers['dragoman-notes']).toContain('previous_response_id=repaired');
    willSay(bench, upstream);
    await socket.ask({
      ...members,
      model: `${upstream}/m`,
      input: [{ type: 'function_call_output', call_id: call!.call_id, output: 'sunny' }],
      previous_response_id: idOf(first),
    });
    expect(heard(bench)).toContain('sunny');
    expect(heard(bench)).not.toContain('The tool gave no result');
  }
});

test('a named conversation goes on over a socket and by POST', async () => {
  const { bench } = await start();
  const made = await fetch(`${bench.url}/v1/conversations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const { id: conversation } = (await made.json()) as { id: string };
  const [one, two] = [await connect(bench), await connect(bench)];
  const members = { model: 'chat/m', conversation };
  willSay(bench, 'chat');
  const first = await one!.ask({ ...members, input: 'the first words' });
  expect(responseIn(first).conversation).toEqual({ id: conversation });
  willSay(bench, 'chat');
  await ask(bench, 'responses', { ...members, input: 'the second words' });
  expect(heard(bench)).toMatch(/the first words.*the second words/s);
  willSay(bench, 'messages');
  await two!.ask({ ...members, model: 'messages/m', input: 'the third words' });
  expect(heard(bench)).toMatch(/the first words.*the second words.*the third words/s);
  // One that the connection alone is to remember moves the conversation nowhere.
  willSay(bench, 'chat');
  const aside = await one!.ask({ ...members, store: false, input: 'an aside' });
  expect(heard(bench)).toMatch(/the third words.*an aside/s);
  willSay(bench, 'chat');
  await one!.ask({ model: 'chat/m', store: false, input: 'more of it', previous_response_id: idOf(aside) });
  expect(heard(bench)).toMatch(/the third words.*an aside.*more of it/s);
  willSay(bench, 'chat');
  await one!.ask({ ...members, input: 'the fourth words' });
  expect(heard(bench)).toMatch(/the third words.*the fourth words/s);
  expect(heard(bench)).not.toContain('aside');
  const unknown = await one!.ask({ model: 'chat/m', conversation: 'conv_nowhere', input: 'x' });
  expect(errorIn(unknown)).toMatchObject({ status: 404 });
});

test('items of unstored forks are referred to by their ids, on their connection only', async () => {
  const { bench } = await start();
  const socket = await connect(bench);
  const members = { model: 'responses/m', store: false };
  willSay(bench, 'responses');
  const parent = await socket.ask({ ...members, input: 'the first words' });
  const forks: string[] = [];
  for (const words of ['one way', 'the other way']) {
    willSay(bench, 'responses');
    const fork = await socket.ask({ ...members, input: words, previous_response_id: idOf(parent) });
    forks.push((responseIn(fork).output as { id: string }[])[0]!.id);
  }
  expect(new Set(forks).size).toBe(2);
  for (const id of forks) {
    willSay(bench, 'chat');
    const input = [
      { type: 'item_reference', id },
      { type: 'message', role: 'user', content: 'what of it?' },
    ];
    const frames = await socket.ask({ model: 'chat/m', store: false, input });
    expect(frames.at(-1)!.type).toBe('response.completed');
    expect(heard(bench)).toMatch(/Hello world.*what of it\?/s);
  }
  const input = [{ type: 'item_reference', id: forks[0]! }];
  const elsewhere = await (await connect(bench)).ask({ model: 'chat/m', store: false, input });
  expect(errorIn(elsewhere)).toMatchObject({ status: 404 });
});

test('a new configuration is for the next turn, and the connection remembers what was before it', async () => {
  const { bench } = await start();
  const socket = await connect(bench);
  willSay(bench, 'chat');
  const first = await socket.ask({ model: 'chat/m', store: false, input: 'the first words' });
  bench.gateway.reload(
    configSchema(providerSchemas).parse({
      server: { body_bytes_max: 100_000 },
      conversations: { store: false },
      providers: [
        {
          name: 'renamed',
          type: 'openai',
          base_url: `${bench.upstream.url}/v1`,
          api_key: 'sk-other',
          protocols: ['openai-chat'],
          models: ['m'],
        },
      ],
    }),
  );
  const gone = await socket.ask({ model: 'chat/m', input: 'x', previous_response_id: idOf(first) });
  expect(errorIn(gone)).toMatchObject({ status: 404, code: 'model_not_found' });
  willSay(bench, 'chat');
  const next = await socket.ask({ model: 'renamed/m', input: 'go on', previous_response_id: idOf(first) });
  expect(heard(bench)).toMatch(/the first words.*Hello world.*go on/s);
  expect(bench.upstream.requests.at(-1)!.headers.get('authorization')).toBe('Bearer sk-other');
  const long = await socket.ask({
    model: 'renamed/m',
    input: 'x'.repeat(100_000),
    previous_response_id: idOf(next),
  });
  expect(errorIn(long)).toMatchObject({ status: 413 });
  expect((await fetch(`${bench.url}/v1/responses/${idOf(next)}`)).status).toBe(404);
});
