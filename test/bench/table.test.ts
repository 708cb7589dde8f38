import { expect, test } from 'bun:test';
import { checkTable, comparisonTable, comparisonVerdict } from '../../bench/table.ts';

const one = { id: 'json', name: '1 KB', gateway: 100, nginx: 20, relay: 50, targets: { nginx: 5, relay: 2 } };

test('a comparison passes when both ratios are at most their targets', () => {
  expect(comparisonVerdict(one)).toBe('pass');
  expect(comparisonVerdict({ ...one, gateway: 101 })).toBe('miss');
  expect(comparisonVerdict({ ...one, relay: 40 })).toBe('miss');
});

test('without nginx only the relay counts', () => {
  expect(comparisonVerdict({ ...one, nginx: undefined })).toBe('pass');
  expect(comparisonVerdict({ ...one, nginx: undefined, relay: 40 })).toBe('miss');
  expect(comparisonTable([{ ...one, nginx: undefined }], false)).not.toContain('nginx');
});

test('a case without targets is neither passed nor missed', () => {
  expect(comparisonVerdict({ ...one, targets: {} })).toBe('');
});

test('a table shows what was measured beside the target', () => {
  const table = comparisonTable([one], true);
  expect(table).toContain('5.00 (≤ 5)');
  expect(table).toContain('2.00 (≤ 2)');
  expect(checkTable([{ name: 'at rest', value: 91.234, unit: 'MiB', max: 90 }])).toMatch(
    /91\.23 +90 +MiB +miss/,
  );
});
