/** Labels that say who made an opaque value: what a client can make of them that it was not given. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createVault, type Vault } from '../../src/accounts/vault.ts';
import { createOrigins, isMaker, type Origin } from '../../src/pipeline/origins.ts';
import { originLabel, readOriginLabel } from '../../src/protocols/opaque.ts';
import type { Route } from '../../src/routing/catalog.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { accountsCalled, ask, startBench, type Bench } from '../gateway/setup.ts';

const origin: Origin = { provider: 'p', account: 'config:p/one', model: 'm' };

/** A vault that counts what it is asked to open. */
function counting(): Vault & { opened: number } {
  const vault = createVault(new Uint8Array(32).fill(1));
  const counted = {
    ...vault,
    keyId: vault.keyId,
    opened: 0,
    open(...args: Parameters<Vault['open']>) {
      counted.opened++;
      return vault.open(...args);
    },
  };
  return counted;
}

describe('a sealed origin', () => {
  const vault = counting();
  const origins = createOrigins(vault);
  const sealed = origins.seal('ann', origin);

  test('is read for the caller that it was made for, and for nobody else', () => {
    expect(origins.read('ann', sealed)).toEqual(origin);
    for (const stranger of ['bob', '', 'ann\n', 'an', 'ann of reasoning of ann'])
      expect(origins.read(stranger, sealed)).toBe('strange');
  });

  test('with one character changed, left out or added, anywhere, is nobody’s', () => {
    // The last character may hold bits that stand for nothing.
    const bytes = (text: string) =>
      text.slice(0, -1) + Buffer.from(text.split('.').at(-1)!, 'base64url').toString('hex');
    const isSame = (changed: string) => bytes(changed) === bytes(sealed);
    for (let i = 0; i < sealed.length; i++) {
      const other = sealed[i] === 'A' ? 'B' : 'A';
      for (const changed of [
        sealed.slice(0, i) + other + sealed.slice(i + 1),
        sealed.slice(0, i) + sealed.slice(i + 1),
        `${sealed.slice(0, i)}A${sealed.slice(i)}`,
      ])
        expect([changed, typeof createOrigins(vault).read('ann', changed)]).toEqual([
          changed,
          isSame(changed) ? 'object' : 'string',
        ]);
    }
  });

  test('tells nothing of whom it names', () => {
    for (const text of [sealed, Buffer.from(sealed.split('.').at(-1)!, 'base64url').toString('latin1')])
      for (const word of Object.values(origin).filter((each) => each.length > 1))
        expect(text).not.toContain(word);
  });

  test('is not what else the vault has sealed', () => {
    for (const about of ['an account', 'the origin of reasoning of bob', ''])
      expect(origins.read('ann', vault.seal('["p","config:p/one","m"]', about))).toBe('strange');
  });

  test('that is longer than any of ours is neither opened nor remembered', () => {
    const before = vault.opened;
    const long = `v1.${vault.keyId}.${'A'.repeat(1_000_000)}`;
    for (let i = 0; i < 3; i++) expect(origins.read('ann', `${long}${i}`)).toBe('strange');
    expect(vault.opened).toBe(before);
    const longest = { provider: 'p'.repeat(64), account: 'a'.repeat(200), model: 'm'.repeat(200) };
    expect(origins.read('ann', origins.seal('ann', longest))).toEqual(longest);
  });

  test.each([false, true])('in a label that lies about its length is no label; base64: %p', (isBase64) => {
    const label = originLabel(sealed, { isBase64 });
    expect(readOriginLabel(`${label}value`)).toEqual({ sealed, length: label.length });
    for (const cut of [label.slice(0, -1), label.slice(0, 8), '']) {
      const found = readOriginLabel(cut);
      expect(found === undefined || found.length <= cut.length).toBe(true);
    }
    for (const lie of ['-01', '9e9', '1e1', ' 1 ', 'NaN', '0x9'])
      expect(readOriginLabel(`${btoa('drgo1:')}${btoa(lie.slice(0, 3))}AAAA`)?.length ?? 0).toBeLessThan(100);
  });
});

