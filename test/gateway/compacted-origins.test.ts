/** Compactions and reasoning that only one account can read, where several accounts could be asked. */
import { afterEach, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { errorIn, openSocket, responseIn } from '../support/socket.ts';
import { accountsCalled, ask, startBench, type Bench } from './setup.ts';

type Item = Record<string, unknown>;

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

interface Vendor {
  readonly url: string;
  /** Accounts that are asked too much. */
  readonly limited: Set<string>;
  /** By which account, at which route, with which items. */
  readonly taken: { account: string; path: string; items: Item[] }[];
  readonly refused: number[];
}

const userMessage = (text: string): Item => ({ type: 'message', role: 'user', content: text });

/** A service that compacts by itself, and reads what it made for the account that asks and nothing else. */
function startVendor(): Vendor {
  const limited = new Set<string>();
  const taken: Vendor['taken'] = [];
  const refused: number[] = [];
  let count = 0;
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const account = request.headers.get('authorization')!.replace('Bearer sk-', '');
      const body = (await request.json()) as { input: Item[]; stream?: boolean };
      if (limited.has(account)) {
        const error = { message: 'too many requests', type: 'rate_limit_error', code: 'rate_limit_exceeded' };
        return Response.json({ error }, { status: 429, headers: { 'retry-after': '7' } });
      }
      const items = body.input;
      const strange = items.find(
        ({ encrypted_content: sealed }) =>
          typeof sealed === 'string' && !sealed.startsWith(`gAAAA_${account}_`),
      );
      if (strange !== undefined) {
        refused.push(400);
        const error = {
          message: `The encrypted content for item ${String(strange.id)} could not be verified.`,
          type: 'invalid_request_error',
          code: 'invalid_encrypted_content',
        };
        return Response.json({ error }, { status: 400 });
      }
      taken.push({ account, path: pathname, items });
      const n = ++count;
      const sealed = `gAAAA_${account}_${n}`;
      const compaction = { type: 'compaction', id: `cmp_${n}`, encrypted_content: sealed };
      const usage = { input_tokens: 5, output_tokens: 2, total_tokens: 7 };
      if (pathname.endsWith('/compact')) {
        return Response.json({ id: `resp_${n}`, object: 'response.compaction', output: [compaction], usage });
      }
      const output =
        items.at(-1)?.type === 'compaction_trigger'
          ? [compaction]
          : [
              { type: 'reasoning', id: `rs_${n}`, summary: [], encrypted_content: sealed },
              {
                type: 'message',
                id: `msg_${n}`,
                role: 'assistant',
                status: 'completed',
                content: [{ type: 'output_text', text: `Words ${n}.`, annotations: [] }],
              },
            ];
      const response = {
        id: `resp_${n}`,
        object: 'response',
        status: 'completed',
        model: 'm',
        output,
        usage,
      };
      if (body.stream !== true) return Response.json(response);
      const events = [
        { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
        ...output.map((item, output_index) => ({ type: 'response.output_item.done', output_index, item })),
        { type: 'response.completed', response },
      ];
      const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
      return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  ended.push(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/v1`, limited, taken, refused };
}

interface Options {
  readonly accounts?: readonly string[];
  readonly compacts?: boolean;
}

async function start(
  vendor: Vendor,
  { accounts = ['x', 'y'], compacts = true }: Options = {},
): Promise<Bench & { readonly state: State }> {
  const vault = createVault(new Uint8Array(32).fill(4));
  const state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  const bench = startBench({
    state,
    top: { models: { either: ['own/m', 'chat/m'] } },
    providers: (upstream) => [
      { name: 'chat', type: 'openai', base_url: `${upstream}/v1`, protocols: ['openai-chat'], models: ['m'] },
      {
        name: 'own',
        type: 'openai',
        base_url: vendor.url,
        protocols: ['openai-responses'],
        accounts: accountsCalled(...accounts),
        models: ['m'],
        compacts,
      },
    ],
  });
  ended.push(async () => {
    await bench.stop();
    await state.close();
  });
  return { ...bench, state };
}

const model = 'own/m';
const trigger: Item = { type: 'compaction_trigger' };
const outputOf = async (answer: Response): Promise<Item[]> => {
  const text = await answer.text();
  expect([answer.status, text]).toEqual([200, expect.any(String)]);
  return (JSON.parse(text) as { output: Item[] }).output;
};
const compactAt = (bench: Bench, body: Item): Promise<Response> =>
  fetch(`${bench.url}/v1/responses/compact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, ...body }),
  });

