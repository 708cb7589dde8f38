import { jsonLines } from './json-line.ts';
import type { LogLevel } from './level.ts';
import { lineWriter, type WriteText } from './line-writer.ts';
import { prettyEvent, prettyRecord } from './pretty.ts';
import type { Recorder, TurnRecord } from './record.ts';
import type { Redactor } from './redact.ts';
import { requestFields, type FieldValue } from './request-fields.ts';

/** What an event may carry beside its name. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The log of the gateway: one line per request, and events. Neither waits for the writing. */
export interface AccessLog extends Recorder {
  /** Something that happened to the gateway itself: `listening`, `provider_unreachable`, … */
  event(level: LogLevel, event: string, fields?: LogFields): void;
  /** An `info` event that programs wait for: written whatever the level. */
  announce(event: string, fields?: LogFields): void;
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
  const json = jsonLines(redactor);
  // For people the painting escapes what is left.
  const clean = (fields: Readonly<Record<string, FieldValue>>): Record<string, FieldValue> => {
    const out: Record<string, FieldValue> = {};
    for (const name in fields) {
      const value = fields[name];
      if (typeof value === 'string') out[name] = redactor.redact(value);
      else if (typeof value === 'object') out[name] = value.map((item) => redactor.redact(item));
      else if (value !== undefined) out[name] = value;
    }
    return out;
  };

  const write = (level: LogLevel, name: string, fields: LogFields): void => {
    const line = pretty
      ? prettyEvent(nowMs(), level, redactor.redact(name), clean(fields), color)
      : json(nowMs(), level, name, fields);
    writer.push(line);
  };
  const event = (level: LogLevel, name: string, fields: LogFields = {}): void => {
    if (severity[level] >= least) write(level, name, fields);
  };
  const tellDropped = (): void => {
    const lines = writer.takeDropped();
    if (lines > 0) event('warn', 'log_lines_dropped', { lines });
  };

  return {
    event,
    announce: (name, fields = {}) => write('info', name, fields),
    record(record) {
      const level = levelOf(record);
      if (severity[level] < least) return;
      tellDropped();
      const fields = requestFields(record, least === severity.debug);
      writer.push(
        pretty ? prettyRecord(nowMs(), clean(fields), color) : json(nowMs(), level, 'request', fields),
      );
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
