import { inputTokens, outputTokens } from '../turn/usage.ts';
import { registry, type Counter, type Reading } from './prometheus.ts';
import type { Recorder, TurnRecord } from './record.ts';

/** The gateway's metrics. */
export interface Metrics extends Recorder {
  /** Where the states of accounts are read from at each writing. */
  accounts(read: () => readonly AccountState[]): void;
  /** All of them in the Prometheus text format, for `/metrics`. */
  write(): string;
}

/**
 * How an account is as a whole: `partial` when it is not well with some of its models only, `needs_login` and
 * `disabled` when it is not asked at all.
 */
const accountStateNames = ['ok', 'partial', 'cooling', 'suspended', 'needs_login', 'disabled'] as const;

export interface AccountState {
  readonly provider: string;
  readonly account: string;
  readonly state: (typeof accountStateNames)[number];
  /** What is used of its quota, as far as its upstream has told. */
  readonly quota?: readonly QuotaState[];
}

/** One window of a quota. */
export interface QuotaState {
  readonly name: string;
  /** 1 when it is used up. */
  readonly usedRatio: number;
  /** Milliseconds since the epoch. */
  readonly resetsMs?: number;
}

export interface MetricsOptions {
  readonly version: string;
  readonly process?: ProcessSource;
  /** How many provider/model pairs get series of their own; the others share the model `other`. */
  readonly modelsMax?: number;
  /** How many request fields get series of their own among the notes; the others share `other`. */
  readonly noteFieldsMax?: number;
}

/** What the process says of itself; `process` fits. */
export interface ProcessSource {
  memoryUsage(): { rss: number };
  cpuUsage(): { user: number; system: number };
  uptime(): number;
  readonly versions: { readonly bun?: string; readonly node: string };
}

/** Bucket bounds of the OpenTelemetry GenAI semantic conventions. */
const durationBounds = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const tokenBounds = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
];
const firstTokenBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
const overheadBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** `gen_ai.operation.name` of what is no turn. */
const operations: Readonly<Record<string, string>> = { embeddings: 'embeddings', count: 'count_tokens' };

const folded = 'other';

/**
 * Counts every record. Where the OpenTelemetry GenAI conventions have a name for a metric or a label, it is used
 * in Prometheus spelling.
 *
 * @example
 * const metrics = turnMetrics({ version: '0.1.0' });
 * metrics.record(record);
 * new Response(metrics.write(), { headers: { 'content-type': prometheusContentType } });
 */
