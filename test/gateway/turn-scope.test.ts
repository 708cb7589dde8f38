/**
 * What a provider can know of the turns of a conversation: one that counts generations of rooms, in words that stand
 * nowhere else. A conversation begins in room 0 of a house; goes on in its parent's; a fork gets the next room that none
 * had; a caller that names another door is let into the next; and after a replacement the conversation is one further.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { createVault } from '../../src/accounts/vault.ts';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, schemasWith, type Gateway } from '../../src/gateway.ts';
import type { Call, Provider, ProviderKind, TurnOutcome, TurnScope } from '../../src/providers/provider.ts';
import type { ProviderState } from '../../src/sessions/provider-state.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import type { JsonObject } from '../../src/turn/json.ts';

interface Room {
  readonly house: string;
  readonly room: number;
  /** The door that the caller named last. */
  readonly door?: string;
  /** The conversation has gone on from here; the next fork gets this room. */
  readonly next?: number;
}

const asked: { room: string; scope: TurnScope; body: string }[] = [];
const settled: TurnOutcome[] = [];
const complaints: unknown[] = [];
let houses = 0;
let replies = 0;
let compacts = false;
let failing = 0;
let settleThrows = false;

function enter(state: ProviderState, door: string | undefined): Room {
  // A second try of the same turn is where the first one was.
  const before = state.read() as unknown as Room | undefined;
  const parent = state.readParent() as unknown as Room | undefined;
  if (parent === undefined) return before ?? { house: `house${++houses}`, room: 0, door };
  if (parent.next !== undefined) {
    const room = Math.max(parent.room + 1, parent.next);
    state.leaveWithParent({ ...parent, next: room + 1 } as unknown as JsonObject);
    return { house: parent.house, room, door: door ?? parent.door };
  }
  const isNew = door !== undefined && door !== parent.door;
  const room = parent.room + (isNew ? 1 : 0);
  state.leaveWithParent({ ...parent, next: room + 1 } as unknown as JsonObject);
  return { house: parent.house, room, door: door ?? parent.door };
}

const rooms: ProviderKind<{ name: string; type: 'rooms' }> = {
  type: 'rooms',
  configSchema: z.strictObject({ name: z.string(), type: z.literal('rooms') }),
  create: ({ name, type }): Provider => ({
    name,
    type,
    protocols: () => ['openai-responses'],
    abilities: () => ({}),
    configured: [{ id: 'm' }],
    accounts: ['a', 'b'].map((account) => ({ name: account, token: account })),
    anonymous: false,
    discover: async () => [],
    prepare({ state, scope, body, inbound }: Call) {
      const room = state && enter(state, inbound.get('x-door') ?? undefined);
      if (room) state.leave({ ...room });
      asked.push({ room: `${room?.house}:${room?.room}`, scope: scope!, body: Buffer.from(body).toString() });
      return { url: 'rooms:', headers: {}, body };
    },
    async send() {
      if (failing > 0) {
        failing--;
        return Response.json({ error: { message: 'later', type: 'rate_limit_error' } }, { status: 429 });
      }
      const id = `resp_${++replies}`;
      const item = compacts
        ? { type: 'compaction', id: `cmp_${replies}`, encrypted_content: `sum of ${replies}` }
        : {
            type: 'message',
            id: `msg_${replies}`,
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: `reply ${replies}`, annotations: [] }],
          };
      return Response.json({ id, object: 'response', status: 'completed', model: 'm', output: [item] });
    },
    settle(outcome, state) {
      settled.push(outcome);
      if (settleThrows) throw new Error('the books are lost');
      if (outcome.mode !== 'replace') return;
      const { house, room, door } = state.read() as unknown as Room;
      const [, prefix, n] = /^(.*):(\d+)$/.exec(door ?? '') ?? [];
      const advanced = prefix === undefined ? door : `${prefix}:${Number(n) + 1}`;
      state.leave({ house, room: room + 1, ...(advanced && { door: advanced }) });
    },
  }),
};

let state: State;
let gateway: Gateway;
beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(5));
  const store = await openStore('sqlite::memory:');
  state = await openState({ stored: { store, vault }, complain: (error) => complaints.push(error) });
  gateway = createGateway({
    config: configSchema(schemasWith([rooms])).parse({ providers: [{ name: 'up', type: 'rooms' }] }),
    version: 'test',
    state,
    kinds: [rooms],
    metrics: () => '',
    recorder: { record() {}, streamsOpen() {} },
  });
});
beforeEach(() => {
  asked.length = settled.length = complaints.length = 0;
});
afterAll(async () => {
  await gateway.stop({ drainMs: 0 });
  await state.close();
});

async function turn(words: string, previous?: string, more: JsonObject = {}, door?: string) {
  const answer = await gateway.fetch(
    new Request('http://127.0.0.1/v1/responses', {
      method: 'POST',
      headers: door === undefined ? {} : { 'x-door': door },
      body: JSON.stringify({ model: 'm', input: words, previous_response_id: previous, ...more }),
    }),
  );
  expect(answer.status).toBe(200);
  const { id } = (await answer.json()) as { id: string };
  return { id, room: asked.at(-1)!.room.replace(/^house\d+/, 'S') };
}

async function compacted(words: string, previous: string, door?: string) {
  compacts = true;
  try {
    return await turn(words, previous, {}, door);
  } finally {
    compacts = false;
  }
}