test('nobody but the maker is the maker: not another model, provider, or account of an account’s own', () => {
  const route = (provider: string, model: string) =>
    ({ provider: { name: provider }, model }) as unknown as Route;
  const one = { id: 'config:p/one' };
  const rules = (accountBound: boolean) => ({ accountBound }) as never;
  expect(isMaker(origin, route('p', 'm'), one, rules(true))).toBe(true);
  expect(isMaker(origin, route('p', 'other'), one, rules(true))).toBe(false);
  expect(isMaker(origin, route('q', 'm'), one, rules(true))).toBe(false);
  expect(isMaker(origin, route('p', 'm'), { id: 'config:p/two' }, rules(true))).toBe(false);
  expect(isMaker(origin, route('p', 'm'), { id: 'config:p/two' }, rules(false))).toBe(true);
});

describe('a labelled value', () => {
  let bench: Bench;
  let state: State;
  const keys: Record<string, string> = {};
  const value = `gAAAA${'x'.repeat(200)}`;
  beforeAll(async () => {
    const vault = createVault(new Uint8Array(32).fill(3));
    state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
    bench = startBench({
      state,
      providers: (url) => [
        {
          name: 'responses',
          type: 'openai',
          base_url: `${url}/v1`,
          protocols: ['openai-responses'],
          accounts: accountsCalled('one', 'two'),
          models: ['m', 'n'],
        },
      ],
    });
    for (const name of ['ann', 'bob']) keys[name] = (await state.keys!.create({ name })).secret;
  });
  afterAll(async () => {
    await bench.stop();
    await state.close();
  });

  const reasoning = (encrypted_content: string) => ({
    id: 'rs_1',
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: 'hm' }],
    encrypted_content,
  });
  async function send(who: string, model: string, input: unknown[]) {
    bench.upstream.reset();
    bench.upstream.handle(() => ({
      kind: 'body',
      body: JSON.stringify({
        id: 'resp_1',
        object: 'response',
        created_at: 1,
        status: 'completed',
        model,
        output: [reasoning(value)],
        usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
      }),
    }));
    const include = ['reasoning.encrypted_content'];
    const response = await ask(
      bench,
      'responses',
      { model: `responses/${model}`, input, include, store: false },
      { headers: { 'content-type': 'application/json', authorization: `Bearer ${keys[who]}` } },
    );
    expect(response.status).toBe(200);
    const { output } = (await response.json()) as { output: { encrypted_content: string }[] };
    return { given: output[0]!.encrypted_content, arrived: bench.upstream.requests.at(-1)!.text };
  }
  const user = { role: 'user', content: 'hi' };

  test('comes home by its own caller and model, and by no other', async () => {
    const { given } = await send('ann', 'm', [user]);
    expect(given).toEndWith(value);
    expect(given.length).toBeGreaterThan(value.length);
    const history = [user, reasoning(given), user];
    const home = await send('ann', 'm', history);
    expect(home.arrived).toContain(value);
    expect(home.arrived).not.toContain('drgo1');
    for (const [who, model] of [
      ['bob', 'm'],
      ['ann', 'n'],
      ['bob', 'n'],
    ] as const)
      expect([who, model, (await send(who, model, history)).arrived.includes(value)]).toEqual([
        who,
        model,
        false,
      ]);
  });

  test('with a changed label comes to nobody, and the label to no upstream', async () => {
    const { given } = await send('ann', 'm', [user]);
    const label = given.slice(0, given.length - value.length);
    for (const at of [20, Math.floor(label.length / 2), label.length - 3]) {
      const changed = label.slice(0, at) + (label[at] === 'A' ? 'B' : 'A') + label.slice(at + 1);
      const { arrived } = await send('ann', 'm', [user, reasoning(changed + value), user]);
      expect(arrived).not.toContain(value);
    }
    // The value behind a label is whatever the client says: its maker judges it, and nobody else sees it.
    const { arrived } = await send('ann', 'm', [user, reasoning(`${label}gAAAAforged`), user]);
    expect(arrived).toContain('"gAAAAforged"');
  });
});
