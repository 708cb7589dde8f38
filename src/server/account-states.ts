import type { Account } from '../accounts/account.ts';
import type { HealthEntry } from '../accounts/health-board.ts';
import type { AccountState } from '../telemetry/metrics.ts';
import type { State } from './state.ts';

/** How every account is as a whole, for the metrics. */
export function accountStates({
  accounts,
  health,
}: {
  readonly accounts: Pick<State['accounts'], 'list'>;
  readonly health: Pick<State['health'], 'list'>;
}): AccountState[] {
  const byAccount = Map.groupBy(health.list(), ({ account }) => account);
  return accounts.list().map((account) => ({
    provider: account.provider,
    account: account.name,
    state: stateOf(account, byAccount.get(account.id) ?? []),
  }));
}

function stateOf({ enabled, state }: Account, entries: readonly HealthEntry[]): AccountState['state'] {
  if (!enabled) return 'disabled';
  if (state === 'needs_login') return 'needs_login';
  const whole = entries.find(({ model }) => model === '');
  if (whole !== undefined && whole.state !== 'ok') return whole.state;
  return entries.length > 0 ? 'partial' : 'ok';
}
