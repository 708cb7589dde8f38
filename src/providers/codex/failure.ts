import type { Failure } from '../../turn/failure.ts';
import { asNumber, asObject } from '../../turn/json.ts';
import { exhaustedUntilMs, readQuota } from './quota.ts';

/** Codes after which the session is over: no renewal of it is taken any more. A stream says them without a status. */
const sessionOver: ReadonlySet<string> = new Set([
  'token_invalidated',
  'session_terminated',
  'account_deactivated',
]);

/** Says more exactly what the backend means by a refusal or a failed stream. */
export function classify(
  failure: Failure,
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  nowMs: number,
): Failure {
  const { code, type, kind, message } = failure;
  if (code === 'usage_limit_reached' || type === 'usage_limit_reached' || kind === 'rate_limited') {
    return limited(failure, headers, nowMs);
  }
  if (code !== undefined && sessionOver.has(code)) {
    return {
      ...failure,
      kind: 'authentication',
      scope: 'account',
      status: 401,
      code: 'login_needed',
      message: `${message}; log in again`,
      retryable: false,
    };
  }
  if (/model is not supported|model_not_found/i.test(`${message} ${code}`) && status < 500) {
    return {
      ...failure,
      kind: 'not_found',
      scope: 'model',
      status: 404,
      code: 'model_not_found',
      retryable: false,
    };
  }
  if (kind === 'permission' && isChallenge(headers)) {
    // It stands before the backend and judges the network that the gateway is in, whatever the account.
    return {
      ...failure,
      scope: 'provider',
      status: 503,
      kind: 'unreachable',
      code: 'challenged',
      message: 'the upstream’s network answered with a challenge for browsers',
      retryable: true,
    };
  }
  return failure;
}

/** A limit says in three places when it ends; the backend sends no date by which its protocol could tell. */
function limited(failure: Failure, headers: Headers, nowMs: number): Failure {
  const error = asObject(failure.upstream?.error);
  const at = asNumber(error?.resets_at);
  const active = headers.get('x-codex-active-limit')?.toLowerCase().replaceAll('_', '-');
  const untilMs =
    exhaustedUntilMs(readQuota(headers, nowMs, active)) ??
    exhaustedUntilMs(readQuota(headers, nowMs)) ??
    (at === undefined ? undefined : at * 1000);
  const retryAfterMs =
    failure.retryAfterMs ?? (untilMs === undefined ? undefined : Math.max(0, untilMs - nowMs));
  return retryAfterMs === undefined ? failure : { ...failure, retryAfterMs };
}

const isChallenge = (headers: Headers): boolean =>
  headers.get('cf-mitigated') === 'challenge' || (headers.get('content-type') ?? '').startsWith('text/html');
