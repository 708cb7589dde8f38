/** What is tried again elsewhere, what cools, and what the client sees, for every fault, lane and form of reply. */
import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { memoryState } from '../../src/server/state.ts';
import { answers, breaks, heads, stalls, type Cooled, type Fault } from './faults.ts';
import { readReply } from './replies.ts';
import {
  ask,
  askedAt,
  hello,
  startBench,
  surfaceNames,
  type Bench,
  type BenchOptions,
  type SurfaceName,
} from './setup.ts';
import { eventually } from '../support/eventually.ts';

const state = memoryState();
const options: BenchOptions = {
  accounts: ['a', 'b', 'c'],
  top: { routing: { strategy: 'fill-first' } },
  state,
};
const bench = startBench(options);
const stallState = memoryState();
const stalling = startBench({ ...options, server: { idle_ms: 500 }, state: stallState });

afterEach(() => {
  for (const { upstream, records } of [bench, stalling]) {
    upstream.reset();
    records.length = 0;
  }
  for (const { health } of [state, stallState])
    for (const { account } of health.list()) health.clear(account);
});
afterAll(() => Promise.all([bench.stop(), stalling.stop()]));

/** A client that speaks another protocol than the upstream. */
const foreign: Record<SurfaceName, SurfaceName> = {
  chat: 'messages',
  responses: 'chat',
  messages: 'gemini',
  gemini: 'responses',
};
const serves = (upstream: SurfaceName) => ({ kind: 'stream', blocks: hello[upstream].blocks }) as const;

const cases = surfaceNames.flatMap((upstream) =>
  (['native', 'translated'] as const).flatMap((lane) =>
    [true, false].map(
      (stream) => [upstream, lane, stream, lane === 'native' ? upstream : foreign[upstream]] as const,
    ),
  ),
);

/** What the board says after one failure, with the time left in milliseconds. */
function cooledAt(board: typeof state, upstream: SurfaceName) {
  return board.health.list().map(({ account, model, state: how, untilMs }) => ({
    account: account.replace(`config:${upstream}/`, ''),
    model,
    state: how,
    leftMs: untilMs - Date.now(),
  }));
}

function expectCooled(
  board: typeof state,
  upstream: SurfaceName,
  cooled: Cooled | undefined,
  served: boolean,
) {
  const found = cooledAt(board, upstream);
  if (cooled === undefined) return expect(found).toEqual([]);
  expect(found).toHaveLength(1);
  const [entry] = found;
  expect(entry).toMatchObject({
    account: cooled.what === 'provider' && !served ? `@${upstream}` : 'a',
    model: cooled.what === 'model' ? 'm' : '',
    state: cooled.state,
  });
  expect(entry!.leftMs).toBeLessThanOrEqual(cooled.forMs);
  expect(entry!.leftMs).toBeGreaterThan(cooled.forMs - 1_500);
}

/** Nothing is left running at the upstream. */
async function allClosed({ upstream }: Bench): Promise<void> {
  await eventually(() => upstream.openCount() === 0);
}

/** Asks once, with the fault at the first account and all others well, and checks everything that follows. */
async function expectFollows(
  at: Bench,
  board: typeof state,
  fault: Fault,
  [upstream, lane, stream, surface]: (typeof cases)[number],
): Promise<void> {
  at.upstream.enqueue(fault.script(upstream)!, serves(upstream));
  const response = await ask(at, surface, { model: `${upstream}/m`, stream });
  const reply = await readReply(surface, response, stream);
  const [record] = at.records;
  expect(at.upstream.requests.map(askedAt)).toEqual(fault.moves ? ['a', 'b'] : ['a']);
  expectCooled(board, upstream, fault.cooled, fault.moves);
  expect(record).toMatchObject({
    lane,
    attempts: fault.moves ? 2 : 1,
    account: fault.moves ? 'b' : 'a',
    outcome: fault.moves ? 'ok' : 'error',
  });
  if (fault.moves) {
    expect(reply).toEqual({ status: 200, text: 'Hello world', failed: false });
    expect(record!.chosen).toBe(fault.cooled?.what === 'provider' ? 'last-resort' : 'fill-first');
    expect(record!.refusals).toMatchObject([
      { account: 'a', chosen: 'fill-first', scope: fault.cooled!.what },
    ]);
  } else {
    expect(reply).toEqual({ status: fault.status!, text: '', failed: true });
  }
  await allClosed(at);
}

describe.each(cases)('%s upstream, %s lane, stream: %p', (...at) => {
  const [upstream, , stream, surface] = at;

  const known = [...answers, ...heads].filter((fault) => fault.script(upstream) !== undefined);
  test.each(known.map((fault) => [fault.name, fault] as const))('%s', async (_, fault) => {
    await expectFollows(bench, state, fault, at);
  });

  if (upstream === 'chat' || upstream === 'messages') {
    test.each(stalls.map((fault) => [fault.name, fault] as const))('%s', async (_, fault) => {
      await expectFollows(stalling, stallState, fault, at);
    });
  }

  test.each(breaks.map((fault) => [fault.name, fault] as const))(
    '%s after the first word',
    async (_, fault) => {
      bench.upstream.enqueue(fault.script(upstream)!, serves(upstream));
      const response = await ask(bench, surface, { model: `${upstream}/m`, stream });
      const reply = await readReply(surface, response, stream);
      const asked = bench.upstream.requests.map(askedAt);
      if (stream) {
        // The client has a word already: it keeps it, learns that the rest is missing, and nobody else is asked.
        expect(asked).toEqual(['a']);
        expect(reply).toEqual({ status: 200, text: 'Hello', failed: true });
      } else {
        expect(asked).toEqual(['a', 'b']);
        expect(reply).toEqual({ status: 200, text: 'Hello world', failed: false });
      }
      expect(bench.records).toHaveLength(1);
      expectCooled(state, upstream, fault.cooled, !stream);
    },
  );
});
