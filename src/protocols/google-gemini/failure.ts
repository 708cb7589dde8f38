import type { Failure, FailureKind, FailureScope } from '../../turn/failure.ts';
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  parseJson,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type { FailedResponse } from '../protocol.ts';
import { narrowedScope } from '../refusal-words.ts';
import { sseText } from '../sse.ts';
import { requestIdOf, unreadFailure } from '../unread-failure.ts';
import { spanMs, waitHint } from '../wait-hint.ts';
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

/** `error.status`: the names of google.rpc.Code, with the HTTP statuses that belong to them. */
const byName: Readonly<Record<string, Meaning>> = {
  INVALID_ARGUMENT: mean('invalid_request', 'request', 400),
  OUT_OF_RANGE: mean('invalid_request', 'request', 400),
  // The place or plan of the account does not allow the call.
  FAILED_PRECONDITION: mean('permission', 'account', 400),
  UNAUTHENTICATED: mean('authentication', 'account', 401),
  PERMISSION_DENIED: mean('permission', 'account', 403),
  NOT_FOUND: mean('not_found', 'model', 404),
  ABORTED: mean('conflict', 'request', 409),
  ALREADY_EXISTS: mean('conflict', 'request', 409),
  RESOURCE_EXHAUSTED: mean('rate_limited', 'account', 429, true),
  CANCELLED: mean('upstream', 'provider', 499, true),
  INTERNAL: mean('upstream', 'provider', 500, true),
  UNKNOWN: mean('upstream', 'provider', 500, true),
  DATA_LOSS: mean('upstream', 'provider', 500, true),
  UNIMPLEMENTED: mean('unsupported', 'model', 501),
  UNAVAILABLE: mean('overloaded', 'provider', 503, true),
  DEADLINE_EXCEEDED: mean('timeout', 'provider', 504, true),
};

const byStatus: Readonly<Record<number, Meaning>> = {
  400: byName.INVALID_ARGUMENT!,
  401: byName.UNAUTHENTICATED!,
  402: mean('billing', 'account', 402),
  403: byName.PERMISSION_DENIED!,
  404: byName.NOT_FOUND!,
  408: mean('timeout', 'provider', 408, true),
  409: byName.ABORTED!,
  413: mean('too_large', 'request', 413),
  422: mean('unprocessable', 'request', 422),
  429: byName.RESOURCE_EXHAUSTED!,
  501: byName.UNIMPLEMENTED!,
  503: byName.UNAVAILABLE!,
  504: byName.DEADLINE_EXCEEDED!,
  529: mean('overloaded', 'provider', 529, true),
};

const words: Readonly<Record<FailureKind, string>> = {
  invalid_request: 'INVALID_ARGUMENT',
  authentication: 'UNAUTHENTICATED',
  permission: 'PERMISSION_DENIED',
  billing: 'FAILED_PRECONDITION',
  not_found: 'NOT_FOUND',
  conflict: 'ABORTED',
  too_large: 'INVALID_ARGUMENT',
  unprocessable: 'INVALID_ARGUMENT',
  rate_limited: 'RESOURCE_EXHAUSTED',
  overloaded: 'UNAVAILABLE',
  timeout: 'DEADLINE_EXCEEDED',
  upstream: 'INTERNAL',
  unreachable: 'UNAVAILABLE',
  cut: 'INTERNAL',
  cancelled: 'CANCELLED',
  replay: 'ABORTED',
  unsupported: 'UNIMPLEMENTED',
  internal: 'INTERNAL',
};

/** Reads an upstream's error reply. A body of another shape is judged by its status. */
export function decodeFailure(response: FailedResponse): Failure {
  const { status, headers } = response;
  const error = errorOf(parseJson(response.text));
  if (error === undefined) return unreadFailure(protocolId, response);
  const failure = errorFailure(error, status);
  return {
    ...failure,
    retryAfterMs: failure.retryAfterMs ?? waitHint(headers, status),
    upstream: { ...failure.upstream, protocol: protocolId, status, requestId: requestIdOf(headers) },
  };
}

