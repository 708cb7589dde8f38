/** The metrics that documents name are those that are written, and whoever copies the alerts gets ones that can fire. */
import { expect, test } from 'bun:test';
import { parse } from 'yaml';
import { turnMetrics } from '../../src/telemetry/metrics.ts';
import { parsePrometheus } from '../telemetry/prometheus-text.ts';
import { fencedIn, pages, textOf } from './pages.ts';
import { generated } from './tables.ts';

const metrics = generated.metrics!()
  .split('\n')
  .slice(2)
  .map((row) => {
    const [, name, type, labels] = row.split('|').map((each) => each.trim());
    return {
      name: name!.slice(1, -1),
      type: type!,
      labels: [...labels!.matchAll(/`(\w+)`/g)].map((match) => match[1]!),
    };
  });
/** What Prometheus sees of them, with its labels. */
const series: ReadonlyMap<string, readonly string[]> = new Map(
  metrics.flatMap(({ name, type, labels }): [string, string[]][] =>
    type === 'histogram'
      ? [
          [`${name}_bucket`, [...labels, 'le']],
          ...['sum', 'count'].map((end): [string, string[]] => [`${name}_${end}`, labels]),
        ]
      : [[name, labels]],
  ),
);

test('every metric that a document names is written', () => {
  const strays = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\b((?:dragoman|gen_ai|process)_[a-z_]+)(\*?)/g)]
      .filter(([, name, wild]) =>
        wild === ''
          ? !series.has(name!) && !metrics.some((each) => each.name === name || each.labels.includes(name!))
          : !metrics.some((each) => each.name.startsWith(name!)),
      )
      .map(([name]) => `${page}: ${name}`),
  );
  expect(strays).toEqual([]);
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
}
const block = fencedIn('docs/operations.md').find(({ text }) => text.startsWith('groups:'))!;
const { rules } = (parse(block.text) as { groups: { rules: Rule[] }[] }).groups[0]!;
const used = ({ expr }: Rule): string[] =>
  [...expr.matchAll(/\b(?:dragoman|process|gen_ai)_\w+/g)]
    .map(([name]) => name)
    .filter((name) => series.has(name) || !metrics.some(({ labels }) => labels.includes(name)));

test.each(rules)('$alert asks for what there is', (rule) => {
  const names = used(rule);
  expect(names).not.toEqual([]);
  expect(names.filter((name) => !series.has(name))).toEqual([]);
  const labels = new Set(names.flatMap((name) => series.get(name)!));
  const asked = [
    ...[...rule.expr.matchAll(/(\w+)=~?"/g)].map((match) => match[1]!),
    ...[...rule.expr.matchAll(/by \(([^)]+)\)/g)].flatMap((match) => match[1]!.split(/,\s*/)),
  ];
  expect(asked.filter((label) => !labels.has(label))).toEqual([]);
  const states = /state=~"([^"]+)"/.exec(rule.expr)?.[1]?.split('|') ?? [];
  expect(states.filter((state) => !accountStates().includes(state))).toEqual([]);
  expect(rule.expr.split('(').length).toBe(rule.expr.split(')').length);
  if (rule.for !== undefined) expect(rule.for).toMatch(/^\d+[mh]$/);
});

/** The states that the metric of accounts tells of. */
function accountStates(): (string | undefined)[] {
  const written = turnMetrics({ version: '0' });
  written.accounts(() => [{ provider: 'x', account: 'x', state: 'ok' }]);
  const { samples } = parsePrometheus(written.write()).get('dragoman_account_state')!;
  return samples.map(({ labels }) => labels.state);
}

test('every metric of which somebody has to know has an alert', () => {
  const alerted = new Set(rules.flatMap(used).map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
  expect(metrics.map(({ name }) => name).filter((name) => !alerted.has(name))).toEqual([
    'dragoman_account_quota_reset_timestamp_seconds',
  ]);
});