describe.each(['by a trigger', 'by the route'])('a compaction that an account has made %s', (how) => {
  const input = [userMessage('build a boat')];
  const compacted = async (bench: Bench): Promise<Item> => {
    const answer =
      how === 'by the route'
        ? compactAt(bench, { input })
        : ask(bench, 'responses', { model, store: false, input: [...input, trigger] });
    return (await outputOf(await answer)).find(({ type }) => type === 'compaction')!;
  };

  test('says who made it, and goes back to its maker as it was', async () => {
    const vendor = startVendor();
    const bench = await start(vendor);
    const item = await compacted(bench);
    expect(item.encrypted_content).toStartWith('drgo1:');
    const { account } = vendor.taken[0]!;
    for (let i = 0; i < 3; i++) {
      await outputOf(
        await ask(bench, 'responses', { model, store: false, input: [item, userMessage(`go on ${i}`)] }),
      );
      expect(vendor.taken.at(-1)).toMatchObject({
        account,
        items: [{ encrypted_content: `gAAAA_${account}_1` }, {}],
      });
    }
    const again = await compactAt(bench, { input: [item, userMessage('more')] });
    await outputOf(again);
    expect(vendor.taken.at(-1)).toMatchObject({ account });
    expect(vendor.refused).toEqual([]);
  });

  test('waits for its maker: a limit there is told as one, not as a fault of the request', async () => {
    const vendor = startVendor();
    const bench = await start(vendor);
    const item = await compacted(bench);
    vendor.limited.add(vendor.taken[0]!.account);
    const body = { model, store: false, input: [item, userMessage('go on')] };
    for (let i = 0; i < 2; i++) {
      const answer = await ask(bench, 'responses', body);
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await compactAt(bench, { input: body.input })).status).toBe(429);
    }
    expect(vendor.taken).toHaveLength(1);
    expect(vendor.refused).toEqual([]);
    // That others cannot read it is nothing that is wrong with them.
    expect(bench.state.health.list()).toHaveLength(1);
  });

  test('from before there were several accounts still finds its maker', async () => {
    for (const accounts of [
      ['x', 'y'],
      ['y', 'x'],
    ]) {
      const vendor = startVendor();
      const item = await compacted(await start(vendor, { accounts: ['x'] }));
      expect(item.encrypted_content).toBe('gAAAA_x_1');
      const bench = await start(vendor, { accounts });
      const body = { model, store: false, input: [item, userMessage('go on')] };
      for (let i = 0; i < 4; i++) await outputOf(await ask(bench, 'responses', body));
      expect(vendor.taken.map(({ account }) => account)).toEqual(['x', 'x', 'x', 'x', 'x']);
    }
  });

  test('waits for its maker before a target that could not read it', async () => {
    const vendor = startVendor();
    const bench = await start(vendor);
    const item = await compacted(bench);
    vendor.limited.add(vendor.taken[0]!.account);
    const body = { model: 'either', store: false, input: [item, userMessage('go on')] };
    for (let i = 0; i < 2; i++) expect((await ask(bench, 'responses', body)).status).toBe(429);
    expect(bench.upstream.requests).toEqual([]);
  });

  test('is refused by its name where its maker is gone', async () => {
    const vendor = startVendor();
    const bench = await start(vendor);
    const item = await compacted(bench);
    const others = await start(vendor, { accounts: ['z', 'w'] });
    const answer = await ask(others, 'responses', {
      model,
      store: false,
      input: [item, userMessage('go on')],
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('input[0]');
    expect(vendor.taken).toHaveLength(1);
  });
});

