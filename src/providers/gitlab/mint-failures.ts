import type { Account } from '../../accounts/account.ts';
import type { Failure } from '../../turn/failure.ts';
import { asObject, asString, type JsonObject } from '../../turn/json.ts';
import { accountFailure, type Trouble } from './account-failure.ts';
import type { Door } from './grant.ts';
import type { Answer } from './instance.ts';

/** What it means that an instance gave no grant. */
export function mintFailure(account: Account, door: Door, answer: Answer): Failure {
  const { status, headers, body } = answer;
  const upstream = { status };
  const trouble = troubleOf(door, answer);
  if (trouble !== undefined) return accountFailure(account, trouble, upstream);
  const told = `GitLab gave no access to its AI gateway for the account ${account.name} at ${account.provider}`;
  const words = wordsOf(body);
  const why = words === '' ? `it answered ${status}` : `it answered ${status}: ${words}`;
  if (status === 429)
    return {
      kind: 'rate_limited',
      scope: 'account',
      status: 429,
      message: `${told}: too many were asked for`,
      code: 'rate_limited',
      retryable: true,
      retryAfterMs: retryAfterMs(headers),
      upstream,
    };
  if (status === 404)
    return {
      kind: 'unsupported',
      scope: 'provider',
      status: 502,
      message: `${told}: this instance has no such endpoint; it needs GitLab 18.3 or newer, and base_url must be its root`,
      code: 'no_direct_access',
      retryable: false,
      upstream,
    };
  // The token service is a machine behind the instance: it is asked for each user.
  if (status === 503)
    return {
      kind: 'overloaded',
      scope: 'account',
      status: 503,
      message: `${told}: ${why}`,
      code: 'token_service_failed',
      retryable: true,
      upstream,
    };
  return {
    kind: 'upstream',
    scope: 'provider',
    status: 502,
    message: `${told}: ${why}`,
    code: 'no_grant',
    retryable: status >= 500,
    upstream,
  };
}

export const mintTimeout = ({ name, provider }: Account, cause: unknown): Failure => ({
  kind: 'timeout',
  scope: 'provider',
  status: 504,
  message: `GitLab did not answer when it was asked for access to its AI gateway for ${name} at ${provider}`,
  code: 'upstream_timeout',
  retryable: true,
  cause,
});

/** What is wrong with the account, where that is what an answer says. */
export function troubleOf(door: Door, { status, headers, body }: Answer): Trouble | undefined {
  const words = wordsOf(body);
  if (/default gitlab duo namespace/i.test(words) || body.error === 'missing_default_duo_group')
    return 'no_default_namespace';
  switch (status) {
    case 400:
      return door === 'code_suggestions' && /direct access|direct connections/i.test(words)
        ? 'direct_access_off'
        : undefined;
    case 401:
      // A good token of somebody without Duo is answered 401 at this door, and the header tells it.
      return door === 'code_suggestions' && headers.get('x-gitlab-error-origin') === 'monolith'
        ? 'no_entitlement'
        : 'token_refused';
    case 402:
      return 'insufficient_credits';
    case 403:
      if (/^insufficient_(?:granular_)?scope$/.test(asString(body.error) ?? '')) return 'insufficient_scope';
      // GitLab always says why; what stands in front of it may not.
      if (words === '') return undefined;
      return /direct connections are disabled/i.test(words) ? 'direct_access_off' : 'no_entitlement';
    default:
      return undefined;
  }
}

const charsMax = 300;

/** GitLab says why in `message`, in `error_description`, or in an `error` inside `message`. */
export function wordsOf(body: JsonObject): string {
  const inner = asObject(body.message);
  const words =
    asString(body.message) ??
    asString(inner?.error) ??
    asString(body.error_description) ??
    asString(body.error) ??
    '';
  return words.replace(/[^\x20-\x7e]/g, ' ').slice(0, charsMax);
}

/** What `retry-after` says, in milliseconds. */
export function retryAfterMs(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return seconds > 0 ? seconds * 1000 : undefined;
}
