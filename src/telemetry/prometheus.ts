/** The content type of what {@link Registry.write} returns. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** A value that only grows. */
export interface Counter {
  add(amount: number): void;
}

export interface Gauge {
  set(value: number): void;
  add(amount: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** A family of series that differ by their labels. The series is made on first use: look it up once and keep it. */
export interface Family<Series> {
  with(...labels: string[]): Series;
}

export interface Registry {
  counter(name: string, help: string, labels: readonly string[]): Family<Counter>;
  gauge(name: string, help: string, labels: readonly string[]): Family<Gauge>;
  /** A gauge whose series are read at each writing, so that what is gone is not written any more. */
  readGauge(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void;
  /** `buckets` are upper bounds, ascending; +Inf is added. */
  histogram(
    name: string,
    help: string,
    labels: readonly string[],
    buckets: readonly number[],
  ): Family<Histogram>;
  /** Called before each writing, to set gauges that are read rather than counted. */
  beforeWrite(refresh: () => void): void;
  /** All families in the Prometheus text format 0.0.4. */
  write(): string;
}

/** The value of one series, with its labels in the family's order. */
export interface Reading {
  readonly labels: readonly string[];
  readonly value: number;
}

interface Written {
  write(lines: string[]): void;
}

/**
 * A set of metrics. Observing is a few additions; all text is made in `write`.
 *
 * @example
 * const metrics = registry();
 * const requests = metrics.counter('requests_total', 'Requests.', ['status']).with('200');
 * requests.add(1);
 * metrics.write(); // '# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{status="200"} 1\n'
 */
export function registry(): Registry {
  const families: Written[] = [];
  const refreshers: (() => void)[] = [];

  const head = (name: string, help: string, type: string): readonly string[] => [
    `# HELP ${name} ${escapeHelp(help)}`,
    `# TYPE ${name} ${type}`,
  ];
  const labelText = (labels: readonly string[], values: readonly string[]): string =>
    labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? '')}"`).join(',');

  const family = <Series extends Written>(
    name: string,
    help: string,
    type: 'counter' | 'gauge' | 'histogram',
    labels: readonly string[],
    create: (labelText: string) => Series,
  ): Family<Series> => {
    const byLabels = new Map<string, Series>();
    families.push({
      write(lines) {
        if (byLabels.size === 0) return;
        lines.push(...head(name, help, type));
        for (const series of byLabels.values()) series.write(lines);
      },
    });
    return {
      with(...values) {
        const text = labelText(labels, values);
        let series = byLabels.get(text);
        if (series === undefined) byLabels.set(text, (series = create(text)));
        return series;
      },
    };
  };

  return {
    counter: (name, help, labels) => family(name, help, 'counter', labels, (text) => number(name, text)),
    gauge: (name, help, labels) => family(name, help, 'gauge', labels, (text) => number(name, text)),
    histogram: (name, help, labels, buckets) =>
      family(name, help, 'histogram', labels, (text) => histogram(name, text, buckets)),
    readGauge(name, help, labels, read) {
      families.push({
        write(lines) {
          const readings = [...read()];
          if (readings.length === 0) return;
          lines.push(...head(name, help, 'gauge'));
          for (const { labels: values, value } of readings)
            lines.push(`${name}{${labelText(labels, values)}} ${formatNumber(value)}`);
        },
      });
    },
    beforeWrite(refresh) {
      refreshers.push(refresh);
    },
    write() {
      for (const refresh of refreshers) refresh();
      const lines: string[] = [];
      for (const one of families) one.write(lines);
      return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    },
  };
}

function number(name: string, labels: string): Gauge & Written {
  const head = labels === '' ? name : `${name}{${labels}}`;
  let value = 0;
  return {
    set(to) {
      value = to;
    },
    add(amount) {
      value += amount;
    },
    write(lines) {
      lines.push(`${head} ${formatNumber(value)}`);
    },
  };
}

function histogram(name: string, labels: string, buckets: readonly number[]): Histogram & Written {
  const counts = new Float64Array(buckets.length + 1);
  const prefix = labels === '' ? '' : `${labels},`;
  const suffix = labels === '' ? '' : `{${labels}}`;
  let sum = 0;
  return {
    observe(value) {
      if (!Number.isFinite(value)) return;
      let index = 0;
      while (index < buckets.length && value > buckets[index]!) index++;
      counts[index] = counts[index]! + 1;
      sum += value;
    },
    write(lines) {
      let total = 0;
      for (let index = 0; index < counts.length; index++) {
        total += counts[index]!;
        const bound = index < buckets.length ? formatNumber(buckets[index]!) : '+Inf';
        lines.push(`${name}_bucket{${prefix}le="${bound}"} ${total}`);
      }
      lines.push(`${name}_sum${suffix} ${formatNumber(sum)}`, `${name}_count${suffix} ${total}`);
    },
  };
}

const formatNumber = (value: number): string =>
  value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const escapeLabel = (text: string): string =>
  text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
