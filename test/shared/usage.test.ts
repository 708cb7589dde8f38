/** Usage, budgets and limits of a real gateway under many streams at once. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyRules } from '../../src/access/rules.ts';
import type { UsageQuery, UsageRow } from '../../src/access/usage-ledger.ts';
import { ask, type SurfaceName } from '../gateway/setup.ts';
import { startCountingVendor, type Course, type CountingVendor, type Stated } from './counting-vendor.ts';
import { many, openSharedState, startShared, type Running } from './setup.ts';
import { eventually } from '../support/eventually.ts';

const dir = mkdtempSync(join(tmpdir(), 'dragoman-usage-'));
afterAll(() => rmSync(dir, { recursive: true }));
let files = 0;
let turns = 0;
let address: string;
let vendor: CountingVendor;
let gateway: Running;

beforeEach(async () => {
  address = `sqlite:${join(dir, `${++files}.db`)}`;
  vendor = startCountingVendor();
  await start();
});
afterEach(async () => {
  await gateway.remove();
  await vendor.stop();
});

async function start(): Promise<void> {
  const accounts = [
    { name: 'first', api_key: 'first' },
    { name: 'second', api_key: 'second', priority: 1 },
  ];
  const providers = [
    { name: 'claude', type: 'anthropic', accounts, models: ['claude-opus-4-6'] },
    { name: 'gpt', type: 'openai', accounts, models: ['gpt-5.4'], protocols: ['openai-chat'] },
  ];
  gateway = await startShared(address, providers, {}, { TEST_NETWORK: vendor.url });
}

async function restart(): Promise<void> {
  gateway.signal('SIGTERM');
  expect(await gateway.ended).toBe(0);
  await gateway.remove();
  await start();
}

/** A key, once the gateway knows it. */
async function keyWith(rules: KeyRules = {}): Promise<{ id: string; authorization: string }> {
  const state = await openSharedState(address);
  const { key, secret } = await state.keys!.create({ name: 'k', rules });
  await state.close();
  const authorization = `Bearer ${secret}`;
  // Before it knows any, it lets everybody in.
  const isKnown = async (): Promise<boolean> => {
    const [with_, without] = await Promise.all([
      fetch(`${gateway.url}/v1/models`, { headers: { authorization } }),
      fetch(`${gateway.url}/v1/models`),
    ]);
    return with_.status === 200 && without.status === 401;
  };
  await eventually(isKnown);
  return { id: key.id, authorization };
}

/** What the store has of usage. */
async function sums(by: UsageQuery['by']): Promise<UsageRow[]> {
  const state = await openSharedState(address);
  const rows = await state.usage!.sums({ fromMs: 0, by });
  await state.close();
  return rows;
}

/** Asks for a reply that goes a certain way and returns its status; a held one is left half way, a cut one ends there. */
async function turn(
  authorization: string,
  course: Course,
  surface: SurfaceName = 'messages',
  model = 'claude/claude-opus-4-6',
): Promise<number> {
  const leaving = new AbortController();
  const id = ++turns;
  const response = await ask(
    gateway,
    surface,
    {
      model,
      ...(course === 'plain' ? {} : { stream: true }),
      [surface === 'responses' ? 'input' : 'messages']: [
        { role: 'user', content: `course=${course} turn=${id}` },
      ],
    },
    { headers: { 'content-type': 'application/json', authorization }, signal: leaving.signal },
  );
  const reader = response.body!.getReader();
  for (let text = '', half = false; ;) {
    const { value, done } = await reader.read();
    if (done) return response.status;
    text += new TextDecoder().decode(value);
    if (half || !text.includes(' half')) continue;
    half = true;
    // What the gateway has passed on it has counted, too.
    vendor.cut(id);
    if (course === 'held') {
      leaving.abort();
      return response.status;
    }
  }
}

/** Waits until every stream has ended, and what was used by so many requests is written. */
async function settled(requests: number): Promise<void> {
  await eventually(() => vendor.open === 0);
  await eventually(async () => {
    const written = await sums('key');
    return written.reduce((sum, row) => sum + row.requests, 0) >= requests;
  });
}

/** The ledger's sums by account, in the vendor's terms. */
async function booked(): Promise<Map<string, Stated>> {
  const booked = new Map<string, Stated>();
  for (const row of await sums('account')) {
    const account = row.by.split('/')[1]!;
    const known = booked.get(account) ?? { fresh: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };
    known.fresh += row.tokensFresh;
    known.cacheRead += row.tokensCacheRead;
    known.cacheWrite += row.tokensCacheWrite;
    known.output += row.tokensOutput;
    known.reasoning += row.tokensReasoning;
    booked.set(account, known);
  }
  return booked;
}

const total = (sums: Iterable<Stated>): number =>
  [...sums].reduce((sum, each) => sum + Object.values(each).reduce((a: number, b: number) => a + b, 0), 0);

/** What Opus 4.6 costs, in billionths of a dollar a token. */
const costOf = ({ fresh, cacheRead, cacheWrite, output }: Stated): number =>
  fresh * 5000 + cacheRead * 500 + cacheWrite * 6250 + output * 25_000;

