import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import families from '../../src/routing/model-families.json';
import { snapshot } from '../../src/routing/facts.ts';
import { readCatalog } from '../../src/routing/models-dev.ts';
import { pricesOf } from '../../src/routing/prices.ts';
import { vendors } from '../../src/routing/vendors.ts';

const path = join(import.meta.dir, '../../src/routing/models-snapshot.json');

describe('the snapshot', () => {
  test('is what reading its own catalog gives: of the shape, in order, with nothing that is not used', () => {
    const reading = readCatalog(snapshot.catalog, Object.keys(vendors));
    expect(reading.faulty).toEqual([]);
    expect(reading.catalog).toEqual(snapshot.catalog);
    expect(Object.keys(reading.catalog)).toEqual(Object.keys(snapshot.catalog));
    for (const [vendor, { models }] of Object.entries(reading.catalog)) {
      expect(Object.keys(models)).toEqual(Object.keys(snapshot.catalog[vendor]!.models));
    }
  });

  test('has the vendors whose protocols are spoken, and says whence and when', () => {
    for (const vendor of ['openai', 'anthropic', 'google']) {
      expect(Object.keys(snapshot.catalog[vendor]!.models).length).toBeGreaterThan(15);
    }
    expect(snapshot.date).toMatch(/^20\d\d-\d\d-\d\d$/);
    expect(snapshot.source).not.toBe('');
  });

  test('stays small, one model a line', () => {
    expect(statSync(path).size).toBeLessThan(300_000);
    const models = Object.values(snapshot.catalog).reduce(
      (sum, { models }) => sum + Object.keys(models).length,
      0,
    );
    expect(readFileSync(path, 'utf8').split('\n').length).toBe(
      models + Object.keys(snapshot.catalog).length * 2 + 3,
    );
  });

  test('names no price that is out of all proportion', () => {
    for (const [vendor, { models }] of Object.entries(snapshot.catalog)) {
      for (const model of Object.values(models)) {
        const prices = pricesOf(model, vendors[vendor]!);
        for (const rate of [prices?.input, prices?.output, prices?.cacheRead]) {
          if (rate !== undefined) expect(rate).toBeWithin(0.001, 1000);
        }
        if (prices?.cacheRead && prices.input) expect(prices.cacheRead).toBeLessThanOrEqual(prices.input);
      }
    }
  });
});

test('the families are expressions that can be read', () => {
  for (const { ids } of [...families.corrections, ...families.families])
    expect(() => new RegExp(ids)).not.toThrow();
});

describe('npm run catalog', () => {
  const script = join(import.meta.dir, '../../scripts/catalog.ts');
  const run = (...flags: string[]) => Bun.spawnSync([process.execPath, script, ...flags]);

  test('writes the same document from the same facts, byte for byte, whatever their order', () => {
    const home = mkdtempSync(join(tmpdir(), 'snapshot-'));
    try {
      const from = join(home, 'api.json');
      const to = join(home, 'out.json');
      const turned = Object.entries(snapshot.catalog).map(([vendor, { models }]) => [
        vendor,
        { name: vendor, models: Object.fromEntries(Object.entries(models).reverse()) },
      ]);
      writeFileSync(
        from,
        JSON.stringify({ someone: { models: {} }, ...Object.fromEntries(turned.reverse()) }),
      );
      const flags = ['--from', from, '--to', to, '--source', snapshot.source, '--date', snapshot.date];
      expect(run(...flags).exitCode).toBe(0);
      expect(readFileSync(to, 'utf8')).toBe(readFileSync(path, 'utf8'));

      writeFileSync(from, JSON.stringify({ openai: snapshot.catalog.openai }));
      const refused = run(...flags);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr.toString()).toContain('--force takes them all the same');
      expect(readFileSync(to, 'utf8')).toBe(readFileSync(path, 'utf8'));
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

describe('reading a document', () => {
  test('a model that is not of the shape is left out and named', () => {
    const reading = readCatalog({ openai: { models: { good: { id: 'good' }, bad: { id: 7 } } } }, ['openai']);
    expect(reading).toEqual({
      catalog: { openai: { models: { good: { id: 'good' } } } },
      models: 1,
      faulty: ['openai/bad'],
    });
  });

  test('what is not known of a model yet does not cost the rest of it', () => {
    const model = {
      id: 'm',
      modalities: { input: ['text', 'smell'], output: ['text'] },
      reasoning_options: [{ type: 'telepathy' }],
      limit: { context: 1000 },
    };
    expect(readCatalog({ openai: { models: { m: model } } }, ['openai']).catalog).toEqual({
      openai: { models: { m: { id: 'm', limit: { context: 1000 } } } },
    });
  });

  test('the older spelling of long prompts is read too', () => {
    const model = { id: 'm', cost: { input: 1, output: 2, context_over_200k: { input: 2, output: 3 } } };
    expect(
      readCatalog({ google: { models: { m: model } } }, ['google']).catalog.google?.models.m?.cost?.tiers,
    ).toEqual([{ input: 2, output: 3, tier: { type: 'context', size: 200_000 } }]);
  });

  test('vendors that nobody serves are passed over', () => {
    expect(readCatalog({ someone: { models: { m: { id: 'm' } } } }, ['openai'])).toEqual({
      catalog: {},
      models: 0,
      faulty: [],
    });
  });

  test('what is no catalog at all is an error', () => {
    expect(() => readCatalog(['no'], ['openai'])).toThrow();
  });
});
