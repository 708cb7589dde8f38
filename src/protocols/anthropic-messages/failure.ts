import type { Failure, FailureKind, FailureScope } from '../../turn/failure.ts';
import { asObject, asString, parseObject, type JsonObject } from '../../turn/json.ts';
import type { FailedResponse } from '../protocol.ts';
import { narrowedScope } from '../refusal-words.ts';
import { sseText } from '../sse.ts';
import { unreadFailure } from '../unread-failure.ts';
import { waitHint } from '../wait-hint.ts';
import { protocolId } from './names.ts';

interface Meaning {
  readonly kind: FailureKind;
  readonly scope: FailureScope;
  readonly status: number;
  readonly retryable: boolean;
}

const mean = (kind: FailureKind, scope: FailureScope, status: number, retryable = false): Meaning => ({
  kind,
  scope,
  status,
  retryable,
});

/** `error.type`, as https://docs.anthropic.com/en/api/errors lists them. */
const byType: Readonly<Record<string, Meaning>> = {
  invalid_request_error: mean('invalid_request', 'request', 400),
  authentication_error: mean('authentication', 'account', 401),
  billing_error: mean('billing', 'account', 402),
  permission_error: mean('permission', 'account', 403),
  not_found_error: mean('not_found', 'model', 404),
  conflict_error: mean('conflict', 'request', 409),
  request_too_large: mean('too_large', 'request', 413),
  rate_limit_error: mean('rate_limited', 'account', 429, true),
  api_error: mean('upstream', 'provider', 500, true),
  timeout_error: mean('timeout', 'provider', 504, true),
  overloaded_error: mean('overloaded', 'provider', 529, true),
};

const byStatus: Readonly<Record<number, Meaning>> = {
  400: byType.invalid_request_error!,
  401: byType.authentication_error!,
  402: byType.billing_error!,
  403: byType.permission_error!,
  404: byType.not_found_error!,
  408: mean('timeout', 'provider', 408, true),
  409: byType.conflict_error!,
  413: byType.request_too_large!,
  422: mean('unprocessable', 'request', 422),
  429: byType.rate_limit_error!,
  503: mean('overloaded', 'provider', 503, true),
  504: byType.timeout_error!,
  529: byType.overloaded_error!,
};

const words: Readonly<Record<FailureKind, string>> = {
  invalid_request: 'invalid_request_error',
  authentication: 'authentication_error',
  permission: 'permission_error',
  billing: 'billing_error',
  not_found: 'not_found_error',
  conflict: 'invalid_request_error',
  too_large: 'request_too_large',
  unprocessable: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  overloaded: 'overloaded_error',
  timeout: 'timeout_error',
  upstream: 'api_error',
  unreachable: 'api_error',
  cut: 'api_error',
  cancelled: 'api_error',
  replay: 'invalid_request_error',
  unsupported: 'invalid_request_error',
  internal: 'api_error',
};

/** Reads an upstream's error reply. A body of another shape is judged by its status. */
export function decodeFailure(response: FailedResponse): Failure {
  const { status, headers } = response;
  const body = parseObject(response.text);
  const error = asObject(body?.error);
  const retry = headers.get('x-should-retry');
  const isRead = error !== undefined && typeof error.message === 'string';
  const failure = isRead ? errorFailure(error, status) : unreadFailure(protocolId, response);
  const requestId = headers.get('request-id') ?? asString(body?.request_id);
  return {
    ...failure,
    retryable: retry === null ? failure.retryable : retry === 'true',
    retryAfterMs: waitHint(headers, status),
    upstream: { ...failure.upstream, protocol: protocolId, status, requestId },
  };
}

/**
 * Reads an error object, of a reply or of an `error` event in mid-stream.
 * @param status the HTTP status; an event has none
 */
export function errorFailure(error: JsonObject, status?: number): Failure {
  const type = asString(error.type);
  const message = asString(error.message) ?? 'the upstream reported an error';
  const { kind, scope, retryable, status: usual } = meaningOf(type, status, message);
  const tooLong = kind === 'invalid_request' && /prompt is too long|exceed context limit/i.test(message);
  const code = tooLong
    ? 'context_length_exceeded'
    : (asString(asObject(error.details)?.error_code) ?? asString(error.code));
  return {
    kind,
    scope: narrowedScope(kind, scope, `${message} ${type ?? ''}`),
    status: kind === 'billing' || status === undefined || status < 400 ? usual : status,
    message,
    code,
    type,
    retryable,
    upstream: { protocol: protocolId, status, error },
  };
}

function meaningOf(type: string | undefined, status: number | undefined, message: string): Meaning {
  if (isOutOfCredit.test(message)) return byType.billing_error!;
  if (isLocked.test(message)) return mean('permission', 'account', 403);
  return (
    (type === undefined ? undefined : byType[type]) ??
    (status === undefined ? undefined : byStatus[status]) ??
    byType.api_error!
  );
}

/** The API says these of an account with 400 `invalid_request_error`, as if the request were at fault. */
const isOutOfCredit = /credit balance is too low|reached your specified (?:API|workspace) usage limits/i;
const isLocked = /organization has been disabled/i;

/** Writes the error body. An upstream of this protocol has its error object passed on, details and all. */
export function encodeFailure(failure: Failure, requestId: string): JsonObject {
  const theirs = failure.upstream?.protocol === protocolId ? asObject(failure.upstream.error) : undefined;
  const type =
    theirs !== undefined && failure.type !== undefined && byType[failure.type] !== undefined
      ? failure.type
      : words[failure.kind];
  return {
    type: 'error',
    error: { ...theirs, type, message: clientMessage(failure) },
    request_id: requestId,
  };
}

/** The frame that ends a stream with a failure. */
export const failureFrames = (
  failure: Failure,
  context: { requestId: string; lastData: string | undefined },
): string => sseText('error', JSON.stringify(encodeFailure(failure, context.requestId)));

/**
 * Two texts make coding agents act: `invalid x-api-key` sends the user to a login that cannot mend the gateway's
 * key, and `prompt is too long: N tokens > M maximum` is how they learn that they must compact.
 */
function clientMessage(failure: Failure): string {
  const message = failure.message.replace(/invalid x-api-key/gi, 'the upstream did not accept its API key');
  if (failure.code !== 'context_length_exceeded' || /prompt is too long/i.test(message)) return message;
  const numbers = (message.match(/\d[\d,]*/g) ?? [])
    .map((digits) => Number(digits.replaceAll(',', '')))
    .filter((count) => count >= 1000)
    .sort((a, b) => b - a);
  const [asked, most] = numbers;
  return asked !== undefined && most !== undefined && asked > most
    ? `prompt is too long: ${asked} tokens > ${most} maximum (${message})`
    : `prompt is too long (${message})`;
}
