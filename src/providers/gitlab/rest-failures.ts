import type { Account } from '../../accounts/account.ts';
import type { Failure } from '../../turn/failure.ts';
import { accountFailure } from './account-failure.ts';
import type { RestService } from './capabilities.ts';
import type { Answer } from './instance.ts';
import { retryAfterMs, troubleOf, wordsOf } from './mint-failures.ts';

/**
 * Failures of the way by the gateway after which a text may be asked for by REST, with the status that says so: none but
 * having no access to it. One that is said by another status is another matter, and a narrow token is too narrow there.
 */
const opens: ReadonlyMap<string, number> = new Map([
  ['no_entitlement', 403],
  ['direct_access_off', 403],
  ['no_direct_access', 404],
  ['proxy_not_enabled', 402],
]);

/** Whether a failure is one that the fallback is for. */
export const mayFallBack = ({ code = '', upstream }: Failure): boolean =>
  opens.has(code) && opens.get(code) === upstream?.status;

/** What a refusal of one of GitLab's REST services means. */
export function restFailure(account: Account, service: RestService, answer: Answer): Failure {
  const { status, headers, body } = answer;
  const upstream = { status };
  // The chat is closed to most people, and says no more than that.
  const trouble =
    service === 'chat' && status === 404 ? 'chat_closed' : troubleOf('code_suggestions', answer);
  if (trouble !== undefined) return accountFailure(account, trouble, upstream);
  const words = wordsOf(body);
  const message = `GitLab’s ${service} service answered ${status}${words === '' ? '' : `: ${words}`}`;
  if (status === 429)
    return {
      kind: 'rate_limited',
      scope: 'account',
      status,
      message,
      retryable: true,
      retryAfterMs: retryAfterMs(headers),
      upstream,
    };
  if (status === 400 || status === 413)
    return {
      kind: status === 413 ? 'too_large' : 'invalid_request',
      scope: 'request',
      status,
      message,
      retryable: false,
      upstream,
    };
  return {
    kind: 'upstream',
    scope: 'provider',
    status: 502,
    message,
    code: 'upstream_error',
    retryable: status >= 500,
    upstream,
  };
}

/** A request that is more than text. Another account may be let in by the gateway, and carry it. */
export const notText = (message: string, param: string): Failure => ({
  kind: 'invalid_request',
  scope: 'model',
  status: 400,
  message,
  param,
  code: 'rest_fallback_text_only',
  retryable: false,
  // The account is as well as before: the next text is carried at once.
  retryAfterMs: 0,
});

export const declined: Failure = {
  kind: 'unprocessable',
  scope: 'request',
  status: 422,
  message: 'GitLab’s code suggestions declined to answer: they write code and nothing else',
  code: 'rest_fallback_declined',
  retryable: false,
};

export const broken = (what: string): Failure => ({
  kind: 'cut',
  scope: 'provider',
  status: 502,
  message: `GitLab’s REST service answered with ${what}`,
  code: 'upstream_cut',
  retryable: true,
});