describe('usage', () => {
  test('is to the token what the upstream stated, on 200 streams at once however they end, and after a restart', async () => {
    const { id, authorization } = await keyWith();
    const ways: [count: number, course: Course, surface: SurfaceName, model?: string][] = [
      [40, 'whole', 'messages'],
      [20, 'whole', 'chat'],
      [20, 'plain', 'messages'],
      [20, 'held', 'messages'],
      [20, 'held', 'responses'],
      [15, 'cut', 'messages'],
      [15, 'failed', 'messages'],
      [15, 'failed', 'chat'],
      [20, 'whole', 'chat', 'gpt/gpt-5.4'],
      [15, 'plain', 'responses', 'gpt/gpt-5.4'],
    ];
    vendor.together = 200;
    const turns = ways.flatMap(([count, ...way]) => many(count, () => turn(authorization, ...way)));
    expect(turns.length).toBe(200);
    expect(new Set(await Promise.all(turns))).toEqual(new Set([200]));
    await settled(200);
    expect(vendor.openMax).toBe(200);
    expect(await booked()).toEqual(new Map(vendor.stated));

    const byKey = await sums('key');
    expect(byKey).toMatchObject([{ by: id, requests: 200, failed: 45, unpriced: 0 }]);
    const [claude] = await sums('model');
    expect(claude).toMatchObject({ by: 'claude-opus-4-6', requests: 165 });
    expect(claude!.nanoUsd).toBe(
      claude!.tokensFresh * 5000 +
        claude!.tokensCacheRead * 500 +
        claude!.tokensCacheWrite * 6250 +
        claude!.tokensOutput * 25_000,
    );
    await restart();
    expect(await sums('key')).toEqual(byKey);
  }, 60_000);

  test('of a turn that is tried again is booked where each try was made', async () => {
    const { authorization } = await keyWith();
    // The first account begins to answer, states what it has read, and is overloaded.
    const statuses = await Promise.all(many(30, () => turn(authorization, 'overloaded')));
    expect(new Set(statuses)).toEqual(new Set([200]));
    await settled(30);
    expect([...vendor.stated.keys()].sort()).toEqual(['first', 'second']);
    expect(await booked()).toEqual(new Map(vendor.stated));
    const rows = await sums('account');
    expect(rows.map(({ by, requests, failed }) => [by, requests, failed])).toEqual([
      ['config:claude/first', 0, 0],
      ['config:claude/second', 30, 0],
    ]);
  }, 60_000);
});

describe('200 requests at once', () => {
  /** Asks in waves until nothing is let in any more, or `waves` are over; returns how often each status came. */
  async function press(authorization: string, waves: number): Promise<Record<number, number>> {
    const seen: Record<number, number> = {};
    for (let wave = 0; wave < waves && seen[402] === undefined; wave++) {
      for (const each of await Promise.all(many(200, () => turn(authorization, 'whole')))) {
        seen[each] = (seen[each] ?? 0) + 1;
      }
    }
    return seen;
  }

  test('exceed a budget of tokens by what is under way at most, also after a restart', async () => {
    const budget = 100_000;
    const { authorization } = await keyWith({ per_day: { tokens: budget }, concurrent: 20 });
    vendor.thinkMs = 50;
    const seen = await press(authorization, 30);
    await settled(seen[200]!);
    const tokens = total(vendor.stated.values());
    expect(total((await booked()).values())).toBe(tokens);
    const largest = Math.ceil(tokens / seen[200]!) * 2;
    expect(tokens).toBeWithin(budget, budget + 20 * largest);
    expect(vendor.openMax).toBe(20);
    expect(seen[402]).toBeGreaterThan(0);
    const { calls } = vendor;
    await restart();
    expect(await press(authorization, 1)).toEqual({ 402: 200 });
    expect(vendor.calls).toBe(calls);
  }, 60_000);

  test('exceed a budget of money by what is under way at most', async () => {
    const { authorization } = await keyWith({ per_day: { usd: 0.5 }, concurrent: 10 });
    vendor.thinkMs = 20;
    const seen = await press(authorization, 60);
    await settled(seen[200]!);
    const [{ nanoUsd }] = (await sums('key')) as [UsageRow];
    expect(nanoUsd).toBe([...vendor.stated.values()].reduce((sum, each) => sum + costOf(each), 0));
    expect(nanoUsd).toBeWithin(0.5e9, 0.5e9 + 10 * ((2 * nanoUsd) / seen[200]!));
    expect(seen[402]).toBeGreaterThan(0);
  }, 60_000);

  test('are let in as often as the rates say', async () => {
    const byRequests = await keyWith({ requests_per_minute: 50 });
    const seen = await press(byRequests.authorization, 1);
    // It refills while they come: one in 1.2 s.
    expect(seen[200]).toBeWithin(50, 56);
    expect(seen[429]).toBe(200 - seen[200]!);

    // What a turn uses is known at its end: some are let in, and then none until a minute has drained them.
    const byTokens = await keyWith({ tokens_per_minute: 5_000 });
    const first = await press(byTokens.authorization, 1);
    expect(first[200]).toBeGreaterThan(3);
    expect(first[200]! + (first[429] ?? 0)).toBe(200);
    expect(await press(byTokens.authorization, 1)).toEqual({ 429: 200 });
  }, 60_000);

  test('never hold more places than the key has, however they end, and give each back', async () => {
    const { authorization } = await keyWith({ concurrent: 25 });
    const courses: Course[] = ['whole', 'held', 'cut', 'failed', 'plain'];
    vendor.together = 25;
    for (let wave = 0; wave < 4; wave++) {
      const turns = Array.from({ length: 200 }, (_, i) => turn(authorization, courses[i % courses.length]!));
      await Promise.all(turns);
    }
    await eventually(() => vendor.open === 0);
    expect(vendor.openMax).toBe(25);
    // All places are free again.
    const last = await Promise.all(many(25, () => turn(authorization, 'whole')));
    expect(new Set(last)).toEqual(new Set([200]));
  }, 60_000);
});
