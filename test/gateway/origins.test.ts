/** What becomes of signatures and encrypted reasoning on their way through the gateway and back. */
import { afterEach, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { chat } from './makers/chat.ts';
import { gemini } from './makers/gemini.ts';
import { startMakers, type Body, type Makers } from './makers/maker.ts';
import { messages } from './makers/messages.ts';
import { responses } from './makers/responses.ts';
import { readOriginLabel } from '../../src/protocols/opaque.ts';
import { accountsCalled, pathOf, startBench, surfaceNames, type Bench, type SurfaceName } from './setup.ts';

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

const model = 'gemini-3-m';
const wires = { chat: chat(true), responses, messages, gemini };

function startAll(): Makers {
  const makers = startMakers(
    new Map(
      surfaceNames.flatMap((name) =>
        [`${name}`, `${name}-2`].map((vendor) => [vendor, wires[name]] as const),
      ),
    ),
  );
  ended.push(() => makers.stop());
  return makers;
}

interface Options {
  readonly accounts?: readonly string[];
  /** A second vendor of each protocol. */
  readonly twice?: boolean;
  readonly key?: number;
}

/** A gateway before the makers, whose vault has the key of that number. */
async function start(makers: Makers, { accounts = ['x', 'y'], twice = false, key = 1 }: Options = {}) {
  const vault = createVault(new Uint8Array(32).fill(key));
  const state: State = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  const vendors = surfaceNames.flatMap((name) => (twice ? [name, `${name}-2`] : [name]));
  const bench: Bench = startBench({
    state,
    providers: vendors
      .map((name): Record<string, unknown> => {
        const kind = name.replace('-2', '') as SurfaceName;
        const url = `${makers.url}/${name}`;
        const type = kind === 'messages' ? 'anthropic' : kind === 'gemini' ? 'google' : 'openai';
        const base_url = type === 'openai' ? `${url}/v1` : url;
        const protocols = type === 'openai' ? { protocols: [`openai-${kind}`] } : {};
        return { name, type, base_url, ...protocols, accounts: accountsCalled(...accounts), models: [model] };
      })
      // As in every gateway; nobody there reads what others have sealed.
      .concat({ name: 'demo', type: 'demo' }),
  });
  const stop = async () => {
    await bench.stop();
    await state.close();
  };
  ended.push(stop);
  return { ...bench, state };
}

type Gateway = Awaited<ReturnType<typeof start>>;

const openings: Record<SurfaceName, (words: string) => Body> = {
  chat: (content) => ({ messages: [{ role: 'user', content }] }),
  responses: (content) => ({
    input: [{ role: 'user', content }],
    store: false,
    include: ['reasoning.encrypted_content'],
  }),
  messages: (content) => ({
    max_tokens: 4096,
    thinking: { type: 'enabled', budget_tokens: 1024 },
    messages: [{ role: 'user', content }],
  }),
  gemini: (text) => ({ contents: [{ role: 'user', parts: [{ text }] }] }),
};

/** The conversation with a whole reply behind it, and what the client says next: the results of all calls. */
const goOn: Record<SurfaceName, (body: Body, reply: Body) => Body> = {
  chat(body, reply) {
    const { message } = (reply.choices as { message: Body }[])[0]!;
    const results = ((message.tool_calls ?? []) as Body[]).map(({ id }) => ({
      role: 'tool',
      tool_call_id: id,
      content: 'sunny',
    }));
    return { ...body, messages: [...(body.messages as Body[]), message, ...results] };
  },
  responses(body, reply) {
    const output = reply.output as Body[];
    const results = output
      .filter(({ type }) => type === 'function_call')
      .map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'sunny' }));
    return { ...body, input: [...(body.input as Body[]), ...output, ...results] };
  },
  messages(body, reply) {
    const content = reply.content as Body[];
    const results = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'sunny' }));
    const said = [
      { role: 'assistant', content },
      { role: 'user', content: results },
    ];
    return { ...body, messages: [...(body.messages as Body[]), ...said] };
  },
  gemini(body, reply) {
    const { content } = (reply.candidates as { content: { parts: Body[] } }[])[0]!;
    const parts = content.parts
      .filter(({ functionCall }) => functionCall !== undefined)
      .map(({ functionCall }) => {
        const { id, name } = functionCall as Body;
        return { functionResponse: { id, name, response: { output: 'sunny' } } };
      });
    return { ...body, contents: [...(body.contents as Body[]), content, { role: 'user', parts }] };
  },
};

