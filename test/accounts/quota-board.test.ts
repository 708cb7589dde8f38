/** What upstreams say of quotas is kept: over a new start, and for other processes on the same store. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentWindows, type Quota } from '../../src/accounts/quota.ts';
import { memoryQuotaBoard, openQuotaBoard } from '../../src/accounts/quota-board.ts';
import { openStore } from '../../src/store/open.ts';

const folder = mkdtempSync(join(tmpdir(), 'dragoman-quota-'));
afterAll(() => rmSync(folder, { recursive: true }));
const nowMs = 1_795_000_000_000;
const reading = (seenMs: number, usedRatio: number): Quota => ({
  plan: 'plus',
  windows: [{ name: 'primary', usedRatio, lengthMs: 18_000_000, resetsMs: nowMs + 1_000 }],
  seenMs,
});
const complaints: unknown[] = [];
const open = async (name: string) => {
  const store = await openStore(`sqlite:${join(folder, name)}`);
  return {
    store,
    board: await openQuotaBoard(
      store,
      () => nowMs,
      (error) => complaints.push(error),
    ),
  };
};

describe('the board', () => {
  test('knows after a new start what was said before', async () => {
    const first = await open('a.db');
    first.board.saw('one', reading(1, 0.5));
    first.board.saw('one', reading(nowMs, 0.6));
    await first.board.close();
    await first.store.close();
    const second = await open('a.db');
    expect(second.board.of('one')).toEqual(reading(nowMs, 0.6));
    expect(second.board.of('two')).toBeUndefined();
    await second.board.close();
    await second.store.close();
    expect(complaints).toEqual([]);
  });

  test('does not let an older word replace a newer one, here or in the store', async () => {
    const one = await open('b.db');
    const two = await open('b.db');
    one.board.saw('x', reading(nowMs, 0.6));
    one.board.saw('x', reading(nowMs - 1, 0.1));
    expect(one.board.of('x')).toEqual(reading(nowMs, 0.6));
    await one.board.flush();
    two.board.saw('x', reading(nowMs - 1, 0.1));
    await two.board.flush();
    const three = await open('b.db');
    expect(three.board.of('x')).toEqual(reading(nowMs, 0.6));
    for (const { board, store } of [one, two, three]) {
      await board.close();
      await store.close();
    }
  });

  test('forgets what nobody has renewed for longer than any window', async () => {
    const { board, store } = await open('c.db');
    board.saw('old', reading(nowMs - 40 * 24 * 3_600_000, 0.1));
    board.saw('new', reading(nowMs, 0.1));
    await board.flush();
    expect(await store.all('SELECT account FROM account_quotas')).toEqual([{ account: 'new' }]);
    await board.close();
    await store.close();
  });

  test('is there without a store', () => {
    const board = memoryQuotaBoard(() => nowMs);
    board.saw('x', reading(nowMs, 2));
    expect(currentWindows(board.of('x')!, nowMs)).toHaveLength(1);
    expect(currentWindows(board.of('x')!, nowMs + 1_000)).toEqual([]);
  });
});
