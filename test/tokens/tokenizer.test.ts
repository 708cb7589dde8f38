import { afterAll, describe, expect, test } from 'bun:test';
import { createTokenizer, TokenizerBusy } from '../../src/tokens/tokenizer.ts';

describe('the tokenizer', () => {
  const tokenizer = createTokenizer(60_000);
  afterAll(() => tokenizer.stop());

  test('is not loaded before it is asked', async () => {
    const idle = createTokenizer(60_000);
    expect(idle.loaded).toBe(false);
    expect(idle.countIfLoaded('hello')).toBeUndefined();
  });

  test('counts as the vocabulary does', async () => {
    expect(await tokenizer.count('hello world')).toBe(2);
    expect(await tokenizer.count('')).toBe(0);
    expect(tokenizer.loaded).toBe(true);
    expect(await tokenizer.countIfLoaded('hello world')).toBe(2);
  });

  test('takes control tokens in a prompt for text', async () => {
    expect(await tokenizer.count('<|endoftext|>')).toBeGreaterThan(2);
  });

  test('keeps answers apart that are asked for at once', async () => {
    const counts = await Promise.all([1, 2, 3, 4, 5].map((n) => tokenizer.count(' hello'.repeat(n))));
    expect(counts).toEqual([1, 2, 3, 4, 5]);
  });

  test('does not let a hostile text hold it for long, and leaves the event loop free meanwhile', async () => {
    // A linear congruence, so that no stretch repeats.
    let state = 1;
    const next = () => (state = (state * 48271) % 2147483647);
    const hostile = Array.from({ length: 200_000 }, () => String.fromCharCode(0x4e00 + (next() % 20_000)));
    let beats = 0;
    const beat = setInterval(() => beats++, 5);
    const startedMs = performance.now();
    expect(await tokenizer.count(hostile.join(''))).toBeGreaterThan(50_000);
    clearInterval(beat);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(beats).toBeGreaterThan(2);
  });

  test('refuses more than may wait', async () => {
    const busy = createTokenizer(60_000);
    const counts = Array.from({ length: 300 }, () => busy.count('hello'));
    const settled = await Promise.allSettled(counts);
    busy.stop();
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused).toHaveLength(44);
    expect(refused[0]!.reason).toBeInstanceOf(TokenizerBusy);
  });

  test('lets its memory go when nobody asks any more, and comes back', async () => {
    const brief = createTokenizer(50);
    expect(await brief.count('hello')).toBe(1);
    await Bun.sleep(150);
    expect(brief.loaded).toBe(false);
    expect(await brief.count('hello world')).toBe(2);
    brief.stop();
  });

  test('fails what waits when it is stopped', async () => {
    const stopped = createTokenizer(60_000);
    const count = stopped.count('hello');
    await Promise.resolve();
    stopped.stop();
    expect(count).rejects.toThrow('stopped');
  });
});
