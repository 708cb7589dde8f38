import { describe, expect, test } from 'bun:test';
import { snapshot } from '../../src/routing/facts.ts';
import { abilitiesOf, factsBook } from '../../src/routing/model-facts.ts';
import type { CatalogModel, ModelCatalog } from '../../src/routing/models-dev.ts';

const openai = 'https://api.openai.com/v1';
const anthropic = 'https://api.anthropic.com';
const google = 'https://generativelanguage.googleapis.com';
const local = 'http://127.0.0.1:11434/v1';

const book = factsBook(snapshot.catalog);

const catalogOf = (vendor: string, ...models: CatalogModel[]): ModelCatalog => ({
  [vendor]: { models: Object.fromEntries(models.map((model) => [model.id, model])) },
});

describe('at a place that is a vendor’s and is paid in another way', () => {
  test('a model of the vendor is worth its list price, and no other is', () => {
    const own = book.lookup(openai, 'gpt-5-nano')!;
    const facts = book.lookup(local, 'gpt-5-nano', 'openai')!;
    expect(facts.prices).toEqual(own.prices!);
    expect({ ...facts, prices: undefined }).toEqual({
      ...book.lookup(local, 'gpt-5-nano')!,
      prices: undefined,
    });
    expect(book.lookup(local, 'gpt-5-nano')?.prices).toBeUndefined();
    expect(book.lookup(local, 'no-such-model', 'openai')).toBeUndefined();
    expect(book.lookup(local, 'claude-opus-4-6', 'openai')?.prices).toBeUndefined();
  });
});

describe('at a vendor’s own API', () => {
  test('a dated name has the facts of the model, prices included', () => {
    const facts = book.lookup(openai, 'gpt-5-nano-2025-08-07')!;
    expect(facts).toMatchObject({
      name: 'GPT-5 Nano',
      contextTokensMax: 400_000,
      outputTokensMax: 128_000,
      temperature: false,
      toolCalls: true,
      outputSchema: true,
    });
    expect(facts.prices).toMatchObject({ input: 0.05, cacheRead: 0.005, output: 0.4 });
  });

  test('an edition with a price of its own keeps it', () => {
    expect(book.lookup(openai, 'gpt-4o-2024-05-13')?.prices).toMatchObject({ input: 5, output: 15 });
    expect(book.lookup(openai, 'gpt-4o')?.prices).toMatchObject({ input: 2.5, output: 10 });
  });

  test('a name without a date stands for the newest edition where only dated ones are known', () => {
    const own = factsBook(
      catalogOf(
        'openai',
        { id: 'model-x-2026-01-01', cost: { input: 1, output: 1 } },
        { id: 'model-x-2026-06-01', cost: { input: 2, output: 2 } },
      ),
    );
    expect(own.lookup(openai, 'model-x')?.prices?.input).toBe(2);
    expect(own.lookup(openai, 'model-x-2026-01-01')?.prices?.input).toBe(1);
  });

  test('a tuned or unheard-of model has no price', () => {
    expect(book.lookup(openai, 'ft:gpt-4o-mini-2024-07-18:me::id')?.prices).toBeUndefined();
    expect(book.lookup(openai, 'no-such-model')).toBeUndefined();
  });

  test('an hour in the cache, a region and a search are priced as the vendor documents it', () => {
    expect(book.lookup(anthropic, 'claude-opus-4-6')?.prices).toEqual({
      input: 5,
      cacheRead: 0.5,
      cacheWrite: 6.25,
      cacheWriteHour: 10,
      output: 25,
      webSearchUsd: 0.01,
      regions: { us: 1.1 },
    });
  });

  test('tiers that are asked for by a request member are priced by its value', () => {
    expect(book.lookup(openai, 'gpt-5.4')?.prices?.tiers?.priority).toMatchObject({ input: 5, output: 30 });
    expect(book.lookup(openai, 'gpt-5.4')?.prices?.tiers?.flex).toMatchObject({ input: 1.25, output: 7.5 });
    expect(book.lookup(anthropic, 'claude-opus-5')?.prices?.tiers?.fast).toMatchObject({
      input: 10,
      output: 50,
    });
  });

  test('long prompts have their own rates', () => {
    expect(book.lookup(google, 'models/gemini-2.5-pro')?.prices?.longPrompts).toEqual([
      { inputTokensAbove: 200_000, input: 2.5, cacheRead: 0.25, output: 15 },
    ]);
  });

  test('a reply in pictures has no price, and neither has what a catalog gives 0 for', () => {
    expect(book.lookup(google, 'gemini-2.5-flash-image')?.prices?.output).toBeUndefined();
    const own = factsBook(
      catalogOf(
        'openai',
        { id: 'free', cost: { input: 0, output: 0 } },
        { id: 'some', cost: { input: 1, output: 2, cache_read: 0 } },
      ),
    );
    expect(own.lookup(openai, 'free')?.prices).toBeUndefined();
    expect(own.lookup(openai, 'some')?.prices).toEqual({ input: 1, output: 2, webSearchUsd: 0.01 });
  });
});

