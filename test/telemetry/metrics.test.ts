import { describe, expect, test } from 'bun:test';
import { registry } from '../../src/telemetry/prometheus.ts';
import { turnMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import type { Note } from '../../src/turn/note.ts';
import { parsePrometheus, type Sample } from './prometheus-text.ts';
import { turnRecord } from './records.ts';

const samples = (metrics: Metrics, name: string): Sample[] => {
  const families = parsePrometheus(metrics.write());
  return [...families.values()].flatMap((family) => family.samples.filter((sample) => sample.name === name));
};
const note = (path: string, action: Note['action'] = 'dropped'): Note => ({
  path,
  action,
  why: 'x',
  weight: 'note',
});

describe('/metrics', () => {
  test('is valid with nothing recorded, and tells of the process and its build', () => {
    const process = {
      memoryUsage: () => ({ rss: 1024 }),
      cpuUsage: () => ({ user: 1_500_000, system: 500_000 }),
      uptime: () => 60,
      versions: { bun: '1.4.5', node: '26.0.0' },
    };
    const metrics = turnMetrics({ version: '0.1.0', process });
    expect(samples(metrics, 'process_resident_memory_bytes')[0]!.value).toBe(1024);
    expect(samples(metrics, 'process_cpu_seconds_total')[0]!.value).toBe(2);
    expect(Date.now() / 1000 - samples(metrics, 'process_start_time_seconds')[0]!.value).toBeWithin(59, 75);
    expect(samples(metrics, 'dragoman_build_info')).toEqual([
      { name: 'dragoman_build_info', labels: { version: '0.1.0', runtime: 'bun 1.4.5' }, value: 1 },
    ]);
  });

  test('an account is in one state at a time, and gone when it is removed', () => {
    const metrics = turnMetrics({ version: '0' });
    expect(samples(metrics, 'dragoman_account_state')).toEqual([]);
    let state: 'ok' | 'cooling' = 'ok';
    let accounts = ['main', 'a "quoted" one'];
    metrics.accounts(() => accounts.map((account) => ({ provider: 'p', account, state })));
    const now = () =>
      samples(metrics, 'dragoman_account_state')
        .filter(({ value }) => value === 1)
        .map(({ labels }) => labels);
    expect(samples(metrics, 'dragoman_account_state')).toHaveLength(12);
    expect(now()).toEqual(accounts.map((account) => ({ provider: 'p', account, state: 'ok' })));
    state = 'cooling';
    accounts = ['main'];
    expect(now()).toEqual([{ provider: 'p', account: 'main', state: 'cooling' }]);
  });

  test('one turn appears in every metric of a turn', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.record(
      turnRecord({ notes: [note('messages[2].content[0].citations'), note('top_k', 'clamped')] }),
    );
    const families = parsePrometheus(metrics.write());
    const model = {
      gen_ai_operation_name: 'chat',
      gen_ai_provider_name: 'claude',
      gen_ai_request_model: 'haiku',
      surface: 'anthropic-messages',
    };
    const sum = (name: string, more: Record<string, string> = {}) =>
      families
        .get(name)!
        .samples.find(
          (sample) =>
            sample.name === `${name}_sum` && Object.entries(more).every(([k, v]) => sample.labels[k] === v),
        );
    expect(sum('gen_ai_client_operation_duration_seconds')).toMatchObject({
      labels: { ...model, error_type: '' },
      value: 2,
    });
    expect(sum('gen_ai_server_time_to_first_token_seconds')).toMatchObject({ labels: model, value: 0.3 });
    for (const [type, tokens] of Object.entries({ input: 120, output: 45, cache_read: 20, reasoning: 5 })) {
      expect(sum('gen_ai_client_token_usage', { gen_ai_token_type: type })?.value).toBe(tokens);
    }
    expect(sum('dragoman_overhead_seconds')).toMatchObject({
      labels: { surface: 'anthropic-messages', lane: 'native' },
      value: 0.003,
    });
    expect(families.get('dragoman_requests_total')!.samples).toEqual([
      {
        name: 'dragoman_requests_total',
        labels: {
          surface: 'anthropic-messages',
          provider: 'claude',
          model: 'haiku',
          status: '200',
          stream: 'true',
        },
        value: 1,
      },
    ]);
    expect(families.get('dragoman_notes_total')!.samples.map(({ labels }) => labels)).toEqual([
      { field: 'messages', action: 'dropped' },
      { field: 'top_k', action: 'clamped' },
    ]);
  });

  test('what turns cost is summed by the place that charged it, and what is not known is counted', () => {
    const metrics = turnMetrics({ version: '0' });
    const of = { provider: 'claude', model: 'haiku' };
    metrics.record(turnRecord({ costs: [{ ...of, usd: 0.25, basis: 'exact' }] }));
    metrics.record(
      turnRecord({
        costs: [
          { ...of, usd: 0.5, basis: 'partial', lacks: 'usage' },
          { provider: 'spare', model: 'haiku', basis: 'unknown', lacks: 'price' },
        ],
      }),
    );
    metrics.record(turnRecord());
    expect(samples(metrics, 'dragoman_cost_usd_total').map(({ labels, value }) => [labels, value])).toEqual([
      [of, 0.75],
    ]);
    expect(
      samples(metrics, 'dragoman_cost_unknown_total').map(({ labels, value }) => [labels, value]),
    ).toEqual([
      [{ ...of, lacks: 'usage' }, 1],
      [{ provider: 'spare', model: 'haiku', lacks: 'price' }, 1],
    ]);
  });

  test('buckets are those of the OpenTelemetry conventions', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.record(turnRecord());
    const bounds = samples(metrics, 'gen_ai_client_operation_duration_seconds_bucket').map(
      ({ labels }) => labels.le,
    );
    expect([bounds[0], bounds.at(-2), bounds.at(-1), bounds.length]).toEqual(['0.01', '81.92', '+Inf', 15]);
    const two = samples(metrics, 'gen_ai_client_operation_duration_seconds_bucket').filter(
      ({ value }) => value === 1,
    );
    expect(two[0]!.labels.le).toBe('2.56');
  });

  test('a failure says its kind, and statuses are counted apart', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.record(turnRecord());
    metrics.record(
      turnRecord({ status: 429, outcome: 'error', failure: { kind: 'rate_limited', scope: 'account' } }),
    );
    metrics.record(
      turnRecord({ status: 200, outcome: 'cut', failure: { kind: 'cut', scope: 'provider' }, stream: false }),
    );
    expect(
      samples(metrics, 'gen_ai_client_operation_duration_seconds_count').map(
        ({ labels }) => labels.error_type,
      ),
    ).toEqual(['', 'rate_limited', 'cut']);
    expect(
      samples(metrics, 'dragoman_requests_total').map(({ labels }) => [labels.status, labels.stream]),
    ).toEqual([
      ['200', 'true'],
      ['429', 'true'],
      ['200', 'false'],
    ]);
  });

  test('what the upstream did not say is not observed', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.record(turnRecord({ usage: { output: 3 }, firstTokenMs: undefined }));
    expect(
      samples(metrics, 'gen_ai_client_token_usage_count').map(({ labels }) => labels.gen_ai_token_type),
    ).toEqual(['output']);
    expect(samples(metrics, 'gen_ai_server_time_to_first_token_seconds_count')).toEqual([]);
  });

  test('requests that reach no provider are counted, but are no model requests', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.record(
      turnRecord({ surface: 'models', provider: undefined, model: undefined, upstreamModel: undefined }),
    );
    expect(samples(metrics, 'dragoman_requests_total')[0]!.labels).toMatchObject({
      surface: 'models',
      provider: '',
      model: '',
    });
    expect(samples(metrics, 'gen_ai_client_operation_duration_seconds_count')).toEqual([]);
  });

  test('open streams go up and down', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.streamsOpen(1);
    metrics.streamsOpen(1);
    metrics.streamsOpen(-1);
    expect(samples(metrics, 'dragoman_streams_open')[0]!.value).toBe(1);
  });

  test('so do open WebSockets', () => {
    const metrics = turnMetrics({ version: '0' });
    for (const change of [1, 1, -1] as const) metrics.socketsOpen!(change);
    expect(samples(metrics, 'dragoman_websocket_open')[0]!.value).toBe(1);
  });
});