describe('reasoning of others in what is to be compacted', () => {
  const foreign: Item = {
    type: 'reasoning',
    id: 'rs_0',
    summary: [],
    encrypted_content: 'gAAAA_elsewhere_0',
  };
  const said = [
    userMessage('build a boat'),
    foreign,
    {
      type: 'message',
      role: 'assistant',
      id: 'msg_0',
      content: [{ type: 'output_text', text: 'A big one.' }],
    },
  ];

  test.each([
    ['by the route of its own', true, 'route'],
    ['in a turn of its own', true, 'turn'],
    ['by the route, with a summary', false, 'route'],
    ['in a turn, with a summary', false, 'turn'],
  ] as const)('is left out where it is refused, %s', async (_, compacts, how) => {
    const vendor = startVendor();
    const bench = await start(vendor, { compacts });
    const answer =
      how === 'route'
        ? await compactAt(bench, { input: said })
        : await ask(bench, 'responses', { model, store: false, input: [...said, trigger] });
    expect(answer.headers.get('dragoman-notes')).toContain('dropped');
    const output = await outputOf(answer);
    const item = output.find(({ type }) => type === 'compaction')!;
    expect(item.encrypted_content).toStartWith(compacts ? 'drgo1:' : 'drgc.');
    expect(vendor.refused).toHaveLength(1);
    expect(vendor.taken.at(-1)!.items.some(({ type }) => type === 'reasoning')).toBe(false);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', attempts: 1 });
    // What came of it goes on, and the second time nothing is refused.
    await outputOf(
      await ask(bench, 'responses', { model, store: false, input: [...output, userMessage('go on')] }),
    );
    expect(vendor.refused).toHaveLength(1);
  });

  test('that says who made it is left out before anybody refuses it', async () => {
    const vendor = startVendor();
    const bench = await start(vendor, { compacts: false });
    const first = await outputOf(
      await ask(bench, 'responses', { model, store: false, input: [userMessage('build a boat')] }),
    );
    vendor.limited.add(vendor.taken[0]!.account);
    const input = [userMessage('build a boat'), ...first, trigger];
    const short = await outputOf(await ask(bench, 'responses', { model, store: false, input }));
    expect(short).toMatchObject([{ type: 'compaction' }]);
    expect(vendor.refused).toEqual([]);
    vendor.limited.clear();
    await outputOf(
      await ask(bench, 'responses', { model, store: false, input: [...short, userMessage('go on')] }),
    );
    expect(JSON.stringify(vendor.taken.at(-1)!.items)).toContain('Words');
  });
});

describe('over a WebSocket', () => {
  test('labels come in frames, go home, and a compaction takes the place of an unstored conversation', async () => {
    const vendor = startVendor();
    const bench = await start(vendor);
    const socket = await openSocket(bench.url);
    ended.push(() => socket.close());
    const members = { model, store: false };
    const first = responseIn(await socket.ask({ ...members, input: [userMessage('build a boat')] }));
    const [reasoning] = first.output as Item[];
    expect(reasoning!.encrypted_content).toStartWith('drgo1:');
    const { account } = vendor.taken[0]!;
    const second = responseIn(
      await socket.ask({ ...members, input: 'go on', previous_response_id: first.id }),
    );
    expect(vendor.taken.at(-1)).toMatchObject({
      account,
      items: [
        { role: 'user' },
        { encrypted_content: `gAAAA_${account}_1` },
        { id: 'msg_1' },
        { role: 'user' },
      ],
    });
    const short = responseIn(
      await socket.ask({ ...members, input: [trigger], previous_response_id: second.id }),
    );
    expect(short.output).toMatchObject([
      { type: 'compaction', encrypted_content: expect.stringMatching(/^drgo1:/) },
    ]);
    await socket.ask({ ...members, input: 'and now?', previous_response_id: short.id });
    expect(vendor.taken.at(-1)).toMatchObject({
      account,
      items: [{ type: 'compaction', encrypted_content: `gAAAA_${account}_3` }, { role: 'user' }],
    });
    vendor.limited.add(account);
    const limited = await socket.ask({ ...members, input: 'and now?', previous_response_id: short.id });
    expect(errorIn(limited)).toMatchObject({ status: 429 });
    // The turns before it hold reasoning only, which others do without.
    const forked = await socket.ask({ ...members, input: 'or so?', previous_response_id: second.id });
    expect(forked.at(-1)!.type).toBe('response.completed');
    expect(vendor.refused).toEqual([]);
  });
});