describe('anywhere else', () => {
  test.each([local, undefined, 'https://proxy.example/v1', 'https://eu.api.openai.com/v1'])(
    'a model of the same name at %s has its limits and controls, not its price and terms',
    (url) => {
      const facts = book.lookup(url, 'gpt-5-nano-2025-08-07')!;
      expect(facts).toMatchObject({ outputTokensMax: 128_000, temperature: false });
      expect(facts.reasoning?.efforts).toEqual(['minimal', 'low', 'medium', 'high']);
      expect([facts.prices, facts.inputs, facts.outputs, facts.outputSchema]).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
    },
  );

  test.each([
    'us.anthropic.claude-haiku-4-5-20251001-v1:0',
    'anthropic/claude-haiku-4.5',
    'claude-haiku-4-5@20251001',
  ])('%s is known as resellers write it', (name) => {
    expect(book.lookup(local, name)).toMatchObject({
      outputTokensMax: 64_000,
      reasoning: { by: ['budget'] },
    });
  });

  test('a model that nobody knows has no facts', () => {
    expect(book.lookup(local, 'qwen-local')).toBeUndefined();
    expect(book.lookup(local, '')).toBeUndefined();
  });

  test('a router that states its charges is asked for them', () => {
    const facts = book.lookup('https://openrouter.ai/api/v1', 'openai/gpt-5');
    expect(facts).toMatchObject({ outputTokensMax: 128_000, prices: { stated: 'cost' } });
    expect(book.lookup('https://openrouter.ai/api/v1', 'who/knows')?.prices).toEqual({ stated: 'cost' });
  });
});

describe('how reasoning is steered', () => {
  test.each([
    ['gpt-4o', { by: [] }],
    ['o3', { by: ['effort'], efforts: ['low', 'medium', 'high'], off: false }],
    ['gpt-5', { by: ['effort'], efforts: ['minimal', 'low', 'medium', 'high'], off: false }],
    ['gpt-5-pro', { by: ['effort'], efforts: ['high'], off: false }],
    ['gpt-5.1', { by: ['effort'], efforts: ['low', 'medium', 'high'], off: true }],
    ['gpt-5.1-codex-max', { by: ['effort'], efforts: ['low', 'medium', 'high', 'xhigh'], off: false }],
    ['gpt-5.4', { by: ['effort'], efforts: ['low', 'medium', 'high', 'xhigh'], off: true }],
    ['claude-sonnet-4-20250514', { by: ['budget'], budgetTokensMin: 1024, off: true }],
    ['claude-sonnet-4-5', { by: ['budget'], budgetTokensMin: 1024, off: true }],
    [
      'claude-opus-4-6',
      {
        by: ['adaptive', 'budget'],
        efforts: ['low', 'medium', 'high', 'max'],
        budgetTokensMin: 1024,
        off: true,
      },
    ],
    ['claude-opus-4-7', { by: ['adaptive'], efforts: ['low', 'medium', 'high', 'xhigh', 'max'], off: true }],
    ['claude-opus-5-5', { by: ['adaptive'], efforts: ['low', 'medium', 'high', 'xhigh', 'max'], off: false }],
    ['gemini-2.0-flash', { by: [] }],
    ['gemini-2.5-pro', { by: ['budget'], budgetTokensMin: 128, budgetTokensMax: 32_768, off: false }],
    ['gemini-2.5-flash', { by: ['budget'], budgetTokensMin: 0, budgetTokensMax: 24_576, off: true }],
    ['gemini-2.5-flash-lite', { by: ['budget'], budgetTokensMin: 512, budgetTokensMax: 24_576, off: true }],
    ['gemini-3-pro-preview', { by: ['effort'], efforts: ['low', 'high'], off: false }],
    ['gemini-3-flash-preview', { by: ['effort'], efforts: ['minimal', 'low', 'medium', 'high'], off: false }],
  ])('%s', (model, reasoning) => {
    expect(book.lookup(local, model)?.reasoning).toEqual(reasoning as never);
  });

  test('a model of a coming generation is steered as its family is', () => {
    expect(book.lookup(anthropic, 'claude-sonnet-7')).toEqual({
      reasoning: { by: ['adaptive'], efforts: ['low', 'medium', 'high', 'xhigh', 'max'] },
      temperature: false,
    });
  });
});

describe('what encoders are told', () => {
  test('limits, reasoning, sampling, inputs and schemas', () => {
    expect(abilitiesOf(book.lookup(openai, 'gpt-5-nano'))).toEqual({
      outputTokensMax: 128_000,
      reasoning: { by: ['effort'], efforts: ['minimal', 'low', 'medium', 'high'], off: false },
      fixedSampling: true,
      inputs: new Set(['text', 'image', 'document']),
      outputSchema: true,
    });
  });

  test('nothing of what nobody knows', () => {
    expect(abilitiesOf(undefined)).toEqual({});
    expect(abilitiesOf({ temperature: true })).toEqual({});
  });
});

describe('a newer catalog', () => {
  const mode = { cost: { input: 2, output: 4 }, provider: { body: { service_tier: 'priority' } } };
  const older = catalogOf(
    'openai',
    { id: 'a', cost: { input: 1, output: 2 }, experimental: { modes: { fast: mode } } },
    { id: 'gone', cost: { input: 1, output: 2 } },
  );

  test('replaces what it has and leaves what it has not', () => {
    const own = factsBook(older);
    expect(own.lookup(openai, 'new')).toBeUndefined();
    own.renew(
      catalogOf(
        'openai',
        { id: 'a', cost: { input: 3, output: 2 } },
        { id: 'new', cost: { input: 9, output: 9 } },
      ),
    );
    expect(own.lookup(openai, 'a')?.prices?.input).toBe(3);
    expect(own.lookup(openai, 'new')?.prices?.input).toBe(9);
    expect(own.lookup(openai, 'gone')?.prices?.input).toBe(1);
  });

  test('keeps the prices of tiers that it does not state only while the ordinary ones are the same', () => {
    const own = factsBook(older);
    own.renew(catalogOf('openai', { id: 'a', cost: { input: 1, output: 2 } }));
    expect(own.lookup(openai, 'a')?.prices?.tiers?.priority).toMatchObject({ input: 2 });
    own.renew(catalogOf('openai', { id: 'a', cost: { input: 3, output: 2 } }));
    expect(own.lookup(openai, 'a')?.prices?.tiers).toBeUndefined();
  });
});
