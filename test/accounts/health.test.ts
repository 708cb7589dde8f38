import { describe, expect, test } from 'bun:test';
import { memoryHealthBoard, openHealthBoard } from '../../src/accounts/health-board.ts';
import { afterFailure, failureBehind, well, type Health } from '../../src/accounts/health.ts';
import { openStore } from '../../src/store/open.ts';
import type { Failure } from '../../src/turn/failure.ts';
import { eventually } from '../support/eventually.ts';

const start = 1_800_000_000_000;
const minute = 60_000;
const failure = (more: Partial<Failure>): Failure => ({
  kind: 'rate_limited',
  scope: 'account',
  status: 429,
  message: 'no',
  retryable: true,
  ...more,
});
const after = (before: Health, more: Partial<Failure>) => afterFailure(before, failure(more), start)!;

describe('what a failure does to an account', () => {
  test('a request at fault cools nothing', () => {
    const bad = failure({ kind: 'invalid_request', scope: 'request', status: 400 });
    expect(afterFailure(well, bad, start)).toBeUndefined();
    expect(afterFailure(well, failure({ kind: 'internal', scope: 'gateway' }), start)).toBeUndefined();
  });

  test('pauses grow with each failure in a row, up to five minutes', () => {
    let health = well;
    const pauses = Array.from({ length: 8 }, () => {
      health = after(health, {});
      return (health.untilMs - start) / 1000;
    });
    expect(pauses).toEqual([15, 30, 60, 120, 240, 300, 300, 300]);
  });

  test('a hint is followed', () => {
    expect(after(well, { retryAfterMs: 3 * minute })).toMatchObject({
      state: 'cooling',
      untilMs: start + 3 * minute,
    });
  });

  test('a week-long hint is probed early', () => {
    const week = 7 * 24 * 60 * minute;
    let health = after(well, { retryAfterMs: week });
    expect(health.untilMs).toBe(start + 10 * minute);
    health = after(after(health, { retryAfterMs: week }), { retryAfterMs: week });
    expect(health.untilMs).toBe(start + 60 * minute);
  });

  test('a provider is left alone for half a minute at most, and only for later choice', () => {
    let health = well;
    const pauses = Array.from({ length: 6 }, () => {
      health = after(health, { kind: 'upstream', scope: 'provider', status: 500 });
      return (health.untilMs - start) / 1000;
    });
    expect(pauses).toEqual([2, 4, 8, 16, 30, 30]);
  });

  test('a refusal that may have been of the request is not believed for long', () => {
    const refusal = { kind: 'permission', status: 403, retryable: false } as const;
    const once = after(well, refusal);
    expect(once).toMatchObject({ state: 'suspended', untilMs: start + minute / 2 });
    expect(after(once, refusal).untilMs).toBe(start + minute);
  });

  test('a purse that says when it is filled again is a limit', () => {
    const limit = {
      kind: 'billing',
      status: 429,
      code: 'usage_limit_reached',
      retryAfterMs: 3 * minute,
    } as const;
    expect(after(well, limit)).toMatchObject({ state: 'cooling', untilMs: start + 3 * minute });
  });

  test('what was wrong is known from the line for people', () => {
    expect(failureBehind(after(well, { code: 'slow' }))).toEqual({ kind: 'rate_limited', status: 429 });
    expect(failureBehind(well)).toBeUndefined();
  });

  test('what needs a person is suspended and says why', () => {
    const health = after(well, { kind: 'billing', status: 402, code: 'insufficient_quota' });
    expect(health).toMatchObject({ state: 'suspended', why: 'billing (402 insufficient_quota)' });
  });
});