/** The texts that the upstream was sent last. */
const heard = (): string[] =>
  (JSON.parse(asked.at(-1)!.body) as { input: JsonObject[] | string }).input instanceof Array
    ? (JSON.parse(asked.at(-1)!.body) as { input: JsonObject[] }).input.map(
        ({ type, content, encrypted_content }) =>
          type === 'compaction'
            ? String(encrypted_content)
            : typeof content === 'string'
              ? content
              : String((content as JsonObject[])[0]!.text),
      )
    : [String((JSON.parse(asked.at(-1)!.body) as { input: string }).input)];

describe('where a turn goes', () => {
  test('the first, without a door: room 0', async () => {
    expect((await turn('one')).room).toBe('S:0');
  });

  test('one that continues a parent that nobody has continued: the parent’s room', async () => {
    const first = await turn('one');
    expect((await turn('two', first.id)).room).toBe('S:0');
  });

  test('with the door that is known: the known room', async () => {
    const first = await turn('one', undefined, {}, 'd:0');
    expect(first.room).toBe('S:0');
    const second = await turn('two', first.id, {}, 'd:0');
    expect(second.room).toBe('S:0');
    expect((await turn('three', second.id)).room).toBe('S:0');
  });

  test('with a new door: the next generation', async () => {
    const first = await turn('one', undefined, {}, 'd:0');
    const second = await turn('two', first.id, {}, 'd:1');
    expect(second.room).toBe('S:1');
    expect((await turn('three', second.id, {}, 'd:1')).room).toBe('S:1');
  });

  test('forks: each the next that none had', async () => {
    const parent = await turn('one');
    const forks = [];
    for (const words of ['a', 'b', 'c']) forks.push((await turn(words, parent.id)).room);
    expect(forks).toEqual(['S:0', 'S:1', 'S:2']);
  });

  test('after a replacement: one further, and a numbered door with it', async () => {
    const first = await turn('one', undefined, {}, 'd:0');
    const replaced = await compacted('sum up', first.id, 'd:0');
    expect(replaced.room).toBe('S:0');
    // The caller has counted on by itself, and it is the same step.
    expect((await turn('on', replaced.id, {}, 'd:1')).room).toBe('S:1');
    expect(settled.map(({ mode }) => mode)).toEqual(['append', 'replace', 'append']);
  });
});

describe('the hooks of a turn', () => {
  test('`prepare` sees the whole conversation, `settle` the id and the mode, once a turn', async () => {
    const first = await turn('one');
    const second = await turn('two', first.id);
    expect(heard()).toEqual(['one', expect.stringContaining('reply'), 'two']);
    expect(settled).toEqual([
      { responseId: first.id, mode: 'append' },
      { responseId: second.id, mode: 'append' },
    ]);
  });

  test('all tries of a turn have one scope and one room, the next turn another scope', async () => {
    failing = 1;
    const first = await turn('one');
    expect(asked).toHaveLength(2);
    expect(asked[0]!.scope).toBe(asked[1]!.scope);
    expect(asked[0]!.room).toBe(asked[1]!.room);
    expect(settled).toHaveLength(1);
    for (const { account } of state.health.list()) state.health.clear(account);
    await turn('two', first.id);
    expect(asked.at(-1)!.scope).not.toBe(asked[0]!.scope);
  });

  test('what fails in `settle` is told to the owner, and costs the client nothing', async () => {
    settleThrows = true;
    await turn('one').finally(() => (settleThrows = false));
    expect(complaints).toEqual([new Error('the books are lost')]);
  });

  test('a turn that is not stored settles nothing, and leaves nothing', async () => {
    const parent = await turn('one');
    await turn('aside', parent.id, { store: false });
    expect(settled).toHaveLength(1);
    expect((await turn('two', parent.id)).room).toBe('S:0');
  });
});

test('a parent, two continuations, three forks, and a compaction in one branch: each has its own past', async () => {
  const parent = await turn('p');
  const one = await turn('c1', parent.id);
  const two = await turn('c2', one.id);
  const r = [parent, one, two].map(({ id }) => `reply ${id.slice('resp_'.length)}`);
  expect(heard()).toEqual(['p', r[0]!, 'c1', r[1]!, 'c2']);

  const forks = [];
  for (const words of ['f1', 'f2', 'f3']) {
    forks.push(await turn(words, one.id));
    expect(heard()).toEqual(['p', r[0]!, 'c1', r[1]!, words]);
  }
  expect([two, ...forks].map(({ room }) => room)).toEqual(['S:0', 'S:1', 'S:2', 'S:3']);

  const cut = await compacted('sum up', forks[1]!.id);
  const summary = `sum of ${cut.id.slice('resp_'.length)}`;
  const after = await turn('g', cut.id);
  expect(heard()).toEqual([summary, 'g']);
  expect([cut.room, after.room]).toEqual(['S:2', 'S:3']);

  // The other branches have heard nothing of it.
  await turn('x', forks[0]!.id);
  expect(heard()).toEqual(['p', r[0]!, 'c1', r[1]!, 'f1', `reply ${forks[0]!.id.slice(5)}`, 'x']);
  await turn('y', two.id);
  expect(heard()).toEqual(['p', r[0]!, 'c1', r[1]!, 'c2', r[2]!, 'y']);
  // And what was before the compaction can still be continued.
  await turn('z', forks[1]!.id);
  expect(heard()).toEqual(['p', r[0]!, 'c1', r[1]!, 'f2', `reply ${forks[1]!.id.slice(5)}`, 'z']);
});