async function send(
  gateway: Pick<Gateway, 'url'>,
  surface: SurfaceName,
  body: Body,
  {
    provider = surface as string,
    stream = false,
    headers = {},
  }: { provider?: string; stream?: boolean; headers?: Record<string, string> } = {},
): Promise<{ status: number; text: string; notes: string }> {
  const name = `${provider}/${model}`;
  const answer = await fetch(gateway.url + pathOf(surface, name, stream), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(surface === 'gemini' ? body : { model: name, stream, ...body }),
  });
  return {
    status: answer.status,
    text: await answer.text(),
    notes: answer.headers.get('dragoman-notes') ?? '',
  };
}

const json = ({ status, text }: { status: number; text: string }): Body => {
  expect([status, text.slice(0, 500)]).toEqual([200, expect.any(String)]);
  return JSON.parse(text) as Body;
};

/** A text without the labels in it, and how long each was. */
function unlabelled(text: string): { bare: string; lengths: number[] } {
  const lengths: number[] = [];
  let bare = '';
  let at = 0;
  for (const match of text.matchAll(/"(?=drgo1:|ZHJnbzE6)/g)) {
    const from = match.index + 1;
    const { length } = readOriginLabel(text.slice(from, from + 1000))!;
    lengths.push(length);
    bare += text.slice(at, from);
    at = from + length;
  }
  return { bare: bare + text.slice(at), lengths };
}

describe.each(surfaceNames)('%s, native', (surface) => {
  test('with one maker, all bytes pass as they are', async () => {
    const makers = startAll();
    const gateway = await start(makers, { accounts: ['x'] });
    for (const stream of [true, false]) {
      const { text } = await send(gateway, surface, openings[surface]('one'), { stream });
      expect(text).toBe(makers.replies.at(-1)!);
    }
    const body = openings[surface]('one');
    await send(gateway, surface, goOn[surface](body, json(await send(gateway, surface, body))));
    expect(makers.refused).toEqual([]);
  });

  test('with two accounts, exactly the opaque values get a label', async () => {
    const makers = startAll();
    const gateway = await start(makers);
    for (const stream of [true, false]) {
      const { text } = await send(gateway, surface, openings[surface]('one'), { stream });
      const { bare, lengths } = unlabelled(text);
      const sent = makers.replies.at(-1)!;
      expect(bare).toBe(sent);
      expect(lengths).toHaveLength(sent.match(/[A-Za-z0-9+/]{128,}/g)!.length);
      expect(Math.max(...lengths)).toBeLessThan(256);
    }
  });

  test('after a restart the maker gets back what it made, and nobody else does', async () => {
    const makers = startAll();
    const before = await start(makers);
    const opening = openings[surface]('one');
    const body = goOn[surface](opening, json(await send(before, surface, opening)));
    const { account } = makers.taken.at(-1)!;
    for (let i = 0; i < 4; i++) {
      const after = await start(makers);
      json(await send(after, surface, body));
      expect(makers.taken.at(-1)!.account).toBe(account);
      expect(after.records.at(-1)).toMatchObject({ chosen: 'maker', notes: [] });
    }
    const after = await start(makers);
    makers.down.add(`${surface}/${account}`);
    const moved = await send(after, surface, body);
    json(moved);
    expect(makers.taken.at(-1)!.account).not.toBe(account);
    if (surface === 'messages') expect(moved.notes).toBe('');
    else expect(moved.notes).toContain('dropped');
    expect(makers.refused).toEqual([]);
  });

  test('another provider of the same protocol gets none of it, nor another caller’s', async () => {
    const makers = startAll();
    const gateway = await start(makers, { accounts: ['x'], twice: true });
    const opening = openings[surface]('one');
    const body = goOn[surface](opening, json(await send(gateway, surface, opening)));
    const moved = await send(gateway, surface, body, { provider: `${surface}-2` });
    json(moved);
    expect(moved.notes).toContain('dropped');
    const secrets = await Promise.all(['ann', 'bob'].map((name) => gateway.state.keys!.create({ name })));
    const [ann, bob] = secrets.map(({ secret }) => ({ headers: { authorization: `Bearer ${secret}` } }));
    const anns = goOn[surface](opening, json(await send(gateway, surface, opening, ann)));
    expect((await send(gateway, surface, anns, ann)).notes).toBe('');
    const stolen = await send(gateway, surface, anns, bob);
    json(stolen);
    expect(stolen.notes).toContain('dropped');
    expect(makers.refused).toEqual([]);
  });

  test('what has no label, or another gateway’s, passes; refused, it is left out and the turn goes on', async () => {
    const makers = startAll();
    const single = await start(makers, { accounts: ['x'] });
    const opening = openings[surface]('one');
    const bare = goOn[surface](opening, json(await send(single, surface, opening)));
    const gateway = await start(makers, { accounts: ['z'], twice: true, key: 2 });
    const own = await send(gateway, surface, bare, { provider: `${surface}-2` });
    json(own);
    expect(makers.refused.splice(0)).toHaveLength(1);
    expect(own.notes).toContain('dropped');
    expect(gateway.records.at(-1)).toMatchObject({ outcome: 'ok', attempts: 1 });

    const other = await start(makers, { key: 3 });
    const foreign = goOn[surface](opening, json(await send(other, surface, opening)));
    json(await send(gateway, surface, foreign, { provider: `${surface}-2` }));
    expect(makers.refused.splice(0)).toHaveLength(1);
  });

  test('a large body keeps all other bytes', async () => {
    const makers = startAll();
    const gateway = await start(makers);
    const opening = openings[surface]('one');
    const body = goOn[surface](opening, json(await send(gateway, surface, opening)));
    const filler = `"é\u2028 ${'x'.repeat(70_000)}`;
    const text = (
      JSON.stringify(
        surface === 'gemini' ? body : { model: `${surface}/${model}`, stream: false, ...body },
      ) as string
    ).replace('"one"', `${JSON.stringify(filler)}  `);
    const answer = await fetch(gateway.url + pathOf(surface, `${surface}/${model}`, false), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
    expect(answer.status).toBe(200);
    const sent = makers.taken.at(-1)!.conversation;
    const from = text.indexOf(sent.slice(0, 60));
    expect(sent.length).toBeGreaterThan(70_000);
    expect(unlabelled(text.slice(from)).bare).toStartWith(sent);
  });
});

describe('a compaction', () => {
  const item = async (gateway: Gateway, provider: string) => {
    const output = json(await send(gateway, 'responses', openings.responses('one'), { provider }))
      .output as Body[];
    const { encrypted_content } = output.find(({ type }) => type === 'reasoning')!;
    return { type: 'compaction', id: 'cmp_1', encrypted_content };
  };

  test('goes to its maker, and is refused by name where that cannot be asked', async () => {
    const makers = startAll();
    const gateway = await start(makers, { accounts: ['x'], twice: true });
    const compaction = await item(gateway, 'responses');
    const body = { ...openings.responses('two'), input: [compaction, { role: 'user', content: 'two' }] };
    json(await send(gateway, 'responses', body));
    const { status, text } = await send(gateway, 'responses', body, { provider: 'responses-2' });
    expect(status).toBe(400);
    expect(text).toContain('input[0]');
  });
});