describe('the number of series is bounded', () => {
  const modelsOf = (metrics: Metrics): Set<string> =>
    new Set(samples(metrics, 'dragoman_requests_total').map(({ labels }) => labels.model!));

  test('beyond the bound all further models are one', () => {
    const metrics = turnMetrics({ version: '0', modelsMax: 3 });
    for (let i = 0; i < 50; i++) metrics.record(turnRecord({ upstreamModel: `m${i}` }));
    metrics.record(turnRecord({ upstreamModel: 'm1' }));
    expect([...modelsOf(metrics)]).toEqual(['m0', 'm1', 'm2', 'other']);
    const counts = samples(metrics, 'dragoman_requests_total').map(({ value }) => value);
    expect(counts).toEqual([1, 2, 1, 47]);
  });

  test('names that no provider knew get no series', () => {
    const metrics = turnMetrics({ version: '0' });
    metrics.record(
      turnRecord({ provider: undefined, upstreamModel: undefined, model: 'guess-1', status: 404 }),
    );
    metrics.record(
      turnRecord({
        upstreamModel: 'guess-2',
        status: 404,
        outcome: 'error',
        failure: { kind: 'not_found', scope: 'request' },
      }),
    );
    expect([...modelsOf(metrics)]).toEqual(['other']);
  });

  test('note fields that clients invent are bounded too', () => {
    const metrics = turnMetrics({ version: '0', noteFieldsMax: 2 });
    metrics.record(turnRecord({ notes: Array.from({ length: 9 }, (_, i) => note(`field${i}.x`)) }));
    expect(
      samples(metrics, 'dragoman_notes_total').map(({ labels, value }) => [labels.field, value]),
    ).toEqual([
      ['field0', 1],
      ['field1', 1],
      ['other', 7],
    ]);
  });
});

