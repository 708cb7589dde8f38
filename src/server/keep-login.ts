import { isConfigured, type Account } from '../accounts/account.ts';
import type { LoggedIn } from '../accounts/login.ts';
import { LoginFailed } from '../accounts/oauth.ts';
import type { Provider } from '../providers/provider.ts';
import { FailureError } from '../turn/failure.ts';
import type { State } from './state.ts';

/** How long a provider may take to say which models a new account has. */
const tryMs = 15_000;

/**
 * Proves that a login is taken, by asking the provider for its models with it. Returns how many there are; throws a
 * `LoginFailed` for people.
 */
export async function tryLogin(provider: Provider, gave: LoggedIn): Promise<number> {
  const account: Account = {
    id: 'new',
    provider: provider.name,
    name: gave.name ?? 'new',
    kind: gave.kind,
    secret: gave.secret,
    profile: gave.profile ?? {},
    priority: 0,
    weight: 1,
    enabled: true,
    state: 'ready',
    stateWhy: '',
    version: 0,
  };
  try {
    return (await provider.discover(AbortSignal.timeout(tryMs), account)).length;
  } catch (error) {
    const why = error instanceof FailureError ? error.failure.message : (error as Error).message;
    throw new LoginFailed(`${provider.name} was asked for its models with it, and failed: ${why}`, {
      cause: error,
    });
  }
}

/**
 * Keeps a login as an account of its provider, well from now on. One of the same name is logged in anew; without a
 * name it is the one that has the same secret, or a new one.
 */
export async function keepLogin(
  { accounts, health }: Pick<State, 'accounts' | 'health'>,
  provider: Provider,
  gave: LoggedIn,
  wanted?: string,
): Promise<{ readonly account: Account; readonly renewed: boolean }> {
  const known = accounts.list().filter((account) => account.provider === provider.name);
  const twin = known.find(({ secret }) => secret.token === gave.secret.token);
  if (twin && isConfigured(twin)) {
    throw new LoginFailed(`it stands in the configuration already, as the account ${twin.name}`);
  }
  const name = wanted ?? gave.name ?? twin?.name ?? freeName(known);
  const before = known.find((account) => account.name === name);
  if (before && isConfigured(before)) {
    throw new LoginFailed(
      `the configuration has an account ${name} at ${provider.name}; choose another name`,
    );
  }
  const account = await accounts.put({ ...gave, provider: provider.name, name });
  health.clear(account.id);
  return { account, renewed: before !== undefined };
}

function freeName(known: readonly Account[]): string {
  const taken = new Set(known.map(({ name }) => name));
  for (let n = 1; ; n++) if (!taken.has(`key-${n}`)) return `key-${n}`;
}
