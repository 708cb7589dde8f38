import { describe, expect, test } from 'bun:test';
import { configuredAccount, type Account } from '../../src/accounts/account.ts';
import { memoryHealthBoard } from '../../src/accounts/health-board.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createAffinity } from '../../src/routing/affinity.ts';
import type { Route } from '../../src/routing/catalog.ts';
import { createChooser, type Chooser } from '../../src/routing/choice.ts';
import type { Strategy } from '../../src/routing/spread.ts';
import type { Failure } from '../../src/turn/failure.ts';

const start = 1_800_000_000_000;
const providerCalled = (name: string): Provider => ({ name }) as Provider;
const at = (name: string, model = 'm'): Route => ({ provider: providerCalled(name), model });
const failure = (scope: Failure['scope'], more: Partial<Failure> = {}): Failure => ({
  kind: 'rate_limited',
  scope,
  status: 429,
  message: 'no',
  retryable: true,
  ...more,
});

interface Setup {
  readonly accounts: Readonly<Record<string, readonly Account[]>>;
  readonly strategy?: Strategy;
}

async function setup({ accounts, strategy = 'balance' }: Setup) {
  let now = start;
  const health = memoryHealthBoard(() => now);
  const chooser = createChooser({
    accountsOf: ({ name }) => accounts[name] ?? [],
    health,
    affinity: createAffinity(() => now),
    strategy,
  });
  return {
    chooser,
    health,
    pass(ms: number) {
      now += ms;
    },
  };
}

const many = (provider: string, count: number, more: { weight?: number } = {}): Account[] =>
  Array.from({ length: count }, (_, i) =>
    configuredAccount(provider, { name: `a${i}`, token: 't', ...more }),
  );

/** One turn that goes well; the name of the account that had it. */
function turn(chooser: Chooser, conversation: string | undefined, routes = [at('p')]): string | undefined {
  const choice = chooser.choose(routes, conversation);
  const candidate = choice.next();
  if (candidate === undefined) return undefined;
  choice.succeeded();
  choice.ended();
  return candidate.account.name;
}

