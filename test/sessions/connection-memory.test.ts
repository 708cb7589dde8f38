import { describe, expect, test } from 'bun:test';
import {
  connectionMemories,
  defaultMemoryLimits,
  type ConnectionMemory,
  type MemoryLimits,
} from '../../src/sessions/connection-memory.ts';
import type { JsonObject } from '../../src/turn/json.ts';

const limits: MemoryLimits = { ...defaultMemoryLimits };
const open = (more: Partial<MemoryLimits> = {}): ConnectionMemory =>
  connectionMemories({ ...limits, ...more }, () => 1)(undefined);

const said = (text: string): JsonObject => ({ type: 'message', role: 'user', content: text });

async function turn(
  memory: ConnectionMemory,
  id: string,
  previous: string | undefined,
  words: string,
  output: JsonObject[] = [],
  more: { native?: boolean; caller?: string; state?: Record<string, JsonObject> } = {},
): Promise<void> {
  const { caller = 'c', native = false, state } = more;
  const parent = previous === undefined ? undefined : await memory.find(caller, previous);
  if (parent !== undefined) await memory.history(parent);
  await memory.commit({
    caller,
    parent,
    inputs: [said(words)],
    response: { id, output },
    native,
    state,
    isStored: false,
  });
}

async function words(memory: ConnectionMemory, id: string): Promise<unknown[] | undefined> {
  const snapshot = await memory.find('c', id);
  const texts = snapshot && (await memory.history(snapshot));
  return texts?.map((text) => (JSON.parse(text) as JsonObject).content);
}

describe('what a connection remembers', () => {
  test('is each response’s whole conversation, forks included', async () => {
    const memory = open();
    await turn(memory, 'a', undefined, 'one');
    await turn(memory, 'b', 'a', 'two');
    await turn(memory, 'c', 'a', 'three');
    expect(await words(memory, 'b')).toEqual(['one', 'two']);
    expect(await words(memory, 'c')).toEqual(['one', 'three']);
    expect(await memory.find('c', 'd')).toBeUndefined();
  });

  test('is of its caller only', async () => {
    const memory = open();
    await turn(memory, 'a', undefined, 'one');
    expect(await memory.find('another', 'a')).toBeUndefined();
    expect((await memory.references('another', ['a'])).size).toBe(0);
  });

  test('counts what several responses have in common once, and gives it free with the last', async () => {
    const memory = open();
    await turn(memory, 'a', undefined, 'x'.repeat(10_000));
    const one = memory.bytes();
    for (let i = 0; i < 10; i++) await turn(memory, `b${i}`, i === 0 ? 'a' : `b${i - 1}`, 'y');
    expect(memory.bytes()).toBeLessThan(one + 1_000);
    memory.close();
    expect(memory.bytes()).toBe(0);
  });

  test('is the latest responses, in their number and in bytes', async () => {
    const memory = open({ responsesMax: 2, connectionBytesMax: 5_000 });
    await turn(memory, 'a', undefined, 'one');
    await turn(memory, 'b', undefined, 'two');
    await turn(memory, 'c', undefined, 'three');
    expect([await words(memory, 'a'), await words(memory, 'b'), await words(memory, 'c')]).toEqual([
      undefined,
      ['two'],
      ['three'],
    ]);
    await turn(memory, 'd', undefined, 'x'.repeat(4_000));
    await turn(memory, 'e', undefined, 'y'.repeat(4_000));
    expect(await memory.find('c', 'd')).toBeUndefined();
    expect(await memory.find('c', 'e')).toBeDefined();
    await turn(memory, 'f', undefined, 'z'.repeat(6_000));
    expect(await memory.find('c', 'f')).toBeUndefined();
    expect(memory.bytes()).toBe(0);
  });

  test('has one bound with all other connections', async () => {
    const memoryFor = connectionMemories({ ...limits, bytesMax: 10_000 }, () => 1);
    const [one, two] = [memoryFor(undefined), memoryFor(undefined)];
    await turn(one, 'a', undefined, 'x'.repeat(8_000));
    await turn(two, 'b', undefined, 'y'.repeat(8_000));
    expect(one.bytes() + two.bytes()).toBeLessThan(10_000);
    one.close();
    // A turn that ends after its client has left is not remembered.
    await turn(one, 'late', undefined, 'x'.repeat(8_000));
    expect(one.bytes()).toBe(0);
    await turn(two, 'b', undefined, 'y'.repeat(8_000));
    expect(await words(two, 'b')).toBeDefined();
  });

  test('begins anew with a compaction', async () => {
    const memory = open();
    await turn(memory, 'a', undefined, 'one');
    await turn(memory, 'b', 'a', 'two', [{ type: 'compaction', content: 'in short' }]);
    expect(await words(memory, 'b')).toEqual(['in short']);
  });

  test('leaves out what only its own server can read, and the ids that belong to it', async () => {
    const memory = open();
    const reply = [
      { type: 'reasoning', id: 'rs_1', summary: [] },
      { type: 'message', id: 'msg_1', role: 'assistant', content: 'hi' },
    ];
    await turn(memory, 'a', undefined, 'one', reply, { native: true });
    const history = await memory.history((await memory.find('c', 'a'))!);
    expect(history?.map((text) => JSON.parse(text) as unknown)).toEqual([
      said('one'),
      { type: 'message', role: 'assistant', content: 'hi' },
    ]);
  });

  test('keeps what a provider has left, and what it writes to the parent', async () => {
    const memory = open();
    await turn(memory, 'a', undefined, 'one', [], { state: { up: { window: 1 } } });
    const parent = await memory.find('c', 'a');
    await memory.commit({
      caller: 'c',
      parent,
      inputs: [],
      response: { id: 'b' },
      native: false,
      parentState: { up: { window: 2 } },
      isStored: false,
    });
    expect((await memory.find('c', 'b'))!.state).toEqual({ up: { window: 1 } });
    expect((await memory.find('c', 'a'))!.state).toEqual({ up: { window: 2 } });
  });

  test('finds items by their ids', async () => {
    const memory = open();
    const item = { type: 'message', id: 'msg_1', role: 'assistant', content: 'hi' };
    await turn(memory, 'a', undefined, 'one', [item]);
    expect([...(await memory.references('c', ['msg_1', 'msg_2']))]).toEqual([
      ['msg_1', JSON.stringify(item)],
    ]);
  });
});
