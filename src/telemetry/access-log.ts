import { inputTokens, outputTokens } from '../turn/usage.ts';
import { escapeControls } from './escape.ts';
import { lineWriter, type WriteText } from './line-writer.ts';
import { prettyEvent, prettyRecord } from './pretty.ts';
import type { Recorder, TurnRecord } from './record.ts';
import type { Redactor } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What an event may carry beside its name. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The log of the gateway: one line per request, and events. Neither waits for the writing. */
export interface AccessLog extends Recorder {
  /** Something that happened to the gateway itself: `listening`, `provider_unreachable`, … */
  event(level: LogLevel, event: string, fields?: LogFields): void;
  /** Resolves when everything so far is written. The log can be used on. */
  flush(): Promise<void>;
}

export interface AccessLogOptions {
  readonly format: 'json' | 'pretty';
  readonly write: WriteText;
  readonly redactor: Redactor;
  /** The least severe level that is written. Requests are `info`, failed ones `warn`, faults of the gateway `error`. */
  readonly level?: LogLevel;
  /** Whether pretty lines may use colour. */
  readonly color?: boolean;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs?: () => number;
  readonly flushMs?: number;
  readonly pendingCharsMax?: number;
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Writes requests and events as JSON lines, or as aligned lines for people. Secrets are masked and control
 * characters escaped in every value.
 *
 * @example
 * const log = accessLog({ format: 'json', write: (text) => void process.stdout.write(text), redactor: redactor() });
 * log.event('info', 'listening', { url: 'http://127.0.0.1:4242' });
 * await log.flush();
 */
export function accessLog(options: AccessLogOptions): AccessLog {
  const { format, redactor, color = false, nowMs = Date.now } = options;
  const least = severity[options.level ?? 'info'];
  const pretty = format === 'pretty';
  const writer = lineWriter({
    write: options.write,
    flushMs: options.flushMs ?? (pretty ? 0 : 50),
    pendingCharsMax: options.pendingCharsMax ?? 4 * 1024 * 1024,
  });
  const clean = (value: string): string => redactor.redact(value);
  const cleanFields = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const out: Record<string, unknown> = {};
    for (const key in fields) {
      const value = fields[key];
      if (value !== undefined) out[key] = typeof value === 'string' ? clean(value) : value;
    }
    return out;
  };
  const json = (level: LogLevel, fields: Record<string, unknown>): string =>
    escapeControls(JSON.stringify({ time: new Date(nowMs()).toISOString(), level, ...fields }));

  const event = (level: LogLevel, name: string, fields: LogFields = {}): void => {
    if (severity[level] < least) return;
    const shown = cleanFields(fields);
    const event = clean(name);
    writer.push(pretty ? prettyEvent(nowMs(), level, event, shown, color) : json(level, { event, ...shown }));
  };
  const tellDropped = (): void => {
    const lines = writer.takeDropped();
    if (lines > 0) event('warn', 'log_lines_dropped', { lines });
  };

  return {
    event,
    record(record) {
      const level = levelOf(record);
      if (severity[level] < least) return;
      tellDropped();
      const shown = cleanFields(requestFields(record));
      writer.push(pretty ? prettyRecord(nowMs(), shown, color) : json(level, { event: 'request', ...shown }));
    },
    streamsOpen() {},
    async flush() {
      await writer.flush();
      tellDropped();
      await writer.flush();
    },
  };
}

function levelOf(record: TurnRecord): LogLevel {
  if (record.outcome === 'ok' || record.outcome === 'cancelled') return 'info';
  return record.failure?.scope === 'gateway' || record.failure?.kind === 'internal' ? 'error' : 'warn';
}

/** A record as it is logged: the same flat fields for every request, absent where there is nothing to say. */
function requestFields(record: TurnRecord): Record<string, string | number | boolean | undefined> {
  const { usage, failure, stop } = record;
  const totalMs = record.endedMs - record.startedMs;
  return {
    request_id: record.requestId,
    surface: record.surface,
    method: record.method,
    route: record.route,
    status: record.status,
    outcome: record.outcome,
    provider: record.provider,
    model: record.model,
    upstream_model: record.upstreamModel === record.model ? undefined : record.upstreamModel,
    upstream_protocol: record.upstreamProtocol,
    lane: record.lane === 'none' ? undefined : record.lane,
    stream: record.stream,
    stop: stop?.reason,
    failure: failure?.kind,
    failure_scope: failure?.scope,
    failure_code: failure?.code,
    input_tokens: usage && inputTokens(usage),
    output_tokens: usage && outputTokens(usage),
    cache_read_tokens: usage?.cacheRead,
    reasoning_tokens: usage?.reasoning,
    notes: record.notes.length || undefined,
    duration_ms: toTenths(totalMs),
    headers_ms: since(record.headersMs, record),
    first_token_ms: since(record.firstTokenMs, record),
    upstream_ms: record.upstreamMs > 0 ? toTenths(record.upstreamMs) : undefined,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
    client: record.client,
  };
}

const since = (pointMs: number | undefined, record: TurnRecord): number | undefined =>
  pointMs === undefined ? undefined : toTenths(pointMs - record.startedMs);

const toTenths = (value: number): number => Math.round(value * 10) / 10;