export function turnMetrics(options: MetricsOptions): Metrics {
  const metrics = registry();
  const labels = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model', 'surface'];
  const duration = metrics.histogram(
    'gen_ai_client_operation_duration_seconds',
    'Duration of a model request as its client saw it; error_type is empty when it succeeded.',
    [...labels, 'error_type'],
    durationBounds,
  );
  const tokens = metrics.histogram(
    'gen_ai_client_token_usage',
    'Tokens of a model request. cache_read is part of input, reasoning is part of output.',
    [...labels, 'gen_ai_token_type'],
    tokenBounds,
  );
  const firstToken = metrics.histogram(
    'gen_ai_server_time_to_first_token_seconds',
    'Time from the request to the first piece of its reply.',
    labels,
    firstTokenBounds,
  );
  const requests = metrics.counter('dragoman_requests_total', 'Requests by how they were answered.', [
    'surface',
    'provider',
    'model',
    'status',
    'stream',
  ]);
  const overhead = metrics.histogram(
    'dragoman_overhead_seconds',
    'Time of a model request that was not spent waiting for its upstream.',
    ['surface', 'lane'],
    overheadBounds,
  );
  const notes = metrics.counter('dragoman_notes_total', 'What could not be carried as it was.', [
    'field',
    'action',
  ]);
  const cost = metrics.counter(
    'dragoman_cost_usd_total',
    'What turns cost in US dollars, as far as it is known.',
    ['provider', 'model'],
  );
  const unknownCost = metrics.counter(
    'dragoman_cost_unknown_total',
    'Answers of upstreams whose cost is not known, or not wholly: they lack a price, or their usage.',
    ['provider', 'model', 'lacks'],
  );
  const streams = metrics.gauge('dragoman_streams_open', 'Streams to clients that are open now.', []).with();
  const sockets = metrics
    .gauge('dragoman_websocket_open', 'WebSocket connections of clients that are open now.', [])
    .with();
  let accounts: () => readonly AccountState[] = () => [];
  metrics.readGauge(
    'dragoman_account_state',
    'How each account is: 1 for the state it is in, 0 for the others.',
    ['provider', 'account', 'state'],
    () => accountReadings(accounts()),
  );
  metrics.readGauge(
    'dragoman_account_quota_used_ratio',
    'How much of its quota each account has used, as its upstream says; 1 when it is used up.',
    ['provider', 'account', 'window'],
    () => quotaReadings(accounts(), ({ usedRatio }) => usedRatio),
  );
  metrics.readGauge(
    'dragoman_account_quota_reset_timestamp_seconds',
    'When that is whole again, in seconds since 1970.',
    ['provider', 'account', 'window'],
    () => quotaReadings(accounts(), ({ resetsMs }) => resetsMs && resetsMs / 1000),
  );
  processMetrics(metrics, options);

  const newSeries = (surface: string, provider: string, model: string) => {
    const own = [operations[surface] ?? 'chat', provider, model, surface] as const;
    const type = (name: string) => once(() => tokens.with(...own, name));
    return {
      answered: keyed((key: number) =>
        requests.with(surface, provider, model, String(key >> 1), String(key % 2 === 1)),
      ),
      duration: keyed((error: string) => duration.with(...own, error)),
      firstToken: once(() => firstToken.with(...own)),
      input: type('input'),
      output: type('output'),
      cacheRead: type('cache_read'),
      reasoning: type('reasoning'),
    };
  };
  const seriesOf = keyed((surface: string) =>
    keyed((provider: string) => keyed((model: string) => newSeries(surface, provider, model))),
  );
  const overheadOf = keyed((surface: string) => keyed((lane: string) => overhead.with(surface, lane)));
  const costOf = keyed((provider: string) =>
    keyed((model: string) => ({
      usd: once(() => cost.with(provider, model)),
      unknown: keyed((lacks: string) => unknownCost.with(provider, model, lacks)),
    })),
  );
  const modelOf = modelLabels(options.modelsMax ?? 200);
  const noteOf = noteCounters((field, action) => notes.with(field, action), options.noteFieldsMax ?? 200);

  return {
    record(record) {
      const { provider = '', usage, startedMs } = record;
      const series = seriesOf(record.surface)(provider)(modelOf(record));
      series.answered(record.status * 2 + (record.stream ? 1 : 0)).add(1);
      if (record.notes.length > 0) {
        for (const note of record.notes) noteOf(note.path, note.action).add(1);
      }
      for (const each of record.costs) {
        const own = costOf(each.provider)(modelOf({ provider: each.provider, upstreamModel: each.model }));
        if (each.usd !== undefined) own.usd().add(each.usd);
        if (each.lacks !== undefined) own.unknown(each.lacks).add(1);
      }
      if (provider === '') return;

      const totalMs = record.endedMs - startedMs;
      series
        .duration(record.outcome === 'ok' ? '' : (record.failure?.kind ?? record.outcome))
        .observe(totalMs / 1000);
      // A client that leaves does so while the gateway waits: how long is not known, so it would count as overhead.
      if (record.outcome !== 'cancelled')
        overheadOf(record.surface)(record.lane).observe(Math.max(0, totalMs - record.upstreamMs) / 1000);
      if (record.firstTokenMs !== undefined)
        series.firstToken().observe((record.firstTokenMs - startedMs) / 1000);
      if (usage === undefined) return;
      if (usage.fresh !== undefined || usage.cacheRead !== undefined)
        series.input().observe(inputTokens(usage));
      if (usage.output !== undefined || usage.reasoning !== undefined)
        series.output().observe(outputTokens(usage));
      if (usage.cacheRead !== undefined) series.cacheRead().observe(usage.cacheRead);
      if (usage.reasoning !== undefined) series.reasoning().observe(usage.reasoning);
    },
    streamsOpen(change) {
      streams.add(change);
    },
    socketsOpen(change) {
      sockets.add(change);
    },
    accounts(read) {
      accounts = read;
    },
    write: () => metrics.write(),
  };
}

