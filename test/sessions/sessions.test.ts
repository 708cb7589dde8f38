import { createVault } from '../../src/accounts/vault.ts';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { branchDepthMax } from '../../src/sessions/branches.ts';
import { pendingState } from '../../src/sessions/provider-state.ts';
import {
  defaultSessionLimits,
  openSessions,
  type SessionLimits,
  type Sessions,
} from '../../src/sessions/sessions.ts';
import { SessionTooLarge } from '../../src/sessions/written.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { hasPostgres, startPostgres, type Postgres } from '../support/postgres.ts';

let postgres: Postgres | undefined;
beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres();
  else console.log('skipped: PostgreSQL is not installed');
}, 60_000);
afterAll(() => postgres?.stop());

const engines: [string, () => Promise<string>][] = [['SQLite', async () => 'sqlite::memory:']];
if (hasPostgres) engines.push(['PostgreSQL', () => postgres!.database()]);

const user = (text: string): JsonObject => ({ type: 'message', role: 'user', content: text });
const said = (id: string, text: string): JsonObject => ({
  type: 'message',
  role: 'assistant',
  id,
  content: [{ type: 'output_text', text }],
});
const response = (id: string, output: JsonObject[], more: JsonObject = {}): JsonObject => ({
  id,
  object: 'response',
  status: 'completed',
  output,
  ...more,
});

const vault = createVault(new Uint8Array(32).fill(5));

