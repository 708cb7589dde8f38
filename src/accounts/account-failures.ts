import type { Failure } from '../turn/failure.ts';
import type { Account } from './account.ts';

/** Why an account cannot be used, each with its cure. Other accounts may serve the request. */
type AccountFailure = (account: Account) => Failure;

export const needsLogin: AccountFailure = ({ name, provider, stateWhy }) =>
  failed(`the account ${name} at ${provider} needs a new login${stateWhy === '' ? '' : `: ${stateWhy}`}`, {
    code: 'login_needed',
  });

export const gone: AccountFailure = ({ name, provider }) =>
  failed(`the account ${name} at ${provider} was removed`, { code: 'account_removed' });

/** It may work later. */
export const unrenewed = ({ name, provider }: Account, why: string, cause?: unknown): Failure =>
  failed(`the login of ${name} at ${provider} could not be renewed: ${why}`, {
    kind: 'unreachable',
    status: 503,
    code: 'renewal_failed',
    retryable: true,
    cause,
  });

const failed = (message: string, more: Partial<Failure>): Failure => ({
  kind: 'authentication',
  scope: 'account',
  status: 401,
  message,
  retryable: false,
  ...more,
});
