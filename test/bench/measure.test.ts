import { describe, expect, test } from 'bun:test';
import { cpuUs, median, quantile, rssBytes } from '../../bench/measure.ts';

describe('median', () => {
  test('is the middle one of an odd number of values, in whatever order they come', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 9, 100, 8, 7])).toBe(9);
  });

  test('is the mean of the two middle ones of an even number', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test('of nothing is not a number, and the values stay in their order', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
    expect(median([])).toBeNaN();
  });
});

test('a quantile is one of the values: the least that enough of them do not exceed', () => {
  const values = new Float64Array([5, 1, 4, 2, 3, 6, 7, 8, 9, 10]);
  expect(quantile(values, 0.5)).toBe(5);
  expect(quantile(values, 0.99)).toBe(10);
  expect(quantile(values, 0)).toBe(1);
  expect(quantile(new Float64Array(), 0.5)).toBeNaN();
});

describe.if(process.platform === 'linux')('a process', () => {
  test('has its CPU time counted to less than a clock tick', () => {
    const before = cpuUs(process.pid);
    const until = performance.now() + 25;
    while (performance.now() < until);
    const spentUs = cpuUs(process.pid) - before;
    expect(spentUs).toBeGreaterThan(3_000);
    expect(spentUs % 10_000).not.toBe(0);
  });

  test('has the work of its children counted with its own', async () => {
    const before = cpuUs(process.pid);
    const script =
      'const end = performance.now() + 150; while (performance.now() < end); setInterval(() => {}, 1e3)';
    const child = Bun.spawn([process.execPath, '-e', script], { stdio: ['ignore', 'ignore', 'ignore'] });
    try {
      while (cpuUs(child.pid) < 40_000) await Bun.sleep(10);
      expect(cpuUs(process.pid) - before).toBeGreaterThanOrEqual(40_000);
      expect(rssBytes(process.pid)).toBeGreaterThan(rssBytes(child.pid));
    } finally {
      child.kill();
      await child.exited;
    }
  });

  test('that is gone has used nothing', () => {
    expect(cpuUs(4_000_000)).toBe(0);
  });
});
