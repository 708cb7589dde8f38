/** One line of the exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

/**
 * A strict reader of the Prometheus text format 0.0.4: throws on whatever a scraper may reject, and on what it
 * would accept but a writer should not do (families apart, series twice, histograms that do not add up).
 */
export function parsePrometheus(text: string): Map<string, ParsedFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, ParsedFamily>();
  const series = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let family: ParsedFamily | undefined;

  for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`);
    };
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      help = { name: comment[2]!, text: comment[3]! };
      if (/\\[^\\n]|\\$/.test(help.text.replaceAll('\\\\', ''))) fail('wrong escape in help');
      continue;
    }
    if (comment?.[1] === 'TYPE') {
      const [, , name, type] = comment;
      if (families.has(name!)) fail('a family comes twice');
      if (help?.name !== name) fail('TYPE does not follow its HELP');
      if (!['counter', 'gauge', 'histogram'].includes(type!)) fail('unknown type');
      families.set(name!, (family = { name: name!, type: type!, help: help!.text, samples: [] }));
      continue;
    }
    const sample = parseSample(line) ?? fail('neither a comment nor a sample');
    const base = family?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
    if (family === undefined || base !== family.name) fail('a sample outside of its family');
    if (family?.type === 'counter' && (sample.value < 0 || !sample.name.endsWith('_total')))
      fail('no proper counter');
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (series.has(key)) fail('a series comes twice');
    series.add(key);
    family!.samples.push(sample);
  }
  for (const one of families.values()) {
    if (one.samples.length === 0) throw new Error(`${one.name} has no samples`);
    if (one.type === 'histogram') checkHistogram(one);
  }
  return families;
}

function parseSample(line: string): Sample | undefined {
  const match =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,(?!\})|(?=\})))*)\})? (NaN|[+-]Inf|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(
      line,
    );
  if (match === null) return undefined;
  const labels: Record<string, string> = {};
  for (const [, label, value] of (match[2] ?? '').matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    if (Object.hasOwn(labels, label!) || label!.startsWith('__')) return undefined;
    labels[label!] = value!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  }
  const value = match[3]!.endsWith('Inf') ? Number(`${match[3]}inity`) : Number(match[3]);
  return { name: match[1]!, labels, value };
}

function checkHistogram({ name, samples }: ParsedFamily): void {
  const groups = new Map<string, { buckets: Sample[]; sum?: number; count?: number }>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    const group = groups.get(key) ?? { buckets: [] };
    groups.set(key, group);
    if (sample.name.endsWith('_bucket')) group.buckets.push(sample);
    else if (sample.name.endsWith('_sum')) group.sum = sample.value;
    else group.count = sample.value;
  }
  for (const [key, { buckets, sum, count }] of groups) {
    const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)));
    const ascending = bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!);
    const cumulative = buckets.every(({ value }, i) => i === 0 || value >= buckets[i - 1]!.value);
    if (!ascending || !cumulative || bounds.at(-1) !== Infinity)
      throw new Error(`${name}${key}: wrong buckets`);
    if (sum === undefined || count !== buckets.at(-1)!.value)
      throw new Error(`${name}${key}: sum or count is wrong`);
  }
}
