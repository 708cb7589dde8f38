import type { Store } from '../store/store.ts';
import { FailureError } from '../turn/failure.ts';
import { isAnonymous, secretTexts, type Account } from './account.ts';
import { needsLogin } from './account-failures.ts';
import { createLeases } from './lease.ts';
import { createRenewals, type Renew } from './renewal.ts';
import { storedAccounts, type AccountChange, type NewAccount } from './stored-accounts.ts';
import type { Vault } from './vault.ts';

export { LoginNeeded, type Renew, type Renewed } from './renewal.ts';

/** The accounts of all providers, in memory; those that were logged in are kept in the store. */
export interface Accounts {
  /** Those of one provider that are not switched off, as they are now. No query. */
  of(provider: string): readonly Account[];
  list(): readonly Account[];
  /**
   * The account with an access token that is good: at once where it is good for a while (and renewed behind, where
   * that is due), else after it was renewed, once for all that ask and all processes. Throws a failure that names the
   * cure.
   */
  fresh(account: Account, renew: Renew | undefined): Account | Promise<Account>;
  /** Renews a token that was refused before its time, unless somebody has renewed it meanwhile. */
  renewed(account: Account, renew: Renew): Promise<Account>;
  put(account: NewAccount): Promise<Account>;
  change(id: string, change: AccountChange): Promise<Account | undefined>;
  remove(id: string): Promise<boolean>;
  /** Replaces the accounts of the configuration. */
  configure(accounts: readonly Account[]): void;
  /** Waits for renewals that are under way. */
  close(): Promise<void>;
}

/** A token is renewed this long before it ends, or when a fifth of its life is left where that is less. */
const aheadMs = 5 * 60_000;
const aheadShare = 0.2;
/** A token that is good for less is waited for. */
const soonMs = 10_000;
/** How long a renewal rests that failed while the token is still good. */
const restMs = 10_000;
/** A token as new as this is not replaced because it was refused: another one would be, too. */
const newMs = 1_000;
const topic = 'accounts';

export interface AccountsOptions {
  /** Without a store there are only the accounts of the configuration. */
  readonly stored?: { readonly store: Store; readonly vault: Vault };
  readonly nowMs: () => number;
  readonly complain?: (error: unknown) => void;
  /** Told of the secrets of a stored account before anything is done with them, so that they can be masked. */
  readonly keepSecret?: (id: string, texts: readonly string[]) => void;
}

/** Opens the accounts, with those that the store has. */
export async function openAccounts(options: AccountsOptions): Promise<Accounts> {
  const { accounts, read } = createAccounts(options);
  await read();
  return accounts;
}

/** The accounts of a configuration, with no store to log in to. */
export const memoryAccounts = (nowMs: () => number): Accounts => createAccounts({ nowMs }).accounts;

