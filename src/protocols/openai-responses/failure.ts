import {
  asNumber,
  asObject,
  asString,
  isObject,
  parseObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type { Failure, FailureKind, FailureScope } from '../../turn/failure.ts';
import type { FailedResponse } from '../protocol.ts';
import { narrowedScope } from '../refusal-words.ts';
import { sseText } from '../sse.ts';
import { requestIdOf, unreadFailure } from '../unread-failure.ts';
import { untilEpoch, waitHint, waitInWords } from '../wait-hint.ts';
import { emptyResponse } from './response.ts';
import { own } from './wire.ts';

/** Reads an upstream's error body. */
export function decodeFailure(response: FailedResponse): Failure {
  const { status, headers } = response;
  const body = parseObject(response.text);
  const error = body === undefined ? undefined : errorOf(body);
  if (error === undefined) return unreadFailure(own, response);
  const failure = failureOf(error, status);
  const resets = untilEpoch(asNumber(error.resets_at), headers);
  return {
    ...failure,
    retryAfterMs: waitHint(headers, status) ?? failure.retryAfterMs ?? resets,
    upstream: { protocol: own, status, requestId: requestIdOf(headers), error },
  };
}

/** The failure that an error object tells of; `status` is that of the reply, absent inside a stream. */
export function failureOf(error: JsonObject, status?: number): Failure {
  const code = asString(error.code) ?? numeric(error.code);
  const type = asString(error.type);
  const message = asString(error.message) || 'the upstream reported an error without a message';
  const param = asString(error.param);
  const badKey = message.startsWith('Incorrect API key');
  const kind: FailureKind = badKey
    ? 'authentication'
    : (kindOfCode.get(code ?? '') ?? kindOfCode.get(type ?? '') ?? kindOfStatus(status));
  const [scope, ownStatus, retryable] = consequences[kind] ?? consequences.upstream!;
  return {
    kind,
    scope: narrowedScope(kind, scope, `${message} ${code ?? ''} ${type ?? ''}`),
    status: status !== undefined && status >= 400 && !badKey ? status : ownStatus,
    message,
    ...(param === undefined ? undefined : { param }),
    ...(code === undefined ? undefined : { code }),
    ...(type === undefined ? undefined : { type }),
    retryable,
    retryAfterMs: waitIn(error, message),
    upstream: { protocol: own, status, error },
  };
}

/** The error body for a client. */
export function encodeFailure(failure: Failure, _requestId: string): JsonObject {
  return { error: errorFor(failure) };
}

/** The frames that end a native stream with a failure: `error`, then `response.failed`. */
export function failureFrames(
  failure: Failure,
  context: { requestId: string; lastData: string | undefined },
): string {
  const last = context.lastData === undefined ? undefined : parseObject(context.lastData);
  const sequence = (asNumber(last?.sequence_number) ?? -1) + 1;
  const known = asObject(last?.response);
  const id = asString(known?.id) ?? `resp_${context.requestId}`;
  const response = { ...emptyResponse(id), ...known, status: 'failed', error: responseError(failure) };
  return failureText(failure, JSON.stringify(response), sequence);
}

/** Both frames of a failure; `response` is the JSON text of the failed response. */
export function failureText(failure: Failure, response: string, sequence: number): string {
  const error = errorFor(failure);
  const { code, message, param } = error;
  const event = { type: 'error', code, message, param, error, sequence_number: sequence };
  return (
    sseText('error', JSON.stringify(event)) +
    sseText(
      'response.failed',
      `{"type":"response.failed","response":${response},"sequence_number":${sequence + 1}}`,
    )
  );
}

/** The `error` member of a failed response. */
export const responseError = (failure: Failure): JsonObject => ({
  code: failureCode(failure),
  message: failure.message,
});

/**
 * The code of a failed response is a closed list, which the real service widens by the codes that clients act on:
 * this protocol's own codes pass as they are, those of others only when they mean something here.
 */
function failureCode(failure: Failure): string {
  const { code, upstream } = failure;
  if (code !== undefined && (upstream?.protocol === own || kindOfCode.has(code))) return code;
  switch (failure.kind) {
    case 'rate_limited':
      return 'rate_limit_exceeded';
    case 'billing':
      return 'insufficient_quota';
    case 'invalid_request':
    case 'unprocessable':
    case 'too_large':
    case 'unsupported':
      return 'invalid_prompt';
    default:
      return 'server_error';
  }
}

function errorFor(failure: Failure): JsonObject {
  const { upstream } = failure;
  const whole = upstream?.protocol === own && isObject(upstream.error) ? upstream.error : undefined;
  const ofFamily = upstream?.protocol === own || upstream?.protocol === 'openai-chat';
  return {
    ...whole,
    message: failure.message,
    type: (ofFamily ? failure.type : undefined) ?? typeOfKind[failure.kind],
    param: failure.param ?? null,
    code: failure.code ?? (whole === undefined ? codeOfKind[failure.kind] : undefined) ?? null,
  };
}

const typeOfKind: Record<FailureKind, string> = {
  invalid_request: 'invalid_request_error',
  authentication: 'authentication_error',
  permission: 'permission_error',
  billing: 'insufficient_quota',
  not_found: 'invalid_request_error',
  conflict: 'invalid_request_error',
  too_large: 'invalid_request_error',
  unprocessable: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  overloaded: 'server_error',
  timeout: 'server_error',
  upstream: 'server_error',
  unreachable: 'server_error',
  cut: 'server_error',
  cancelled: 'server_error',
  replay: 'invalid_request_error',
  unsupported: 'invalid_request_error',
  internal: 'server_error',
};

/** None for an overload: clients take its code for a model that is at capacity, and do not ask again over a socket. */
const codeOfKind: { [K in FailureKind]?: string } = {
  authentication: 'invalid_api_key',
  billing: 'insufficient_quota',
  rate_limited: 'rate_limit_exceeded',
  replay: 'previous_response_not_found',
};

/** Error codes and types, as OpenAI and its subscription backend write them. */
const kindOfCode: ReadonlyMap<string, FailureKind> = new Map<string, FailureKind>([
  ['rate_limit_exceeded', 'rate_limited'],
  ['insufficient_quota', 'billing'],
  ['usage_limit_reached', 'billing'],
  ['usage_not_included', 'billing'],
  ['billing_hard_limit_reached', 'billing'],
  ['billing_not_active', 'billing'],
  ['server_is_overloaded', 'overloaded'],
  ['slow_down', 'overloaded'],
  ['overloaded', 'overloaded'],
  ['overloaded_error', 'overloaded'],
  ['context_length_exceeded', 'invalid_request'],
  ['invalid_prompt', 'invalid_request'],
  ['invalid_value', 'invalid_request'],
  ['invalid_type', 'invalid_request'],
  ['invalid_image', 'invalid_request'],
  ['invalid_image_url', 'invalid_request'],
  ['cyber_policy', 'invalid_request'],
  ['bio_policy', 'invalid_request'],
  ['data_residency_mismatch', 'invalid_request'],
  ['invalid_api_key', 'authentication'],
  ['token_expired', 'authentication'],
  ['model_not_found', 'not_found'],
  ['previous_response_not_found', 'not_found'],
  ['server_error', 'upstream'],
  ['vector_store_timeout', 'upstream'],
]);

function kindOfStatus(status: number | undefined): FailureKind {
  switch (status) {
    case 400:
      return 'invalid_request';
    case 401:
      return 'authentication';
    case 402:
      return 'billing';
    case 403:
      return 'permission';
    case 404:
      return 'not_found';
    case 408:
    case 504:
      return 'timeout';
    case 409:
      return 'conflict';
    case 413:
      return 'too_large';
    case 422:
      return 'unprocessable';
    case 429:
      return 'rate_limited';
    case 503:
    case 529:
      return 'overloaded';
    default:
      return status !== undefined && status >= 400 && status < 500 ? 'invalid_request' : 'upstream';
  }
}

/** Scope, status for the client and whether to try again, by kind. */
const consequences: { [K in FailureKind]?: readonly [FailureScope, number, boolean] } = {
  invalid_request: ['request', 400, false],
  authentication: ['account', 401, false],
  permission: ['account', 403, false],
  billing: ['account', 429, false],
  not_found: ['model', 404, false],
  conflict: ['request', 409, true],
  too_large: ['request', 413, false],
  unprocessable: ['request', 422, false],
  rate_limited: ['account', 429, true],
  overloaded: ['provider', 503, true],
  timeout: ['provider', 504, true],
  upstream: ['provider', 502, true],
};

/** The error object of a body; servers of this protocol also write it flat or as a bare string. */
function errorOf(body: JsonObject): JsonObject | undefined {
  if (isObject(body.error)) return body.error;
  const message = asString(body.error) ?? asString(body.message) ?? asString(body.detail);
  if (message === undefined) return undefined;
  return { message, code: body.code, type: body.type };
}

/** Inside a stream there is no header to say it. */
function waitIn(error: JsonObject, message: string): number | undefined {
  const seconds = asNumber(error.resets_in_seconds);
  return seconds === undefined ? waitInWords(message) : seconds * 1000;
}

const numeric = (value: Json | undefined): string | undefined =>
  typeof value === 'number' ? String(value) : undefined;
