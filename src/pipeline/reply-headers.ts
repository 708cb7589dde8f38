import type { Failure } from '../turn/failure.ts';
import type { Note } from '../turn/note.ts';
import type { Exchange, Inbound } from './exchange.ts';
import { rateHeaders } from './rate-headers.ts';

/** Upstream headers that clients act on; everything else an upstream says stays inside. */
const passed: ReadonlySet<string> = new Set([
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'openai-processing-ms',
]);
const passedFamilies = ['x-ratelimit-', 'anthropic-ratelimit-'] as const;
export const eventStream = 'text/event-stream; charset=utf-8';

const notesCharsMax = 2_000;

/** The headers of a reply that an upstream has given. */
export function replyHeaders(exchange: Exchange, contentType: string): Record<string, string> {
  const headers = ownHeaders(exchange.inbound, contentType);
  // A provider that has several ways to an answer says which it went.
  headers['dragoman-transport'] = headerText(exchange.response.headers.get('dragoman-transport') ?? 'http');
  exchange.response.headers.forEach((value, name) => {
    if (passed.has(name) || passedFamilies.some((family) => name.startsWith(family))) headers[name] = value;
  });
  const { rates } = exchange.inbound.record;
  if (rates) rateHeaders(exchange.inbound.surface.id, rates, exchange.deps.nowMs(), headers);
  return headers;
}

/** The headers of a reply, whoever has given it, to a request that has found its model. */
export function ownHeaders(
  { record, requestId, surface }: Inbound,
  contentType: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': contentType,
    'x-request-id': requestId,
    'dragoman-provider': record.provider ?? '',
    'dragoman-model': headerText(record.upstreamModel ?? ''),
  };
  if (surface.id === 'anthropic-messages') headers['request-id'] = requestId;
  if (record.stream) headers['cache-control'] = 'no-cache';
  if (record.notes.length > 0) headers['dragoman-notes'] = notesHeader(record.notes);
  return headers;
}

/** What Bun adds to a stream's head by itself, but in six more system calls. */
export const streamHeaders = (nowMs: number): Record<string, string> => ({
  date: httpDate(nowMs),
  'transfer-encoding': 'chunked',
});

let datedSecond = 0;
let date = '';

/** The `Date` header, written anew once a second. */
function httpDate(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== datedSecond) {
    datedSecond = second;
    date = new Date(nowMs).toUTCString();
  }
  return date;
}

/** What tells a client whether and when to try again. */
export function errorHeaders(failure: Failure): Record<string, string> {
  const headers: Record<string, string> = {};
  if (!failure.retryable) headers['x-should-retry'] = 'false';
  else if (failure.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  }
  return headers;
}

/** `top_k=dropped, tools[3]=emulated`: what was done to which field, in the order it was found. */
function notesHeader(notes: readonly Note[]): string {
  let text = '';
  for (const note of notes) {
    const entry = headerText(`${note.path}=${note.action}`);
    if (text.length + entry.length > notesCharsMax) return `${text}, ...`;
    text += text === '' ? entry : `, ${entry}`;
  }
  return text;
}

/** Printable ASCII only: a header must not be able to start another one. */
const headerText = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300);
