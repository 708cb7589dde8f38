import type { Failure, FailureKind, FailureScope } from '../../turn/failure.ts';
import { asObject, asString, isObject, parseJson } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { FailedResponse } from '../protocol.ts';
import { unreadableFailure } from '../broken-reply.ts';
import { narrowedScope } from '../refusal-words.ts';
import { requestIdOf, unreadFailure } from '../unread-failure.ts';
import { waitHint, waitInWords } from '../wait-hint.ts';
import { own } from './fields.ts';

/** Some servers end a reply that broke off with the finish reason `error` and say no more. */
export const endedInError: Failure = unreadableFailure('the upstream ended the reply with an error');

/** Reads an error response. Bodies of another shape than `{error: …}` are judged by their status. */
export function decodeFailure(response: FailedResponse): Failure {
  const { status, headers } = response;
  const body = parseJson(response.text);
  const error = errorObject(body);
  if (error === undefined) return unreadFailure(own, response);
  const failure = status < 400 ? decodeErrorObject(error) : classify(status, error);
  const retryAfterMs = waitHint(headers, status) ?? failure.retryAfterMs;
  return {
    ...failure,
    message: failure.message || `the upstream answered with status ${status}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    upstream: { protocol: own, status, requestId: requestIdOf(headers), error },
  };
}

/** Reads an error object that came inside a stream; its code may be the HTTP status it would have had. */
export function decodeErrorObject(error: Json): Failure {
  const object = isObject(error) ? error : { message: error };
  const code = Number(object.code ?? object.status);
  const word = `${asString(object.type) ?? ''} ${asString(object.code) ?? ''}`;
  const status =
    code >= 400 && code < 600 ? code : (streamStatuses.find(([pattern]) => pattern.test(word))?.[1] ?? 502);
  const failure = classify(status, object);
  return {
    ...failure,
    message: failure.message || 'the upstream reported an error in the stream',
    upstream: { protocol: own, error: object },
  };
}

/** Statuses of the words that errors within a stream carry instead. */
const streamStatuses: readonly (readonly [RegExp, number])[] = [
  [/rate_?limit|insufficient_quota|too_many_requests/i, 429],
  [/overloaded|unavailable|capacity/i, 503],
  [/authentication|invalid_api_key/i, 401],
  [/permission|forbidden/i, 403],
  [/not_found/i, 404],
  [/timeout/i, 504],
  [/context_length|invalid_request|invalid_prompt|content_policy/i, 400],
];

function classify(status: number, error: JsonObject): Failure {
  const code = asString(error.code) ?? asString(asObject(error.metadata)?.error_type);
  const type = asString(error.type);
  const message = asString(error.message) ?? '';
  const word = `${type ?? ''} ${code ?? ''}`;
  const [kind, scope, retryable] = judge(status, word, message);
  const wait = kind === 'rate_limited' ? waitInWords(message) : undefined;
  return {
    kind,
    scope: narrowedScope(kind, scope, `${message} ${word}`),
    status: status >= 400 && status < 600 ? status : 502,
    message,
    retryable,
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    ...(asString(error.param) === undefined ? {} : { param: asString(error.param) }),
    ...(code === undefined || /^\d+$/.test(code) ? {} : { code }),
    ...(type === undefined ? {} : { type }),
  };
}

function judge(status: number, word: string, message: string): [FailureKind, FailureScope, boolean] {
  if (/insufficient_quota|billing|credit/i.test(word)) return ['billing', 'account', false];
  // Some servers say these with 400.
  if (/invalid_api_key/i.test(word) || message.startsWith('Incorrect API key'))
    return ['authentication', 'account', false];
  if (
    status === 400 &&
    (/invalid_model|model_not_found|model_decommissioned/i.test(word) || noModel.test(message))
  )
    return ['not_found', 'model', false];
  switch (status) {
    case 401:
      return ['authentication', 'account', false];
    case 402:
      return ['billing', 'account', false];
    case 403:
      return ['permission', 'account', false];
    case 404:
      return ['not_found', 'model', false];
    case 408:
    case 504:
      return ['timeout', 'provider', true];
    case 409:
      return ['conflict', 'request', true];
    case 413:
      return ['too_large', 'request', false];
    case 422:
      return ['unprocessable', 'request', false];
    case 429:
      return ['rate_limited', 'account', true];
    case 503:
    case 529:
      return ['overloaded', 'provider', true];
  }
  if (status >= 400 && status < 500) return ['invalid_request', 'request', false];
  return ['upstream', 'provider', true];
}

const noModel = /\b(?:not a valid model|invalid model|model not exist)/i;

/** The error object in a body: `{error}`, `{error: "text"}`, `{detail}`, `{message}`. */
function errorObject(body: Json | undefined): JsonObject | undefined {
  const object = Array.isArray(body) ? asObject(body[0]) : asObject(body);
  if (!object) return undefined;
  if (isObject(object.error)) return object.error;
  if (typeof object.error === 'string')
    return { ...object, message: asString(object.message) ?? object.error };
  if (typeof object.message === 'string') return object;
  if (typeof object.detail === 'string') return { message: object.detail };
  if (Array.isArray(object.detail)) return { message: details(object.detail) };
  return undefined;
}

/** Validation errors as `[{loc: ["body", "messages"], msg: "…"}]`. */
const details = (list: readonly Json[]): string =>
  list
    .filter(isObject)
    .map((entry) => {
      const at = Array.isArray(entry.loc) ? entry.loc.slice(1).join('.') : '';
      return at === '' ? (asString(entry.msg) ?? '') : `${at}: ${asString(entry.msg) ?? ''}`;
    })
    .join('; ');

/** OpenAI's error type and code for each kind; clients tell their typed errors apart by status and these. */
const words: Readonly<Record<FailureKind, readonly [type: string, code: string | null]>> = {
  invalid_request: ['invalid_request_error', null],
  authentication: ['authentication_error', 'invalid_api_key'],
  permission: ['permission_error', null],
  billing: ['insufficient_quota', 'insufficient_quota'],
  not_found: ['invalid_request_error', 'not_found'],
  conflict: ['conflict_error', null],
  too_large: ['invalid_request_error', 'request_too_large'],
  unprocessable: ['invalid_request_error', null],
  rate_limited: ['rate_limit_error', 'rate_limit_exceeded'],
  overloaded: ['server_error', 'overloaded'],
  timeout: ['server_error', 'timeout'],
  upstream: ['server_error', 'upstream_error'],
  unreachable: ['server_error', 'upstream_unreachable'],
  cut: ['server_error', 'upstream_cut'],
  cancelled: ['server_error', 'cancelled'],
  replay: ['invalid_request_error', 'previous_response_not_found'],
  unsupported: ['invalid_request_error', 'unsupported'],
  internal: ['server_error', 'internal_error'],
};

/** The error body for a client. The request id travels in a header, as this API does it. */
export function encodeFailure(failure: Failure): JsonObject {
  const [type, code] = words[failure.kind];
  const isKin = failure.upstream?.protocol === own || failure.upstream?.protocol === 'openai-responses';
  return {
    error: {
      message: failure.message,
      type: (isKin ? failure.type : undefined) ?? type,
      param: failure.param ?? null,
      code: failure.code ?? code,
    },
  };
}

/** The frame that ends a stream with a failure; no `[DONE]` follows, so nobody takes it for a whole reply. */
export const failureFrames = (failure: Failure): string =>
  `data: ${JSON.stringify(encodeFailure(failure))}\n\n`;
