import { machineWord } from '../turn/failure.ts';
import { inputTokens, outputTokens } from '../turn/usage.ts';
import type { TurnRecord } from './record.ts';

/** What stands under one name of a log line; absent when `undefined`. */
export type FieldValue = string | number | boolean | readonly string[] | undefined;

/** How many notes of a request are written out; `notes_count` has them all. */
const notesMax = 20;
const noteCharsMax = 160;
/** Accounts that were asked in vain; `attempts` counts them all. */
const refusalsMax = 10;
const errorCharsMax = 300;
const framesMax = 6;

/**
 * A record as it is logged: the same flat fields for every request, absent where there is nothing to say. Nothing
 * is masked yet. What an upstream said in its own words may quote the request, and is there `withWords` only.
 */
export function requestFields(record: TurnRecord, withWords = false) {
  const { usage, failure, stop, notes } = record;
  return {
    request_id: record.requestId,
    surface: record.surface,
    method: record.method,
    transport: record.transport,
    route: record.route,
    status: record.status,
    outcome: record.outcome,
    key: record.keyId,
    provider: record.provider,
    account: record.account,
    chosen: record.chosen,
    attempts: record.attempts,
    refusals: record.refusals && refusalTexts(record.refusals),
    model: record.model,
    upstream_model: record.upstreamModel === record.model ? undefined : record.upstreamModel,
    upstream_protocol: record.upstreamProtocol,
    lane: record.lane === 'none' ? undefined : record.lane,
    stream: record.stream,
    stop: stop?.reason,
    failure: failure?.kind,
    failure_scope: failure?.scope,
    failure_code: machineWord(failure?.code),
    error:
      withWords || failure?.upstream?.protocol === undefined
        ? failure?.message?.slice(0, errorCharsMax)
        : undefined,
    cause: failure?.cause === undefined ? undefined : causeText(failure.cause, failure.kind === 'internal'),
    input_tokens: usage && inputTokens(usage),
    output_tokens: usage && outputTokens(usage),
    cache_read_tokens: usage?.cacheRead,
    reasoning_tokens: usage?.reasoning,
    cost_usd: record.costUsd,
    cost: record.costBasis,
    notes: notes.length === 0 ? undefined : noteTexts(notes),
    notes_count: notes.length || undefined,
    duration_ms: toTenths(record.endedMs - record.startedMs),
    headers_ms: since(record.headersMs, record),
    first_token_ms: since(record.firstTokenMs, record),
    upstream_ms: record.upstreamMs > 0 ? toTenths(record.upstreamMs) : undefined,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
    client: record.client,
  } satisfies Record<string, FieldValue>;
}

/** `PROVIDER/ACCOUNT MODEL balance: rate_limited 429 of the account`, so that every step of a failover can be followed. */
const refusalTexts = (refusals: NonNullable<TurnRecord['refusals']>): string[] =>
  refusals
    .slice(0, refusalsMax)
    .map(
      ({ provider, account, model, chosen, kind, status, scope }) =>
        `${provider}/${account} ${model.slice(0, noteCharsMax)} ${chosen}: ${kind} ${status} of the ${scope}`,
    );

const noteTexts = (notes: TurnRecord['notes']): string[] =>
  notes.slice(0, notesMax).map(({ path, action }) => `${path.slice(0, noteCharsMax)}=${action}`);

/** What was thrown, for whoever mends it: with the way to it when it is a fault of the gateway. */
function causeText(cause: unknown, withFrames: boolean): string {
  if (!(cause instanceof Error)) return typeof cause;
  const { code } = cause as { code?: unknown };
  // A parser's message quotes what it read, which may be a prompt.
  const message = cause instanceof SyntaxError ? '' : `: ${cause.message.slice(0, errorCharsMax)}`;
  const head = `${cause.name}${typeof code === 'string' ? ` ${code}` : ''}${message}`;
  if (!withFrames) return head;
  const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [head, ...frames.slice(0, framesMax).map((line) => line.trim())].join(' | ');
}

const since = (pointMs: number | undefined, record: TurnRecord): number | undefined =>
  pointMs === undefined ? undefined : toTenths(pointMs - record.startedMs);

const toTenths = (value: number): number => Math.round(value * 10) / 10;
