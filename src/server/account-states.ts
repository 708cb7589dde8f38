import type { Account } from '../accounts/account.ts';
import type { HealthEntry } from '../accounts/health-board.ts';
import { currentWindows } from '../accounts/quota.ts';
import type { AccountState } from '../telemetry/metrics.ts';
import type { State } from './state.ts';

/** How every account is as a whole, and what is used of its quota, for the metrics. */
export function accountStates({
  accounts,
  health,
  quotas,
}: {
  readonly accounts: Pick<State['accounts'], 'list'>;
  readonly health: Pick<State['health'], 'list'>;
  readonly quotas: Pick<State['quotas'], 'of'>;
}): AccountState[] {
  const byAccount = Map.groupBy(health.list(), ({ account }) => account);
  return accounts.list().map((account) => {
    const quota = quotas.of(account.id);
    return {
      provider: account.provider,
      account: account.name,
      state: stateOf(account, byAccount.get(account.id) ?? []),
      quota: quota && currentWindows(quota, Date.now()),
    };
  });
}

function stateOf({ enabled, state }: Account, entries: readonly HealthEntry[]): AccountState['state'] {
  if (!enabled) return 'disabled';
  if (state === 'needs_login') return 'needs_login';
  const whole = entries.find(({ model }) => model === '');
  if (whole !== undefined && whole.state !== 'ok') return whole.state;
  return entries.length > 0 ? 'partial' : 'ok';
}