describe('the text format', () => {
  test('whatever a label or help text holds comes back as it was', () => {
    const metrics = registry();
    const value = 'a"b\\c\nd{}=,é\u{1f600}\ud800';
    metrics.counter('x_total', 'Line\none \\ two', ['l', 'm']).with(value, '').add(1.5);
    const family = parsePrometheus(metrics.write()).get('x_total')!;
    expect(family.samples[0]).toEqual({
      name: 'x_total',
      labels: { l: value.toWellFormed(), m: '' },
      value: 1.5,
    });
    expect(family.help).toBe('Line\\none \\\\ two');
  });

  test('a value on a bound belongs to that bucket, and one beyond all of them to +Inf', () => {
    const metrics = registry();
    const series = metrics.histogram('h', 'H.', [], [1, 2]).with();
    for (const value of [1, 1.5, 2, 99, Number.NaN]) series.observe(value);
    expect(metrics.write()).toBe(
      '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\nh_sum 103.5\nh_count 4\n',
    );
  });

  test.each([
    'x 1',
    '# HELP x X.\n# TYPE x counter\nx 1\n',
    '# HELP x_total X.\n# TYPE x_total counter\nx_total{a="1"} 1\nx_total{a="1"} 2\n',
    '# HELP x_total X.\n# TYPE x_total counter\nx_total{a="\t"b"} 1\n',
    '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  ])('the reader of these tests refuses %j', (text) => {
    expect(() => parsePrometheus(text)).toThrow();
  });
});

test('recording costs little', () => {
  const metrics = turnMetrics({ version: '0' });
  const records = Array.from({ length: 50 }, (_, i) =>
    turnRecord({ upstreamModel: `m${i}`, notes: [note('top_k')] }),
  );
  const round = (): number => {
    const start = performance.now();
    for (let i = 0; i < 400; i++) for (const record of records) metrics.record(record);
    return ((performance.now() - start) / 20_000) * 1000;
  };
  const perRecordUs = Math.min(...Array.from({ length: 8 }, round));
  expect(perRecordUs).toBeLessThan(3);
});
