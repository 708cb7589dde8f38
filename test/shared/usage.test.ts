/** Usage, budgets and limits under many streams at once, with everything kept in a store. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyRules } from '../../src/access/rules.ts';
import { createVault } from '../../src/accounts/vault.ts';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, providerSchemas, type Gateway } from '../../src/gateway.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, type SurfaceName } from '../gateway/setup.ts';
import { startCountingVendor, type Course, type CountingVendor, type Stated } from './counting-vendor.ts';
import { many } from './setup.ts';

const dir = mkdtempSync(join(tmpdir(), 'dragoman-usage-'));
const vault = createVault(new Uint8Array(32).fill(7));
let files = 0;
let path: string;
let vendor: CountingVendor;
let state: State;
let gateway: Gateway;
let url: string;

beforeEach(() => {
  path = join(dir, `${++files}.db`);
});
afterEach(async () => {
  await stop();
  await vendor.stop();
});
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

async function start(): Promise<void> {
  const accounts = [
    { name: 'first', api_key: 'first' },
    { name: 'second', api_key: 'second', priority: 1 },
  ];
  const config = configSchema(providerSchemas).parse({
    providers: [
      { name: 'claude', type: 'anthropic', accounts, models: ['claude-opus-4-6'] },
      { name: 'gpt', type: 'openai', accounts, models: ['gpt-5.4'], protocols: ['openai-chat'] },
    ],
  });
  state = await openState({ stored: { store: await openStore(`sqlite:${path}`), vault } });
  gateway = createGateway({
    config,
    version: 'test',
    metrics: () => '',
    fetch: vendor.fetch,
    recorder: { record() {}, streamsOpen() {} },
    state,
  });
  ({ url } = gateway.listen({ host: '127.0.0.1', port: 0 }));
}

async function stop(): Promise<void> {
  await gateway.stop({ drainMs: 0 });
  await state.close();
}

const keyWith = async (rules: KeyRules = {}) => {
  const { key, secret } = await state.keys!.create({ name: 'k', rules });
  return { id: key.id, authorization: `Bearer ${secret}` };
};

/** Asks for a reply that goes a certain way and returns its status; a held one is left half way. */
async function turn(
  authorization: string,
  course: Course,
  surface: SurfaceName = 'messages',
  model = 'claude/claude-opus-4-6',
): Promise<number> {
  const leaving = new AbortController();
  const response = await ask(
    { url },
    surface,
    {
      model,
      ...(course === 'plain' ? {} : { stream: true }),
      [surface === 'responses' ? 'input' : 'messages']: [{ role: 'user', content: `course=${course}` }],
    },
    { headers: { 'content-type': 'application/json', authorization }, signal: leaving.signal },
  );
  if (course !== 'held') {
    await response.text().catch(() => '');
    return response.status;
  }
  const reader = response.body!.getReader();
  for (let text = ''; !text.includes(' half');) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  leaving.abort();
  return response.status;
}

async function settled(): Promise<void> {
  for (let i = 0; i < 500 && vendor.open > 0; i++) await Bun.sleep(10);
  expect(vendor.open).toBe(0);
  await Bun.sleep(50);
}

/** The ledger's sums by account, in the vendor's terms. */
async function booked(): Promise<Map<string, Stated>> {
  const rows = await state.usage!.sums({ fromMs: 0, by: 'account' });
  const sums = new Map<string, Stated>();
  for (const row of rows) {
    const account = row.by.split('/')[1]!;
    const known = sums.get(account) ?? { fresh: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };
    known.fresh += row.tokensFresh;
    known.cacheRead += row.tokensCacheRead;
    known.cacheWrite += row.tokensCacheWrite;
    known.output += row.tokensOutput;
    known.reasoning += row.tokensReasoning;
    sums.set(account, known);
  }
  return sums;
}

const total = (sums: Iterable<Stated>): number =>
  [...sums].reduce((sum, each) => sum + Object.values(each).reduce((a: number, b: number) => a + b, 0), 0);

/** What Opus 4.6 costs, in billionths of a dollar a token. */
const costOf = ({ fresh, cacheRead, cacheWrite, output }: Stated): number =>
  fresh * 5000 + cacheRead * 500 + cacheWrite * 6250 + output * 25_000;

