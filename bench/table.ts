import type { Check, Comparison } from './bench.ts';

const number = (value: number | undefined, digits = 1): string =>
  value === undefined ? '–' : value.toFixed(digits);

/** `pass`, `miss`, or nothing where there is no target. */
export const verdict = (value: number | undefined, max: number | undefined): '' | 'pass' | 'miss' => {
  if (value === undefined || max === undefined) return '';
  return value <= max ? 'pass' : 'miss';
};

/** How many times the gateway's cost is that of the other; undefined where the other did not run. */
export const times = (gateway: number, other: number | undefined): number | undefined =>
  other === undefined ? undefined : gateway / other;

/** Whether a comparison meets both of its targets. */
export function comparisonVerdict({ gateway, nginx, relay, targets }: Comparison): '' | 'pass' | 'miss' {
  const each = [verdict(times(gateway, nginx), targets.nginx), verdict(times(gateway, relay), targets.relay)];
  if (each.includes('miss')) return 'miss';
  return each.includes('pass') ? 'pass' : '';
}

const ratio = (value: number | undefined, max: number | undefined): string =>
  `${number(value, 2)}${max === undefined ? '' : ` (≤ ${max})`}`;

export const comparisonTable = (comparisons: readonly Comparison[], withNginx: boolean): string =>
  aligned([
    [
      'CPU, µs per request or event',
      'gateway',
      ...(withNginx ? ['nginx'] : []),
      'relay',
      ...(withNginx ? ['× nginx'] : []),
      '× relay',
      '',
    ],
    ...comparisons.map((one) => [
      one.name,
      number(one.gateway),
      ...(withNginx ? [number(one.nginx)] : []),
      number(one.relay),
      ...(withNginx ? [ratio(times(one.gateway, one.nginx), one.targets.nginx)] : []),
      ratio(times(one.gateway, one.relay), one.targets.relay),
      comparisonVerdict(one),
    ]),
  ]);

export const checkTable = (checks: readonly Check[]): string =>
  aligned([
    ['', 'measured', 'at most', 'unit', ''],
    ...checks.map(({ name, value, unit, max }) => [
      name,
      number(value, 2),
      max === undefined ? '' : String(max),
      unit,
      verdict(value, max),
    ]),
  ]);

/** The first column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