/** Accounts that get series of their own. */
const accountsMax = 500;

const accountReadings = (states: readonly AccountState[]): Reading[] =>
  states.slice(0, accountsMax).flatMap(({ provider, account, state }) =>
    accountStateNames.map((name) => ({
      labels: [provider, account, name],
      value: name === state ? 1 : 0,
    })),
  );

const quotaReadings = (
  states: readonly AccountState[],
  valueOf: (window: QuotaState) => number | undefined,
): Reading[] =>
  states.slice(0, accountsMax).flatMap(({ provider, account, quota = [] }) =>
    quota.flatMap((window) => {
      const value = valueOf(window);
      return value === undefined ? [] : [{ labels: [provider, account, window.name], value }];
    }),
  );

/**
 * The model's name as a label. Names come from clients, so their number is bounded, and one that no upstream
 * knew gets no series of its own.
 */
function modelLabels(
  modelsMax: number,
): (record: Pick<TurnRecord, 'provider' | 'model' | 'upstreamModel' | 'failure'>) => string {
  const known = new Map<string, Set<string>>();
  let count = 0;
  return ({ provider, model, upstreamModel = model, failure }) => {
    if (upstreamModel === undefined) return '';
    if (provider === undefined) return folded;
    let models = known.get(provider);
    if (models?.has(upstreamModel)) return upstreamModel;
    if (count >= modelsMax || failure?.kind === 'not_found') return folded;
    if (models === undefined) known.set(provider, (models = new Set()));
    models.add(upstreamModel);
    count++;
    return upstreamModel;
  };
}

/** Counters by the first segment of a note's path and by its action. */
function noteCounters(
  create: (field: string, action: string) => Counter,
  fieldsMax: number,
): (path: string, action: string) => Counter {
  let count = 0;
  const byField = new Map<string, (action: string) => Counter>();
  const counters = (field: string) => keyed((action: string) => create(field, action));
  const others = counters(folded);
  return (path, action) => {
    const end = path.search(/[.[]/);
    const field = end < 0 ? path : path.slice(0, end);
    let own = byField.get(field);
    if (own === undefined) {
      if (count >= fieldsMax) return others(action);
      count++;
      byField.set(field, (own = counters(field)));
    }
    return own(action);
  };
}

function processMetrics(
  metrics: ReturnType<typeof registry>,
  { version, process = globalThis.process }: MetricsOptions,
) {
  const memory = metrics.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', []).with();
  const cpu = metrics
    .counter('process_cpu_seconds_total', 'User and system CPU time spent in seconds.', [])
    .with();
  const start = metrics.gauge(
    'process_start_time_seconds',
    'Start time of the process since 1970 in seconds.',
    [],
  );
  start.with().set(Math.round((Date.now() / 1000 - process.uptime()) * 1000) / 1000);
  const runtime =
    process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`;
  metrics
    .gauge('dragoman_build_info', 'Always 1; the labels say what is running.', ['version', 'runtime'])
    .with(version, runtime)
    .set(1);
  let cpuSeconds = 0;
  metrics.beforeWrite(() => {
    const { user, system } = process.cpuUsage();
    memory.set(process.memoryUsage().rss);
    cpu.add((user + system) / 1e6 - cpuSeconds);
    cpuSeconds = (user + system) / 1e6;
  });
}

/** Remembers what `create` made for each key. */
function keyed<Key, Value>(create: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = create(key)));
    return value;
  };
}

/** Made on first use, so that a series without observations is not written. */
function once<Series>(create: () => Series): () => Series {
  let made: Series | undefined;
  return () => (made ??= create());
}
