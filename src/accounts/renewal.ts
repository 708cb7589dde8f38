import { FailureError } from '../turn/failure.ts';
import { secretTexts, type Account, type Secret } from './account.ts';
import { gone, needsLogin, unrenewed } from './account-failures.ts';
import type { Leases } from './lease.ts';
import type { AccountChange, StoredAccounts } from './stored-accounts.ts';

/** What a token endpoint has given in place of an old login. */
export interface Renewed {
  readonly secret: Secret;
  readonly expiresMs?: number;
  readonly profile?: Account['profile'];
}

/**
 * Gets a new access token for an account. Throws `LoginNeeded` when the refresh token is no longer taken, anything
 * else when it may work later.
 */
export type Renew = (account: Account, signal: AbortSignal) => Promise<Renewed>;

/** The refresh token was refused for good: only a person can help. The message is for them. */
export class LoginNeeded extends Error {
  override readonly name = 'LoginNeeded';
}

export interface Renewals {
  /**
   * The account with a new token, asked for once for all that wait, in all processes on the store; `onlyLook` takes
   * one that another process has got, and asks for none. Throws a failure that names the cure.
   */
  renew(account: Account, renew: Renew, onlyLook?: boolean): Promise<Account>;
  /** When a renewal of this account failed last, in milliseconds since the epoch. */
  failedMs(id: string): number;
  /** Waits, for a while, until what was renewed is stored: without that it would be lost. */
  close(): Promise<void>;
}

export interface RenewalDeps {
  readonly shelf: StoredAccounts;
  readonly leases: Leases;
  readonly nowMs: () => number;
  /** Takes up an account as it is now. */
  readonly keep: (account: Account) => Account;
  /** Tells the other processes. */
  readonly announce: () => Promise<void>;
  readonly complain: (error: unknown) => void;
}

/** How long a token endpoint may take, and a request may wait for a renewal. */
const renewMs = 30_000;
/** How long a process that has died in a renewal keeps the others from it: a living one prolongs its lease. */
const leaseMs = 6_000;
const prolongMs = 2_000;
const waitMs = 100;
/** How long the store may take before a renewal is given up that has not begun, or goes on in memory. */
const storeMs = 3_000;
const closeMs = 10_000;

export function createRenewals({ shelf, leases, nowMs, keep, announce, complain }: RenewalDeps): Renewals {
  const renewing = new Map<string, Promise<Account>>();
  const failures = new Map<string, number>();
  const unfinished = new Set<Promise<unknown>>();

  /** Waits for its turn among all processes, or until another has done it. */
  async function renewOnce(account: Account, renew: Renew | undefined, usable: Usable): Promise<Account> {
    const lease = `renew:${account.id}`;
    const deadline = nowMs() + renewMs;
    for (;;) {
      const isMine = await within(storeMs, leases.take(lease, leaseMs));
      try {
        // Somebody may have renewed it since this process's last look.
        const now = await within(storeMs, shelf.byId(account.id));
        if (now === undefined) throw new FailureError(gone(account));
        if (now.state === 'needs_login' || !isSameLogin(now.secret, account.secret)) return keep(now);
        if (isMine && renew === undefined) return keep(now);
        if (isMine) return await renewUnderLease(lease, now, renew!, usable);
      } finally {
        if (isMine) await leases.release(lease).catch(complain);
      }
      if (nowMs() > deadline)
        throw new FailureError(unrenewed(account, 'another process did not finish renewing it'));
      await pause(waitMs);
    }
  }

  async function renewUnderLease(
    lease: string,
    account: Account,
    renew: Renew,
    usable: Usable,
  ): Promise<Account> {
    const timer = setInterval(() => void leases.prolong(lease, leaseMs).catch(complain), prolongMs);
    try {
      let change: AccountChange;
      try {
        const { secret, expiresMs, profile } = await renew(account, AbortSignal.timeout(renewMs));
        change = { secret, expiresMs, state: 'ready', stateWhy: '', ...(profile && { profile }) };
      } catch (error) {
        const why = withoutSecrets((error as Error).message, account.secret);
        if (!(error instanceof LoginNeeded)) throw new FailureError(unrenewed(account, why, error));
        change = { state: 'needs_login', stateWhy: why };
      }
      return await persist(account, change, usable);
    } finally {
      clearInterval(timer);
    }
  }

  /**
   * Stores what came of it before anything else is done with it: the old refresh token may be worth nothing by now.
   * What others have changed of the account meanwhile stays, unless it is a new login. While the store is away the
   * account serves from memory, and is stored when that is back.
   */
  async function persist(account: Account, change: AccountChange, usable: Usable): Promise<Account> {
    const inMemory = (): void => usable(keep({ ...account, ...change, version: account.version + 1 }));
    const late = setTimeout(inMemory, storeMs);
    let pauseMs = waitMs;
    try {
      for (let { version } = account; ;) {
        try {
          const { account: now, written } = await shelf.change(account.id, version, change);
          if (now === undefined) throw new FailureError(gone(account));
          if (written || !isSameLogin(now.secret, account.secret)) {
            await announce().catch(complain);
            return keep(now);
          }
          version = now.version;
        } catch (error) {
          if (error instanceof FailureError) throw error;
          complain(error);
          await pause(pauseMs);
          pauseMs = Math.min(pauseMs * 2, storeMs);
        }
      }
    } finally {
      clearTimeout(late);
    }
  }

  function begin(key: string, account: Account, renew: Renew | undefined): Promise<Account> {
    const { promise, resolve, reject } = Promise.withResolvers<Account>();
    const work = renewOnce(account, renew, resolve).then(resolve, (error: unknown) => {
      failures.set(account.id, nowMs());
      const isOurs = error instanceof FailureError;
      reject(isOurs ? error : new FailureError(unrenewed(account, (error as Error).message, error)));
    });
    unfinished.add(work);
    void work.finally(() => {
      renewing.delete(key);
      unfinished.delete(work);
    });
    return promise;
  }

  return {
    async renew(account, renew, onlyLook = false) {
      const key = onlyLook ? `look ${account.id}` : account.id;
      let renewal = renewing.get(key);
      if (!renewal) renewing.set(key, (renewal = begin(key, account, onlyLook ? undefined : renew)));
      const renewed = await renewal;
      if (renewed.state === 'needs_login') throw new FailureError(needsLogin(renewed));
      return renewed;
    },
    failedMs: (id) => failures.get(id) ?? 0,
    async close() {
      await within(closeMs, Promise.all(unfinished)).catch(complain);
    },
  };
}

/** Called when an account can be used though it is not stored yet. */
type Usable = (account: Account) => void;

const isSameLogin = (a: Secret, b: Secret): boolean =>
  a.token === b.token && a.refreshToken === b.refreshToken;

/** Token endpoints repeat what they were sent. */
function withoutSecrets(text: string, secret: Secret): string {
  return secretTexts(secret).reduce((rest, each) => rest.replaceAll(each, '***'), text);
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the store does not answer')), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