function createAccounts({ stored, nowMs, complain = () => {}, keepSecret }: AccountsOptions): {
  accounts: Accounts;
  read(): Promise<void>;
} {
  const shelf = stored && storedAccounts(stored.store, stored.vault, nowMs);
  let configured: readonly Account[] = [];
  let known = new Map<string, Account>();
  let byProvider = new Map<string, Account[]>();
  /** Since when its token is known here, and how long it was good for then. */
  const tokens = new Map<
    string,
    { readonly token: string; readonly sinceMs: number; readonly lifeMs: number }
  >();

  function index(): void {
    byProvider = new Map();
    for (const account of [...configured, ...known.values()]) {
      if (!account.enabled) continue;
      const list = byProvider.get(account.provider);
      // Where somebody has logged in, nobody is asked without a name any more.
      if (list && !list.some(isAnonymous)) list.push(account);
      else byProvider.set(account.provider, [account]);
    }
    // The one that stands for none serves only as long as there is no other.
    for (const [provider, list] of byProvider) {
      const named = list.filter(({ secret }) => secret.token !== '');
      if (named.length > 0) byProvider.set(provider, named);
    }
  }

  function learn(account: Account): Account {
    const { id, secret, expiresMs = Infinity } = account;
    if (tokens.get(id)?.token === secret.token) return account;
    keepSecret?.(id, secretTexts(secret));
    const sinceMs = nowMs();
    tokens.set(id, { token: secret.token, sinceMs, lifeMs: expiresMs - sinceMs });
    return account;
  }

  function keep(account: Account): Account {
    known.set(account.id, learn(account));
    index();
    return account;
  }

  async function read(): Promise<void> {
    if (!shelf) return;
    const accounts = await shelf.all();
    known = new Map(accounts.map((account) => [account.id, learn(newest(account))]));
    index();
  }
  /** A reading that began before a change must not take it back. */
  const newest = (account: Account): Account => {
    const mine = known.get(account.id);
    return mine !== undefined && mine.version > account.version ? mine : account;
  };

  const renewals =
    stored &&
    createRenewals({
      shelf: shelf!,
      leases: createLeases(stored.store, nowMs),
      nowMs,
      keep,
      announce: () => stored.store.announce(topic),
      complain,
    });

  function isFresh({ id, kind, expiresMs }: Account): boolean {
    if (kind === 'api_key' || expiresMs === undefined) return true;
    const life = tokens.get(id)?.lifeMs;
    const ahead = life === undefined ? aheadMs : Math.min(aheadMs, life * aheadShare);
    return expiresMs - nowMs() > ahead;
  }

  const reread = () =>
    read().catch((error: unknown) => {
      complain(error);
      throw error;
    });
  const deaf = stored?.store.listen(topic, reread);

  const accounts: Accounts = {
    of: (provider) => byProvider.get(provider) ?? [],
    list: () => [...configured, ...known.values()],
    fresh(account, renew) {
      const now = known.get(account.id) ?? account;
      if (now.state === 'needs_login') throw new FailureError(needsLogin(now));
      if (isFresh(now)) return now;
      const goodMs = (now.expiresMs ?? Infinity) - nowMs();
      if (renew === undefined || now.secret.refreshToken === undefined || renewals === undefined) {
        if (goodMs > 0) return now;
        throw new FailureError(needsLogin(now));
      }
      if (goodMs > soonMs) {
        const isResting = nowMs() - renewals.failedMs(now.id) < restMs;
        if (!isResting) renewals.renew(now, renew).catch(complain);
        return now;
      }
      return renewals.renew(now, renew).catch((error: unknown) => {
        // A token that is still good serves on while its renewal fails.
        const isGood = (now.expiresMs ?? 0) > nowMs() && known.get(now.id)?.state !== 'needs_login';
        if (isGood) return now;
        throw error;
      });
    },
    async renewed(account, renew) {
      const now = known.get(account.id) ?? account;
      if (now.state === 'needs_login') throw new FailureError(needsLogin(now));
      if (now.secret.token !== account.secret.token || renewals === undefined) return now;
      const ageMs = nowMs() - (tokens.get(now.id)?.sinceMs ?? 0);
      return renewals.renew(now, renew, ageMs < newMs);
    },
    async put(account) {
      const put = keep(await needStore(shelf).put(account));
      await stored!.store.announce(topic);
      return put;
    },
    async change(id, change) {
      for (;;) {
        const account = await needStore(shelf).byId(id);
        if (account === undefined) return undefined;
        const { account: now, written } = await shelf!.change(id, account.version, change);
        if (!written && now !== undefined) continue;
        if (now !== undefined) keep(now);
        await stored!.store.announce(topic);
        return now;
      }
    },
    async remove(id) {
      const removed = await needStore(shelf).remove(id);
      known.delete(id);
      index();
      await stored!.store.announce(topic);
      return removed;
    },
    configure(accounts) {
      configured = accounts;
      index();
    },
    async close() {
      deaf?.();
      await renewals?.close();
    },
  };
  return { accounts, read };
}

function needStore<T>(shelf: T | undefined): T {
  if (shelf === undefined) throw new Error('accounts can only be kept with a store');
  return shelf;
}