describe('usage', () => {
  test('is to the token what the upstream stated, on 200 streams at once however they end, and after a restart', async () => {
    vendor = startCountingVendor();
    await start();
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
    const turns = ways.flatMap(([count, ...way]) => many(count, () => turn(authorization, ...way)));
    expect(turns.length).toBe(200);
    expect(new Set(await Promise.all(turns))).toEqual(new Set([200]));
    await settled();
    expect(await booked()).toEqual(new Map(vendor.stated));

    const [row] = await state.usage!.sums({ fromMs: 0, by: 'key' });
    expect(row).toMatchObject({ by: id, requests: 200, failed: 45, unpriced: 0 });
    const spent = await state.usage!.spent(id);
    expect(spent.day.tokens).toBe(total(vendor.stated.values()));
    const [claude] = await state.usage!.sums({ fromMs: 0, by: 'model' });
    expect(claude).toMatchObject({ by: 'claude-opus-4-6', requests: 165 });
    expect(claude!.nanoUsd).toBe(
      claude!.tokensFresh * 5000 +
        claude!.tokensCacheRead * 500 +
        claude!.tokensCacheWrite * 6250 +
        claude!.tokensOutput * 25_000,
    );

    await stop();
    await start();
    expect(await booked()).toEqual(new Map(vendor.stated));
    expect(await state.usage!.spent(id)).toEqual(spent);
  }, 20_000);

  test('of a turn that is tried again is booked where each try was made', async () => {
    vendor = startCountingVendor();
    await start();
    const { id, authorization } = await keyWith();
    // The first account begins to answer, states what it has read, and is overloaded.
    const statuses = await Promise.all(many(30, () => turn(authorization, 'overloaded')));
    expect(new Set(statuses)).toEqual(new Set([200]));
    await settled();
    expect([...vendor.stated.keys()].sort()).toEqual(['first', 'second']);
    expect(await booked()).toEqual(new Map(vendor.stated));
    expect((await state.usage!.spent(id)).day.tokens).toBe(total(vendor.stated.values()));
    const rows = await state.usage!.sums({ fromMs: 0, by: 'account' });
    expect(rows.map(({ by, requests, failed }) => [by, requests, failed])).toEqual([
      ['config:claude/first', 0, 0],
      ['config:claude/second', 30, 0],
    ]);
  }, 20_000);
});

describe('200 requests at once', () => {
  /** Asks in waves until nothing is let in any more; returns how often each status came. */
  async function press(
    authorization: string,
    waves: number,
    atOnce: number,
  ): Promise<Record<number, number>> {
    const seen: Record<number, number> = {};
    for (let wave = 0; wave < waves; wave++) {
      for (const each of await Promise.all(many(atOnce, () => turn(authorization, 'whole')))) {
        seen[each] = (seen[each] ?? 0) + 1;
      }
    }
    return seen;
  }

  test('exceed a budget of tokens by what is under way at most, also after a restart', async () => {
    vendor = startCountingVendor();
    await start();
    const budget = 100_000;
    const { id, authorization } = await keyWith({ per_day: { tokens: budget }, concurrent: 20 });
    const seen = await press(authorization, 5, 200);
    await settled();
    const { tokens } = (await state.usage!.spent(id)).day;
    const largest = Math.ceil(tokens / seen[200]!) * 2;
    expect(tokens).toBe(total(vendor.stated.values()));
    expect(tokens).toBeWithin(budget, budget + 20 * largest);
    expect(vendor.openMax).toBeLessThanOrEqual(20);
    expect(seen[402]).toBeGreaterThan(0);
    expect((seen[200] ?? 0) + (seen[402] ?? 0) + (seen[429] ?? 0)).toBe(1000);
    const calls = vendor.calls;
    await stop();
    await start();
    expect(await press(authorization, 1, 200)).toEqual({ 402: 200 });
    expect(vendor.calls).toBe(calls);
  }, 20_000);

  test('exceed a budget of money by what is under way at most', async () => {
    vendor = startCountingVendor();
    await start();
    const { id, authorization } = await keyWith({ per_day: { usd: 0.5 }, concurrent: 10 });
    const seen = await press(authorization, 14, 200);
    await settled();
    const { nanoUsd } = (await state.usage!.spent(id)).day;
    expect(nanoUsd).toBe([...vendor.stated.values()].reduce((sum, each) => sum + costOf(each), 0));
    expect(nanoUsd).toBeWithin(0.5e9, 0.5e9 + 10 * ((2 * nanoUsd) / seen[200]!));
    expect(seen[402]).toBeGreaterThan(0);
  }, 20_000);

  test('are let in as often as the rate says', async () => {
    vendor = startCountingVendor();
    await start();
    const { authorization } = await keyWith({ requests_per_minute: 50 });
    const seen = await press(authorization, 1, 200);
    // It refills while they come: one in 1.2 s.
    expect(seen[200]).toBeWithin(50, 54);
    expect(seen[429]).toBe(200 - seen[200]!);
  }, 20_000);

  test('fill a rate of tokens once, and then none is let in', async () => {
    vendor = startCountingVendor();
    await start();
    const { authorization } = await keyWith({ tokens_per_minute: 5_000 });
    const first = await press(authorization, 1, 200);
    const then = await press(authorization, 1, 200);
    expect(first).toEqual({ 200: 200 });
    expect(then).toEqual({ 429: 200 });
  }, 20_000);

  test('never hold more places than the key has, however they end, and give each back', async () => {
    vendor = startCountingVendor(1);
    await start();
    const { authorization } = await keyWith({ concurrent: 25 });
    const courses: Course[] = ['whole', 'held', 'cut', 'failed', 'plain'];
    for (let wave = 0; wave < 4; wave++) {
      const turns = Array.from({ length: 200 }, (_, i) => turn(authorization, courses[i % courses.length]!));
      expect((await Promise.all(turns)).filter((each) => each === 200).length).toBeGreaterThanOrEqual(25);
    }
    await settled();
    expect(vendor.openMax).toBeLessThanOrEqual(25);
    // All places are free again: exactly so many are let in at once.
    const last = await Promise.all(many(200, () => turn(authorization, 'whole')));
    expect(last.filter((each) => each === 200).length).toBeGreaterThanOrEqual(25);
  }, 20_000);
});