describe('the choice of an account', () => {
  test('a conversation stays where it is, and conversations are spread evenly', async () => {
    const { chooser } = await setup({ accounts: { p: many('p', 4) } });
    const load = new Map<string, number>();
    let moved = 0;
    for (let conversation = 0; conversation < 1000; conversation++) {
      const first = turn(chooser, `c${conversation}`)!;
      load.set(first, (load.get(first) ?? 0) + 1);
      for (let i = 1; i < 20; i++) if (turn(chooser, `c${conversation}`) !== first) moved++;
    }
    expect(moved).toBe(0);
    for (const count of load.values()) expect(Math.abs(count - 250)).toBeLessThanOrEqual(25);
  });

  test('weights share the conversations out', async () => {
    const accounts = [
      configuredAccount('p', { name: 'small', token: 't', weight: 1 }),
      configuredAccount('p', { name: 'big', token: 't', weight: 3 }),
    ];
    const { chooser } = await setup({ accounts: { p: accounts } });
    const names = Array.from({ length: 400 }, (_, i) => turn(chooser, `c${i}`));
    expect(Math.abs(names.filter((name) => name === 'big').length - 300)).toBeLessThanOrEqual(30);
  });

  test('another process finds most conversations where they are', async () => {
    const accounts = { p: many('p', 4) };
    const [here, there] = [await setup({ accounts }), await setup({ accounts })];
    const conversations = Array.from({ length: 400 }, (_, i) => `conversation ${i}`);
    const first = conversations.map((each) => turn(here.chooser, each));
    const same = conversations.filter((each, i) => turn(there.chooser, each) === first[i]);
    expect(same.length).toBe(400);
  });

  test('most are found where they are when they come in another order, as after a restart', async () => {
    const accounts = { p: many('p', 4) };
    const [here, there] = [await setup({ accounts }), await setup({ accounts })];
    const conversations = Array.from({ length: 1000 }, (_, i) => `conversation ${i}`);
    const first = new Map(conversations.map((each) => [each, turn(here.chooser, each)]));
    const same = conversations.toReversed().filter((each) => turn(there.chooser, each) === first.get(each));
    expect(same.length).toBeGreaterThan(800);
  });

  test('a limit on one is not felt while another can serve, and it comes back', async () => {
    const { chooser, pass } = await setup({ accounts: { p: many('p', 2) } });
    const mine = turn(chooser, 'c')!;
    const choice = chooser.choose([at('p')], 'c');
    expect(choice.next()).toMatchObject({ why: 'held', account: { name: mine } });
    choice.failed(failure('account', { retryAfterMs: 60_000 }));
    const other = choice.next()!;
    expect(other.account.name).not.toBe(mine);
    choice.succeeded();
    expect(choice.next()).toBeUndefined();
    expect(turn(chooser, 'c')).toBe(other.account.name);
    pass(60_000);
    const names = new Set(Array.from({ length: 20 }, (_, i) => turn(chooser, `n${i}`)));
    expect(names).toContain(mine);
  });

  test('a bad request cools nothing', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 2) } });
    const choice = chooser.choose([at('p')], 'c');
    choice.next();
    choice.failed(failure('request', { kind: 'invalid_request', status: 400 }));
    expect(health.list()).toEqual([]);
  });

  test('what a model lacks leaves the account to its other models', async () => {
    const { chooser } = await setup({ accounts: { p: many('p', 2) } });
    const choice = chooser.choose([at('p', 'big')], undefined);
    for (let i = 0; i < 2; i++) {
      choice.next();
      choice.failed(failure('model'));
      choice.ended();
    }
    expect(turn(chooser, undefined, [at('p', 'big')])).toBeUndefined();
    expect(turn(chooser, undefined, [at('p', 'small')])).toBeDefined();
  });

  test('the only account is asked even when it is not well: its own answer says more', async () => {
    const { chooser } = await setup({ accounts: { p: many('p', 1) } });
    for (let i = 0; i < 3; i++) {
      const choice = chooser.choose([at('p')], undefined);
      expect(choice.next()).toMatchObject({ why: 'only' });
      expect(choice.hasMore).toBe(false);
      choice.failed(failure('account', { retryAfterMs: 60_000 }));
      choice.ended();
    }
  });

  test('a provider that fails is left for another, and asked once more when nothing else is left', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 3), q: many('q', 1) } });
    const choice = chooser.choose([at('p'), at('q')], 'c');
    const asked: string[] = [];
    for (let next = choice.next(); next; next = choice.next()) {
      asked.push(`${next.route.provider.name} ${next.why}`);
      choice.failed(failure('provider', { kind: 'unreachable', status: 502 }));
    }
    expect(asked).toEqual(['p balance', 'q balance', 'p last-resort']);
    expect(health.list().map(({ account }) => account)).toEqual(['@q', '@p']);
  });

  test('a provider that was failing before is asked once, after all others', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 3), q: many('q', 2) } });
    health.failed('@p', '', failure('provider', { kind: 'overloaded', status: 529 }));
    const choice = chooser.choose([at('p'), at('q')], 'c');
    const asked: string[] = [];
    for (let next = choice.next(); next; next = choice.next()) {
      asked.push(next.route.provider.name);
      choice.failed(failure(next.route.provider.name === 'p' ? 'provider' : 'account'));
    }
    expect(asked).toEqual(['q', 'q', 'p']);
  });

  test('a provider that says how long to wait is not asked again before', async () => {
    const { chooser } = await setup({ accounts: { p: many('p', 3) } });
    const choice = chooser.choose([at('p')], 'c');
    choice.next();
    choice.failed(failure('provider', { kind: 'overloaded', status: 503, retryAfterMs: 20_000 }));
    expect(choice.hasMore).toBe(false);
    expect(choice.next()).toBeUndefined();
  });

  test('where another account of a provider serves, the fault was the first account’s', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 2) } });
    const choice = chooser.choose([at('p')], 'c');
    const { account } = choice.next()!;
    choice.failed(failure('provider', { kind: 'upstream', status: 500 }));
    choice.next();
    choice.succeeded();
    expect(health.list()).toMatchObject([{ account: account.id, state: 'cooling', strikes: 1 }]);
  });

  test('a failure in mid reply is remembered for the next request', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 2) } });
    const choice = chooser.choose([at('p')], 'c');
    const { account } = choice.next()!;
    choice.succeeded();
    choice.ended(failure('account'));
    expect(health.usable(account.id, 'm')).toBe(false);
    expect(turn(chooser, 'c')).not.toBe(account.name);
  });

  test('a probe that comes to nothing leaves the next one free', async () => {
    const { chooser, health, pass } = await setup({ accounts: { p: many('p', 2) } });
    for (const name of ['a0', 'a1']) health.failed(`config:p/${name}`, 'm', failure('account'));
    pass(15_000);
    const ask = () => chooser.choose([at('p')], undefined);
    const left = ask();
    const first = left.next()!.account.name;
    left.ended(failure('request', { kind: 'cancelled', status: 499 }));
    const refused = ask();
    refused.next();
    refused.failed(failure('request', { kind: 'invalid_request', status: 400 }));
    const names = [ask().next(), ask().next(), ask().next()].map((candidate) => candidate?.account.name);
    expect(names.slice(0, 2).sort()).toEqual(['a0', 'a1']);
    expect(names[2]).toBeUndefined();
    expect(['a0', 'a1']).toContain(first);
  });

  test('what is told to a client is known of all that were passed over', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 2) } });
    health.failed('config:p/a0', 'm', failure('account', { retryAfterMs: 30_000 }));
    health.failed('config:p/a1', 'm', failure('model', { kind: 'not_found', status: 404 }));
    const choice = chooser.choose([at('p')], 'c');
    expect(choice.next()).toBeUndefined();
    expect(choice.passedOver.map(({ why }) => why)).toEqual(['rate limited (429)', 'not found (404)']);
  });

  test('a conversation’s models are held each on its own, at several providers too', async () => {
    const { chooser, health } = await setup({ accounts: { p: many('p', 4), q: many('q', 4) } });
    const routes = [[at('p', 'big')], [at('p', 'small')], [at('q')]];
    const first = routes.map((each) => turn(chooser, 'c', each));
    for (let i = 0; i < 3; i++) expect(routes.map((each) => turn(chooser, 'c', each))).toEqual(first);
    health.failed(`config:p/${first[1]}`, 'small', failure('model', { retryAfterMs: 60_000 }));
    expect(turn(chooser, 'c', [at('p', 'small')])).not.toBe(first[1]);
    expect(turn(chooser, 'c', [at('p', 'big')])).toBe(first[0]);
  });

  test('lower priority numbers go first, the next only when those cannot', async () => {
    const accounts = [
      configuredAccount('p', { name: 'spare', token: 't', priority: 2 }),
      configuredAccount('p', { name: 'main', token: 't', priority: 1 }),
    ];
    const { chooser } = await setup({ accounts: { p: accounts } });
    const choice = chooser.choose([at('p')], 'c');
    expect(choice.next()!.account.name).toBe('main');
    choice.failed(failure('account'));
    expect(choice.next()!.account.name).toBe('spare');
  });

  test('an account that needs a login is passed over', async () => {
    const [first, second] = many('p', 2) as [Account, Account];
    const { chooser } = await setup({ accounts: { p: [{ ...first, state: 'needs_login' }, second] } });
    for (let i = 0; i < 5; i++) expect(turn(chooser, `c${i}`)).toBe('a1');
  });

  test('fill-first, round-robin and least-loaded do what their names say', async () => {
    const accounts = { p: many('p', 3) };
    const fill = await setup({ accounts, strategy: 'fill-first' });
    expect(['x', 'y', 'z'].map((each) => turn(fill.chooser, each))).toEqual(['a0', 'a0', 'a0']);
    fill.health.failed('config:p/a0', 'm', failure('account'));
    expect(turn(fill.chooser, 'x')).toBe('a1');
    fill.pass(15_000);
    expect(turn(fill.chooser, 'x')).toBe('a0');
    const robin = await setup({ accounts, strategy: 'round-robin' });
    expect(['x', 'y', 'z', 'w'].map((each) => turn(robin.chooser, each))).toEqual(['a0', 'a1', 'a2', 'a0']);
    const least = await setup({ accounts, strategy: 'least-loaded' });
    const open = ['x', 'y', 'z'].map((each) => least.chooser.choose([at('p')], each));
    expect(open.map((choice) => choice.next()!.account.name)).toEqual(['a0', 'a1', 'a2']);
    open[1]!.ended();
    expect(turn(least.chooser, 'w')).toBe('a1');
  });

  test('requests without a conversation are spread by weight, one after another too', async () => {
    const accounts = [
      configuredAccount('p', { name: 'small', token: 't', weight: 1 }),
      configuredAccount('p', { name: 'big', token: 't', weight: 3 }),
    ];
    for (const strategy of ['balance', 'round-robin', 'least-loaded'] as const) {
      const { chooser } = await setup({ accounts: { p: accounts }, strategy });
      const names = Array.from({ length: 40 }, () => turn(chooser, undefined));
      expect(names.filter((name) => name === 'big')).toHaveLength(30);
    }
  });

  test('an account that comes back does not catch up on what it missed', async () => {
    const { chooser, health, pass } = await setup({ accounts: { p: many('p', 2) }, strategy: 'round-robin' });
    health.failed('config:p/a1', 'm', failure('account', { retryAfterMs: 60_000 }));
    for (let i = 0; i < 50; i++) expect(turn(chooser, undefined)).toBe('a0');
    pass(60_000);
    const names = Array.from({ length: 10 }, () => turn(chooser, undefined));
    expect(names.filter((name) => name === 'a1')).toHaveLength(5);
  });

  test('a conversation is forgotten an hour after its last turn', () => {
    let now = start;
    const affinity = createAffinity(() => now);
    affinity.hold('c', 'a');
    now += 59 * 60_000;
    expect(affinity.held('c')).toBe('a');
    affinity.hold('c', 'a');
    now += 61 * 60_000;
    expect(affinity.held('c')).toBeUndefined();
  });
});
