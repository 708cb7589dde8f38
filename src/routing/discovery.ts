import type { Accounts } from '../accounts/accounts.ts';
import type { ModelInfo, Provider } from '../providers/provider.ts';

/** How many accounts are asked before the list that was had last has to do. */
const triesMax = 3;

/** What a provider offers, as the first of its accounts says that can. Throws what the last one failed with. */
export async function discover(
  accounts: Pick<Accounts, 'of' | 'fresh'>,
  provider: Provider,
  signal: AbortSignal,
): Promise<ModelInfo[]> {
  let failure: unknown = new Error('there is no account to ask with');
  for (const account of accounts.of(provider.name).slice(0, triesMax)) {
    try {
      return await provider.discover(signal, await accounts.fresh(account, provider.renew));
    } catch (error) {
      failure = error;
      if (signal.aborted) break;
    }
  }
  throw failure;
}
