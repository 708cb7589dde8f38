import { describe, expect, test } from 'bun:test';
import { eachSlice } from '../../src/tokens/slices.ts';

const slicesOf = (text: string): string[] => {
  const slices: string[] = [];
  eachSlice(text, (slice) => slices.push(slice));
  return slices;
};

describe('a text that is to be tokenized', () => {
  const prose = 'A sentence of common words, with a number like 42 in it.\n'.repeat(1000);
  const samples: Record<string, string> = {
    prose,
    'one endless word': 'a'.repeat(50_000),
    'ideographs without a break': '漢字仮名交じり文'.repeat(5_000),
    'blanks only': ' '.repeat(20_000),
    'pairs of surrogates': '😀'.repeat(5_000),
    nothing: '',
  };

  test.each(Object.keys(samples))('is all there in its slices: %s', (name) => {
    expect(slicesOf(samples[name]!).join('')).toBe(samples[name]!);
  });

  test('has no slice in which a run could keep the tokenizer busy', () => {
    for (const text of Object.values(samples)) {
      for (const slice of slicesOf(text)) {
        expect(slice.length).toBeLessThanOrEqual(8192);
        expect(/\S{256}|\s{256}/.test(slice)).toBe(false);
      }
    }
  });

  test('is cut before the blank of a word, as the tokenizer splits', () => {
    const slices = slicesOf(prose);
    expect(slices.length).toBeGreaterThan(5);
    for (const slice of slices.slice(1)) expect(slice).toMatch(/^\s\S/);
  });

  test('is never cut through a pair of surrogates', () => {
    for (const slice of slicesOf(`x${'😀'.repeat(5_000)}`)) expect(slice.isWellFormed()).toBe(true);
  });
});
