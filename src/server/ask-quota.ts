import type { Account } from '../accounts/account.ts';
import type { Provider } from '../providers/provider.ts';
import type { State } from './state.ts';

/** How long an upstream may take. */
const askMs = 10_000;

/** Asks an upstream what is used of an account's quota and keeps its answer; false where that cannot be asked. */
export async function askQuota(
  { accounts, quotas }: Pick<State, 'accounts' | 'quotas'>,
  provider: Provider | undefined,
  account: Account,
): Promise<boolean> {
  if (provider?.askQuota === undefined) return false;
  const fresh = await accounts.fresh(account, provider.renew);
  const quota = await provider.askQuota(AbortSignal.timeout(askMs), fresh);
  if (quota !== undefined) quotas.saw(account.id, quota);
  return quota !== undefined;
}