describe.each(engines)('conversations in %s', (_, address) => {
  let nowMs = 1_800_000_000_000;
  let store: Store;
  let sessions: Sessions;

  async function open(limits: Partial<SessionLimits> = {}): Promise<void> {
    store = await openStore(await address());
    sessions = openSessions(store, () => nowMs, undefined, { ...defaultSessionLimits, ...limits }, vault);
  }
  async function close(): Promise<void> {
    sessions.close();
    await store.close();
  }

  test('nothing that was said lies in the store in the clear', async () => {
    await open();
    await turn('resp_1', 'my canary is called Pip');
    for (const table of ['session_items', 'session_snapshots', 'session_branches']) {
      const rows = await store.all(`SELECT * FROM ${table}`);
      expect(rows.length).toBe(table === 'session_items' ? 2 : 1);
      expect(JSON.stringify(rows)).not.toContain('canary');
    }
    await close();
  });

  /** One turn: what the user said and what came back, which is `re: …`. */
  async function turn(id: string, text: string, after?: string, more: JsonObject[] = []): Promise<void> {
    const parent = after === undefined ? undefined : await sessions.find('ann', after);
    if (after !== undefined && parent === undefined) throw new Error(`${after} is not stored`);
    await sessions.commit({
      caller: 'ann',
      parent,
      inputs: [user(text)],
      response: response(id, [said(`msg_${id}`, `re: ${text}`), ...more]),
      native: false,
    });
  }

  /** The words of a conversation in order. */
  async function words(id: string, caller = 'ann'): Promise<string[] | undefined> {
    const snapshot = await sessions.find(caller, id);
    const history = snapshot && (await sessions.history(snapshot));
    return history?.map((text) => {
      const { content, type } = JSON.parse(text);
      return typeof content === 'string' ? content : (content?.[0].text ?? type);
    });
  }

  const rows = async (table: string): Promise<number> =>
    Number((await store.all(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n);

  test('a turn is continued by its id', async () => {
    await open();
    await turn('a', 'one');
    await turn('b', 'two', 'a');
    await turn('c', 'three', 'b');
    expect(await words('c')).toEqual(['one', 're: one', 'two', 're: two', 'three', 're: three']);
    expect(await words('a')).toEqual(['one', 're: one']);
    expect(await words('nowhere')).toBeUndefined();
    expect(await rows('session_branches')).toBe(1);
    await close();
  });

  test('forks share their past and nothing else, and copy no item', async () => {
    await open();
    await turn('a', 'one');
    await turn('b', 'two', 'a');
    await turn('c', 'three', 'b');
    const before = await rows('session_items');
    await turn('f1', 'fork', 'a');
    await turn('f2', 'fork', 'a');
    await turn('f3', 'deep', 'f1');
    expect(await words('f3')).toEqual(['one', 're: one', 'fork', 're: fork', 'deep', 're: deep']);
    expect(await words('f2')).toEqual(['one', 're: one', 'fork', 're: fork']);
    expect(await words('c')).toEqual(['one', 're: one', 'two', 're: two', 'three', 're: three']);
    // `fork` once, the replies with ids of their own, `deep`.
    expect((await rows('session_items')) - before).toBe(5);
    await close();
  });

  test('two turns that continue one at the same moment are two forks', async () => {
    await open();
    await turn('a', 'one');
    await Promise.all(['x', 'y', 'z'].map((id) => turn(id, id, 'a')));
    for (const id of ['x', 'y', 'z']) expect(await words(id)).toEqual(['one', 're: one', id, `re: ${id}`]);
    await close();
  });

  test('a fork of a fork of a fork stays right beyond the depth of branches', async () => {
    await open();
    await turn('t0', '0');
    const deep = branchDepthMax + 4;
    for (let i = 1; i <= deep; i++) {
      await turn(`t${i}`, String(i), `t${i - 1}`);
      await turn(`side${i}`, `side ${i}`, `t${i - 1}`);
      await turn(`t${i}`, String(i), `side${i}`);
    }
    const depths = await store.all('SELECT MAX(depth) AS depth FROM session_branches');
    expect(Number(depths[0]!.depth)).toBeLessThanOrEqual(branchDepthMax);
    expect((await words(`t${deep}`))!.filter((word) => !word.startsWith('re'))).toEqual([
      '0',
      ...Array.from({ length: deep }, (_, i) => [`side ${i + 1}`, String(i + 1)]).flat(),
    ]);
    await close();
  }, 60_000);

  test('a compacted conversation goes on from its reply only', async () => {
    await open();
    await turn('a', 'one');
    await turn('b', 'shorter', 'a', [{ type: 'compaction', id: 'cmp', encrypted_content: 'sealed' }]);
    await turn('c', 'after', 'b');
    expect(await words('c')).toEqual(['re: shorter', 'compaction', 'after', 're: after']);
    expect(await words('a')).toEqual(['one', 're: one']);
    await close();
  });

  test('callers with the same ids share nothing', async () => {
    await open();
    await turn('a', 'one');
    expect(await words('a', 'bob')).toBeUndefined();
    expect((await sessions.references('bob', ['msg_a'])).size).toBe(0);
    expect((await sessions.references('ann', ['msg_a'])).size).toBe(1);
    const inputs = [user('of bob')];
    await sessions.commit({
      caller: 'bob',
      parent: undefined,
      inputs,
      response: response('a', []),
      native: false,
    });
    expect(await words('a')).toEqual(['one', 're: one']);
    expect(await words('a', 'bob')).toEqual(['of bob']);
    expect(await sessions.remove('bob', 'a')).toBe(true);
    expect(await words('a')).toEqual(['one', 're: one']);
    await close();
  });

  test('a response comes back as it was, its long members stored once', async () => {
    await open();
    const tools = [{ type: 'function', name: 'f', description: 'long '.repeat(200) }];
    for (const id of ['a', 'b']) {
      await sessions.commit({
        caller: 'ann',
        parent: undefined,
        inputs: [user('hello')],
        response: response(id, [said('msg', 'hi')], { tools, metadata: { k: 'v' } }),
        native: true,
      });
    }
    expect(await sessions.response('ann', 'b')).toEqual(
      response('b', [said('msg', 'hi')], { tools, metadata: { k: 'v' } }),
    );
    expect(await rows('session_items')).toBe(3);
    const items = (await sessions.inputItems('ann', 'b'))!;
    expect(items).toMatchObject([{ role: 'user', content: [{ type: 'input_text', text: 'hello' }] }]);
    const id = items[0]!.id as string;
    expect(id).toStartWith('msg_');
    expect(JSON.parse((await sessions.references('ann', [id])).get(id)!)).toEqual(user('hello'));
    await close();
  });

  test('reasoning that only its server can find is shown but not sent again, nor are the ids beside it', async () => {
    await open();
    const thought: JsonObject = { type: 'reasoning', id: 'rs_1', summary: [] };
    const sealed: JsonObject = { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'x' };
    const commit = (id: string, item: JsonObject) =>
      sessions.commit({
        caller: 'ann',
        parent: undefined,
        inputs: [user('q')],
        response: response(id, [item, said('msg_1', 'a')]),
        native: true,
      });
    await commit('mute', thought);
    await commit('open', sealed);
    const history = async (id: string) =>
      (await sessions.history((await sessions.find('ann', id))!))!.map((text) => JSON.parse(text));
    const { id: _, ...nameless } = said('msg_1', 'a');
    expect(await history('mute')).toEqual([user('q'), nameless]);
    expect(await history('open')).toEqual([user('q'), sealed, said('msg_1', 'a')]);
    expect((await sessions.response('ann', 'mute'))!.output).toEqual([thought, said('msg_1', 'a')]);
    await close();
  });

  test('what is removed is gone, but for what a later turn needs', async () => {
    await open();
    await turn('a', 'one');
    await turn('b', 'two', 'a');
    expect(await sessions.remove('ann', 'a')).toBe(true);
    expect(await sessions.remove('ann', 'a')).toBe(false);
    expect(await words('a')).toBeUndefined();
    expect(await words('b')).toEqual(['one', 're: one', 'two', 're: two']);
    await turn('fork', 'other', 'b');
    await turn('fork2', 'other', 'b');
    await sessions.remove('ann', 'b');
    await sessions.remove('ann', 'fork');
    expect(await words('fork2')).toEqual(['one', 're: one', 'two', 're: two', 'other', 're: other']);
    await sessions.remove('ann', 'fork2');
    for (const table of ['session_items', 'session_snapshots', 'session_branches'])
      expect([table, await rows(table)]).toEqual([table, 0]);
    await close();
  });

  test('an id that is given again means the newer response, also right behind the older', async () => {
    await open();
    await turn('same', 'one');
    await turn('same', 'two', 'same');
    expect(await words('same')).toEqual(['one', 're: one', 'two', 're: two']);
    await turn('same', 'alone');
    expect(await words('same')).toEqual(['alone', 're: alone']);
    expect(await rows('session_snapshots')).toBe(1);
    expect(await rows('session_items')).toBe(2);
    await close();
  });

  test('a named conversation moves on, and stays when the response of its last turn is removed', async () => {
    await open();
    const conversation = { id: 'conv', createdAt: 1, metadata: { a: 'b' } };
    const commit = async (inputs: JsonObject[], given: JsonObject) =>
      sessions.commit({
        caller: 'ann',
        parent: await sessions.find('ann', 'conv', 'conversation'),
        conversation,
        inputs,
        response: given,
        native: false,
      });
    await commit([], {});
    await commit([user('one')], response('a', [said('msg_a', 're: one')]));
    await commit([user('two')], response('b', [said('msg_b', 're: two')]));
    expect(await words('a')).toEqual(['one', 're: one']);
    await sessions.remove('ann', 'b');
    const head = (await sessions.find('ann', 'conv', 'conversation'))!;
    expect(head.conversation).toEqual(conversation);
    expect(await sessions.history(head)).toHaveLength(4);
    expect(await sessions.find('bob', 'conv', 'conversation')).toBeUndefined();
    expect(await sessions.remove('ann', 'conv', 'conversation')).toBe(true);
    await sessions.remove('ann', 'a');
    expect(await rows('session_items')).toBe(0);
    expect(await rows('session_snapshots')).toBe(0);
    await close();
  });

  test('a conversation is kept no longer, and no shorter, for an item that was taken out of it', async () => {
    await open({ retentionMs: 1000 });
    const conversation = { id: 'conv', createdAt: 1, metadata: {} };
    const head = () => sessions.find('ann', 'conv', 'conversation');
    for (const retentionMs of [400, 5000]) {
      await sessions.commit({
        caller: 'ann',
        parent: undefined,
        conversation,
        inputs: [{ ...user('one'), id: 'i1' }, user('two')],
        response: {},
        native: false,
        retentionMs,
      });
      nowMs += retentionMs / 2;
      expect(await sessions.takeOut((await head())!, conversation, 'i1')).toBe(true);
      nowMs += retentionMs / 2 - 1;
      expect(await sessions.items((await head())!)).toHaveLength(1);
      nowMs += 1;
      expect(await head()).toBeUndefined();
    }
    await close();
  });

  test('a conversation expires after its last turn, with everything that it alone needed', async () => {
    await open({ retentionMs: 1000 });
    await turn('old', 'one');
    await turn('shared', 'one');
    nowMs += 600;
    await turn('young', 'two', 'shared');
    await turn('fork', 'three', 'old');
    await turn('fork2', 'four', 'old');
    nowMs += 600;
    expect(await words('young')).toHaveLength(4);
    expect(await sessions.sweep()).toBe(0);
    nowMs += 600;
    expect(await words('young')).toBeUndefined();
    await turn('new', 'one');
    while ((await sessions.sweep()) > 0);
    expect(await rows('session_snapshots')).toBe(1);
    expect(await rows('session_branches')).toBe(1);
    expect(await rows('session_items')).toBe(2);
    expect(await words('new')).toEqual(['one', 're: one']);
    await close();
  });

  test('a caller who stores too much loses the oldest conversations', async () => {
    await open({ callerBytesMax: 3_000 });
    for (let i = 0; i < 4; i++) {
      nowMs++;
      await turn(`r${i}`, `${i}`.repeat(500));
    }
    while ((await sessions.sweep()) > 0);
    expect(await words('r0')).toBeUndefined();
    expect(await words('r3')).toHaveLength(2);
    await close();
  });

  test('all callers together lose the oldest conversations beyond the total', async () => {
    await open({ totalBytesMax: 3_000 });
    for (let i = 0; i < 4; i++) {
      nowMs++;
      await sessions.commit({
        caller: `caller ${i}`,
        parent: undefined,
        inputs: [{ role: 'user', content: `${i}`.repeat(1_000) }],
        response: { id: `r${i}`, output: [] },
        native: false,
      });
    }
    while ((await sessions.sweep()) > 0);
    expect(await rows('session_snapshots')).toBeLessThan(4);
    expect(await words('r3', 'caller 3')).toHaveLength(1);
    expect(await words('r0', 'caller 0')).toBeUndefined();
    await close();
  });

  test('a turn that is too large is refused whole', async () => {
    await open({ turnBytesMax: 1_000 });
    await expect(turn('a', 'x'.repeat(1_000))).rejects.toBeInstanceOf(SessionTooLarge);
    expect(await rows('session_items')).toBe(0);
    await close();
  });

  test('what a provider leaves is inherited, found by forks, and apart from that of others', async () => {
    await open();
    const commit = async (
      id: string,
      after: string | undefined,
      act: (s: ReturnType<typeof pendingState>) => void,
    ) => {
      const parent = after === undefined ? undefined : await sessions.find('ann', after);
      const pending = pendingState(parent);
      act(pending);
      await sessions.commit({
        caller: 'ann',
        parent,
        inputs: [user(id)],
        response: response(id, []),
        native: false,
        ...pending.take(),
      });
    };
    const left = async (id: string) => (await sessions.find('ann', id))!.state;
    await commit('a', undefined, (pending) => {
      expect(pending.of('up').read()).toBeUndefined();
      pending.of('up').leave({ window: 0 });
      expect(pending.of('up').read()).toEqual({ window: 0 });
      expect(pending.of('other').read()).toBeUndefined();
    });
    await commit('b', 'a', (pending) => {
      expect(pending.of('up').read()).toEqual({ window: 0 });
      pending.of('up').leaveWithParent({ window: 0, continued: true });
    });
    expect(await left('b')).toEqual({ up: { window: 0 } });
    await commit('fork', 'a', (pending) => {
      expect(pending.of('up').readParent()).toEqual({ window: 0, continued: true });
      pending.of('up').leave({ window: 1 });
    });
    expect(await left('fork')).toEqual({ up: { window: 1 } });
    expect(await left('a')).toEqual({ up: { window: 0, continued: true } });
    await close();
  });
});

test('what is left with a turn is taken once, and is small', () => {
  const pending = pendingState(undefined);
  const scope = pending.of('up');
  scope.leave({ n: 1 });
  scope.leaveWithParent({ n: 2 });
  expect(pending.take()).toEqual({ state: { up: { n: 1 } } });
  expect(pending.take()).toEqual({ state: {} });
  expect(() => scope.leave({ big: 'x'.repeat(9_000) })).toThrow('more than 8192');
});
