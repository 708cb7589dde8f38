import { describe, expect, test } from 'bun:test';
import { configuredAccount } from '../../src/accounts/account.ts';
import type { ModelInfo, Provider } from '../../src/providers/provider.ts';
import { createCatalog, publicName } from '../../src/routing/catalog.ts';

function provider(name: string, configured?: string[], discover?: () => Promise<ModelInfo[]>): Provider {
  return {
    name,
    type: 'openai',
    protocols: () => ['openai-chat'],
    abilities: () => ({}),
    configured: configured?.map((id) => ({ id })),
    discover: discover ?? (async () => []),
    prepare: () => ({ url: '', headers: {}, body: '' }),
    send: async () => new Response(),
    accounts: [],
    anonymous: true,
  };
}

const account = configuredAccount('one', { name: 'a', token: 't' });
const ask = (each: Provider, signal: AbortSignal) => each.discover(signal, account);

const target = async (catalog: ReturnType<typeof createCatalog>, name: string, only?: string) => {
  const result = await catalog.resolve(name, only);
  return result.found
    ? result.routes.map(({ provider: { name }, model }) => `${name}:${model}`).join(' ')
    : result.near;
};

describe('finding a model', () => {
  const catalog = createCatalog(
    [
      provider('one', ['gpt-small', 'shared']),
      provider('two', ['shared', 'org/deep-model']),
      provider('open', undefined, async () => [{ id: 'found-model' }]),
    ],
    { fast: [{ target: 'two/shared' }, { target: 'one/gpt-small', effort: 'low' }] },
    Date.now,
    ask,
  );

  test.each([
    ['one/gpt-small', 'one:gpt-small'],
    ['two/org/deep-model', 'two:org/deep-model'],
    ['org/deep-model', 'two:org/deep-model'],
    ['shared', 'one:shared'],
    ['fast', 'two:shared one:gpt-small'],
    ['one/gpt-small(high)', 'one:gpt-small'],
    ['shared(low)', 'one:shared'],
    ['found-model', 'open:found-model'],
    ['open/anything-at-all', 'open:anything-at-all'],
  ])('%s goes to %s', async (name, expected) => {
    expect(await target(catalog, name)).toBe(expected);
  });

  test('a name within one provider only, with or without its prefix', async () => {
    expect(await target(catalog, 'shared', 'two')).toBe('two:shared');
    expect(await target(catalog, 'two/shared', 'two')).toBe('two:shared');
    expect(await target(catalog, 'gpt-small', 'two')).toEqual([]);
  });

  test('an unknown name is answered with those near it', async () => {
    expect(await target(catalog, 'gpt-smal')).toEqual(['one/gpt-small']);
    expect(await target(catalog, 'one/gpt-smal')).toEqual(['one/gpt-small']);
    expect(await target(catalog, 'fsat')).toContain('fast');
  });
});

test('the list has the aliases first, under their own names', async () => {
  const catalog = createCatalog([provider('one', ['m'])], { fast: [{ target: 'one/m' }] }, Date.now, ask);
  const { models } = await catalog.list();
  expect(models.map(publicName)).toEqual(['fast', 'one/m']);
  expect((await catalog.list('one')).models.map(publicName)).toEqual(['one/m']);
});

describe('discovery', () => {
  test('asks once for many, keeps the answer, and serves the last one while the upstream is away', async () => {
    let asked = 0;
    let away = false;
    let nowMs = 0;
    const open = provider('open', undefined, async () => {
      asked++;
      if (away) throw new Error('away');
      return [{ id: 'm' }];
    });
    const catalog = createCatalog([open], {}, () => nowMs, ask);
    await Promise.all([catalog.list(), catalog.list(), catalog.resolve('m')]);
    expect(asked).toBe(1);
    away = true;
    nowMs += 6 * 60_000;
    expect(await catalog.list()).toEqual({ models: [{ id: 'm', provider: 'open' }], failed: ['open'] });
    expect(asked).toBe(2);
    await catalog.list();
    expect(asked).toBe(2);
    nowMs += 11_000;
    await catalog.list();
    expect(asked).toBe(3);
  });

  test('one provider that fails does not hide the others', async () => {
    const broken = provider('broken', undefined, async () => Promise.reject(new Error('no')));
    const catalog = createCatalog([broken, provider('well', ['m'])], {}, Date.now, ask);
    expect(await catalog.list()).toEqual({ models: [{ id: 'm', provider: 'well' }], failed: ['broken'] });
    expect(await target(catalog, 'm')).toBe('well:m');
  });
});

test('a route and an entry carry what is known of the model at its provider, an alias that of its target', async () => {
  const known: Record<string, { outputTokensMax: number }> = { 'one/m': { outputTokensMax: 7 } };
  const catalog = createCatalog(
    [provider('one', ['m']), provider('open', undefined, async () => [{ id: 'm' }, { id: 'n' }])],
    { fast: [{ target: 'one/m' }] },
    Date.now,
    ask,
    (name, model) => known[`${name}/${model}`],
  );
  for (const name of ['fast', 'one/m', 'm']) {
    expect(await catalog.resolve(name)).toMatchObject({ routes: [{ facts: { outputTokensMax: 7 } }] });
  }
  const other = await catalog.resolve('open/m');
  expect(other.found && other.routes[0]!.facts).toBeUndefined();
  const { models } = await catalog.list();
  expect(models.map((entry) => [publicName(entry), entry.facts?.outputTokensMax])).toEqual([
    ['fast', 7],
    ['one/m', 7],
    ['open/m', undefined],
    ['open/n', undefined],
  ]);
});

test('options of an alias and an effort behind a name go with the route', async () => {
  const aliases = { fast: [{ target: 'one/m', effort: 'low', outputTokensMax: 5 }, { target: 'one/n' }] };
  const catalog = createCatalog([provider('one', ['m', 'n', 'odd(name)'])], aliases, Date.now, ask);
  const options = async (name: string) => {
    const result = await catalog.resolve(name);
    return result.found && result.routes.map((route) => route.options);
  };
  expect(await options('fast')).toEqual([{ effort: 'low', outputTokensMax: 5 }, undefined]);
  expect(await options('fast(high)')).toEqual([{ effort: 'high', outputTokensMax: 5 }, { effort: 'high' }]);
  expect(await options('one/m(high)')).toEqual([{ effort: 'high' }]);
  expect(await options('m(max)')).toEqual([{ effort: 'max' }]);
  expect(await options('one/odd(name)')).toEqual([undefined]);
  expect(await options('constructor')).toBe(false);
});

test('a name without a date means the newest edition, and one with a date the name that has none', async () => {
  const listed = provider('listed', ['m-20250101', 'm-20251001', 'n', 'o-2025-08-07']);
  const open = provider('open', undefined, async () => [{ id: 'p-20250101' }]);
  const catalog = createCatalog([listed, open], { fast: [{ target: 'listed/m' }] }, Date.now, ask);
  expect(await target(catalog, 'listed/m')).toBe('listed:m-20251001');
  expect(await target(catalog, 'm')).toBe('listed:m-20251001');
  expect(await target(catalog, 'fast')).toBe('listed:m-20251001');
  expect(await target(catalog, 'm-20250101')).toBe('listed:m-20250101');
  expect(await target(catalog, 'n-20250101')).toBe('listed:n');
  expect(await target(catalog, 'o')).toBe('listed:o-2025-08-07');
  expect(await target(catalog, 'p(high)')).toBe('open:p-20250101');
  expect(await target(catalog, 'listed/m-20240101')).toContain('listed/m-20251001');
});