/** The error object in a body; without server-sent events the API puts it into a list. */
export function errorOf(body: Json | undefined): JsonObject | undefined {
  const object = asObject(Array.isArray(body) ? body.at(-1) : body);
  const error = asObject(object?.error);
  return error !== undefined && (typeof error.message === 'string' || typeof error.status === 'string')
    ? error
    : undefined;
}

/**
 * Reads an error object, of a reply or of a chunk in mid-stream.
 * @param status the HTTP status; without one the object's own `code` is it
 */
export function errorFailure(error: JsonObject, status = asNumber(error.code)): Failure {
  const details = asArray(error.details).filter(isObject);
  const info = details.find((detail) => typeOf(detail) === 'ErrorInfo');
  const reason = asString(info?.reason);
  const name = asString(error.status);
  const message = asString(error.message) ?? 'the upstream reported an error';
  const meaning =
    // A bad key is answered with 400 INVALID_ARGUMENT.
    (reason?.startsWith('API_KEY_') ? byName.UNAUTHENTICATED : undefined) ??
    (reason === 'BILLING_DISABLED' ? byStatus[402] : undefined) ??
    (name === undefined ? undefined : byName[name]) ??
    (status === undefined ? undefined : byStatus[status]) ??
    byName.INTERNAL!;
  const { kind, scope, retryable, status: usual } = meaning;
  const isTooLong =
    kind === 'invalid_request' && /exceeds the maximum number of tokens|context window/i.test(message);
  const wait = asString(details.find((detail) => typeOf(detail) === 'RetryInfo')?.retryDelay);
  const quota = quotaOf(details);
  return {
    kind,
    scope: narrowedScope(kind, scope, `${message} ${reason ?? ''} ${quota ?? ''}`),
    status:
      status === undefined || status < 400 || status >= 600 || kind === 'authentication' || kind === 'billing'
        ? usual
        : status,
    message,
    code: isTooLong ? 'context_length_exceeded' : (reason ?? quota),
    type: name,
    retryable,
    retryAfterMs: wait === undefined ? undefined : spanMs(wait),
    upstream: { protocol: protocolId, status, error },
  };
}

/** The quota that is used up, such as `GenerateRequestsPerDayPerProjectPerModel-FreeTier`. */
function quotaOf(details: readonly JsonObject[]): string | undefined {
  const [violation] = details.flatMap((detail) => asArray(detail.violations));
  return asString(asObject(violation)?.quotaId);
}

const typeUrl = 'type.googleapis.com/google.rpc.';

const typeOf = (detail: JsonObject): string | undefined => asString(detail['@type'])?.slice(typeUrl.length);

/** Writes the error body. An upstream of this protocol has its details passed on. */
export function encodeFailure(failure: Failure): JsonObject {
  const theirs = failure.upstream?.protocol === protocolId ? asObject(failure.upstream.error) : undefined;
  const status =
    theirs !== undefined && failure.type !== undefined && byName[failure.type] !== undefined
      ? failure.type
      : words[failure.kind];
  const error: JsonObject = { code: failure.status, message: failure.message, status };
  const details = asArray(theirs?.details).slice();
  if (
    failure.retryAfterMs !== undefined &&
    !details.some((detail) => isObject(detail) && typeOf(detail) === 'RetryInfo')
  ) {
    // Gemini CLI waits for as long as this says; it does not read the header.
    details.push({ '@type': `${typeUrl}RetryInfo`, retryDelay: `${failure.retryAfterMs / 1000}s` });
  }
  if (failure.param !== undefined && theirs === undefined) {
    const fieldViolations = [{ field: failure.param, description: failure.message }];
    details.push({ '@type': `${typeUrl}BadRequest`, fieldViolations });
  }
  if (details.length > 0) error.details = details;
  return { error };
}

/** The frame that ends a stream with a failure. */
export const failureFrames = (failure: Failure): string =>
  sseText(undefined, JSON.stringify(encodeFailure(failure)));
