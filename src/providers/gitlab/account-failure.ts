import type { Account } from '../../accounts/account.ts';
import type { Failure, FailureKind } from '../../turn/failure.ts';

/** What is wrong with an account here. The word is the failure's `code`, and the verdict of a login. */
export type Trouble =
  | 'no_entitlement'
  | 'no_default_namespace'
  | 'direct_access_off'
  | 'proxy_not_enabled'
  | 'insufficient_credits'
  | 'insufficient_scope'
  | 'token_refused'
  | 'instance_not_configured'
  | 'gateway_token_refused'
  | 'grant_not_for_proxy'
  | 'chat_closed';

/** Each with its cure, for people. */
export const cures: Readonly<Record<Trouble, string>> = {
  no_entitlement:
    'the login is good, but it may not use GitLab Duo here: it needs a seat or credits for the GitLab Duo Agent Platform, and direct connections must not be switched off by an administrator',
  no_default_namespace:
    'no default GitLab Duo namespace is set: choose one in GitLab under Preferences > Behavior',
  direct_access_off:
    'direct connections to the AI gateway are switched off: an administrator can allow them in the settings of GitLab Duo',
  proxy_not_enabled:
    'GitLab has not enabled the model proxy of its AI gateway for this namespace or instance: ask GitLab support for it',
  insufficient_credits: 'there are no GitLab Credits left: buy some, or wait until the next ones are given',
  insufficient_scope:
    'its scopes are too narrow: it needs `ai_features` (and `read_user`), or `api` where the instance has no `ai_features`',
  token_refused:
    'GitLab does not take its token any more: it was revoked or has expired; log in again or make a new token',
  instance_not_configured:
    'the GitLab instance that it was logged in at is not configured any more: put it back as base_url or among instances, or log in again',
  gateway_token_refused:
    'the AI gateway does not take the token that GitLab has just given for it: try later, and check that gateway_url belongs to this instance',
  grant_not_for_proxy:
    'the grant that GitLab gives it does not let it ask models: `grant: third_party_agents`, the usual setting, gives one that may; where it is set, the seat or credits must be for the GitLab Duo Agent Platform',
  chat_closed:
    'the login is good, but GitLab’s chat service is not open to it: it is for GitLab’s own team, and on other instances for those whose administrator has enabled `access_rest_chat`; `rest_fallback: code-suggestions` asks the other service',
};

const kinds: Partial<Record<Trouble, { kind: FailureKind; status: number }>> = {
  token_refused: { kind: 'authentication', status: 401 },
  insufficient_credits: { kind: 'billing', status: 402 },
};

/** Credits come back by themselves: they are looked for again after this long. */
const creditsMs = 10 * 60_000;

/** A failure of this account only, which others may not have. */
export const accountFailure = (
  { name, provider }: Account,
  code: Trouble,
  upstream: Failure['upstream'],
): Failure => ({
  kind: 'permission',
  scope: 'account',
  status: 403,
  ...kinds[code],
  message: `the account ${name} at ${provider} cannot serve this: ${cures[code]}`,
  cure: cures[code],
  code,
  retryable: false,
  ...(code === 'insufficient_credits' && { retryAfterMs: creditsMs }),
  upstream,
});