describe('the board', () => {
  test('a failure of one model leaves the others', async () => {
    const board = memoryHealthBoard(() => start);
    board.failed('a', 'big', failure({ scope: 'model' }));
    expect(board.usable('a', 'big')).toBe(false);
    expect(board.usable('a', 'small')).toBe(true);
    board.failed('a', 'small', failure({ scope: 'account' }));
    expect(board.usable('a', 'third')).toBe(false);
    expect(board.usable('b', 'big')).toBe(true);
    await board.close();
  });

  test('many requests that meet one limit are one failure', async () => {
    const board = memoryHealthBoard(() => start);
    const sent = Array.from({ length: 50 }, () => board.tries('a', 'm'));
    for (const since of sent) board.failed('a', 'm', failure({}), since);
    expect(board.list()).toMatchObject([{ strikes: 1, untilMs: start + 15_000 }]);
    board.failed('a', 'm', failure({ retryAfterMs: 5 * minute }), sent[0]);
    expect(board.list()).toMatchObject([{ strikes: 1, untilMs: start + 5 * minute }]);
    board.failed('a', 'm', failure({}), board.tries('a', 'm'));
    expect(board.list()).toMatchObject([{ strikes: 2 }]);
  });

  test('a reply from before a limit does not lift it', async () => {
    const board = memoryHealthBoard(() => start);
    const before = board.tries('a', 'm');
    board.failed('a', 'm', failure({}), board.tries('a', 'm'));
    board.succeeded('a', 'm', before);
    expect(board.usable('a', 'm')).toBe(false);
    board.succeeded('a', 'm', board.tries('a', 'm'));
    expect(board.usable('a', 'm')).toBe(true);
  });

  test('names of models that clients make up do not fill it', async () => {
    const board = memoryHealthBoard(() => start);
    board.failed('a', 'x'.repeat(100_000), failure({ scope: 'model' }));
    expect(board.list()[0]!.model.length).toBeLessThanOrEqual(200);
    for (let i = 0; i < 12_000; i++) board.failed('a', `made up ${i}`, failure({ scope: 'model' }));
    expect(board.list().length).toBeLessThanOrEqual(5_000);
    expect(board.usable('a', 'made up 11999')).toBe(false);
  });

  test('the store forgets what has long passed', async () => {
    const store = await openStore('sqlite::memory:');
    let now = start;
    const board = await openHealthBoard(store, () => now);
    board.failed('a', 'm', failure({}));
    await board.flush();
    now += 25 * 60 * minute;
    board.failed('b', 'm', failure({}));
    await board.flush();
    expect(await store.all('SELECT account FROM account_health')).toEqual([{ account: 'b' }]);
    await board.close();
    await store.close();
  });

  test('one probe at a time, and success clears', async () => {
    let now = start;
    const board = memoryHealthBoard(() => now);
    board.failed('a', 'm', failure({}));
    now += 15_000;
    expect(board.usable('a', 'm')).toBe(true);
    board.tries('a', 'm');
    expect(board.usable('a', 'm')).toBe(false);
    board.succeeded('a', 'm');
    expect(board.usable('a', 'm')).toBe(true);
    expect(board.usable('a', 'm')).toBe(true);
    expect(board.list()).toEqual([]);
    await board.close();
  });

  test('a probe that never ends does not lock the account', async () => {
    let now = start;
    const board = memoryHealthBoard(() => now);
    board.failed('a', 'm', failure({}));
    now += 15_000;
    board.tries('a', 'm');
    expect(board.usable('a', 'm')).toBe(false);
    now += 31_000;
    expect(board.usable('a', 'm')).toBe(true);
    await board.close();
  });

  test('survives a restart, and is seen by other processes', async () => {
    const store = await openStore('sqlite::memory:');
    const here = await openHealthBoard(store, () => start);
    const there = await openHealthBoard(store, () => start);
    here.failed('a', 'm', failure({ kind: 'authentication', status: 401 }));
    await here.flush();
    await eventually(() => !there.usable('a', 'm'));
    expect(there.of('a', 'm')).toMatchObject({ state: 'suspended', why: 'authentication (401)' });
    const later = await openHealthBoard(store, () => start);
    expect(later.usable('a', 'm')).toBe(false);
    later.clear('a');
    await later.flush();
    await eventually(() => here.usable('a', 'm'));
    await Promise.all([here.close(), there.close(), later.close()]);
    await store.close();
  });

  test('writes what it could not write once the store is back', async () => {
    const store = await openStore('sqlite::memory:');
    let broken = true;
    const flaky = {
      ...store,
      transaction: ((work) =>
        broken ? Promise.reject(new Error('gone')) : store.transaction(work)) as typeof store.transaction,
    };
    const complaints: unknown[] = [];
    const board = await openHealthBoard(
      flaky,
      () => start,
      (error) => complaints.push(error),
    );
    board.failed('a', 'm', failure({}));
    await board.flush().catch(() => undefined);
    expect(board.usable('a', 'm')).toBe(false);
    broken = false;
    await board.flush();
    expect(await store.all('SELECT account FROM account_health')).toEqual([{ account: 'a' }]);
    await board.close();
    await store.close();
  });
});
