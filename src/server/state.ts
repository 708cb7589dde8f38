import { createGatekeeper, type Gatekeeper } from '../access/gatekeeper.ts';
import { openKeyRing, type KeyRing } from '../access/keys.ts';
import { createLimits } from '../access/limits.ts';
import { createUsageLedger, type UsageLedger } from '../access/usage-ledger.ts';
import { usageRecorder } from '../access/usage-recorder.ts';
import { memoryAccounts, openAccounts, type Accounts } from '../accounts/accounts.ts';
import { memoryHealthBoard, openHealthBoard, type HealthBoard } from '../accounts/health-board.ts';
import { memoryQuotaBoard, openQuotaBoard, type QuotaBoard } from '../accounts/quota-board.ts';
import type { Vault } from '../accounts/vault.ts';
import { defaultSessionLimits, openSessions, type Sessions } from '../sessions/sessions.ts';
import type { Store } from '../store/store.ts';
import { recordTo, type Recorder } from '../telemetry/record.ts';

/** What a gateway keeps beyond one request. */
export interface State {
  readonly accounts: Accounts;
  readonly health: HealthBoard;
  readonly quotas: QuotaBoard;
  readonly gatekeeper: Gatekeeper;
  /** Books what every request used. */
  readonly recorder: Recorder;
  /** Absent without a store: then there are no keys, and nothing is kept of usage. */
  readonly keys?: KeyRing;
  readonly usage?: UsageLedger;
  /** Absent without a store: then a conversation is only what its client sends. */
  readonly sessions?: Sessions;
  readonly stored?: StateOptions['stored'];
  /** Writes what is not yet written, and lets go of the store. */
  close(): Promise<void>;
}

export interface StateOptions {
  readonly stored: { readonly store: Store; readonly vault: Vault };
  readonly nowMs?: () => number;
  /** Told of what the store refused: turns go on without it. */
  readonly complain?: (error: unknown) => void;
  /** Told of the secrets of every stored account, to mask them wherever text is written. */
  readonly keepSecret?: (account: string, texts: readonly string[]) => void;
}

/** How often what other processes have spent of a key is looked up. */
const spentMs = 10_000;
/** How long the end waits for a store that does not answer. */
const closeMs = 5_000;

/** State of a gateway without a store: no keys, no logins, and everything forgotten when the process ends. */
export function memoryState(nowMs: () => number = Date.now): State {
  return {
    accounts: memoryAccounts(nowMs),
    health: memoryHealthBoard(nowMs),
    quotas: memoryQuotaBoard(nowMs),
    gatekeeper: createGatekeeper(undefined, createLimits(nowMs)),
    recorder: recordTo(),
    async close() {},
  };
}

/** Opens what is kept. Throws when the store is sealed with another key than the vault's. */
export async function openState({
  stored,
  nowMs = Date.now,
  complain = () => {},
  keepSecret,
}: StateOptions): Promise<State> {
  const limits = createLimits(nowMs);
  const { store, vault } = stored;
  await checkVault(store, vault);
  const accounts = await openAccounts({ stored, nowMs, complain, keepSecret });
  const health = await openHealthBoard(store, nowMs, complain);
  const quotas = await openQuotaBoard(store, nowMs, complain);
  const keys = await openKeyRing(store, vault.fingerprint, nowMs, complain);
  const usage = createUsageLedger(store, nowMs, complain);
  const sessions = openSessions(store, nowMs, complain, defaultSessionLimits, vault);

  await usage.eachSpent(limits.restore);
  let reading: Promise<void> | undefined;
  const timer = setInterval(() => {
    // While the store is away one asks for all.
    reading ??= usage
      .eachSpent(limits.restore)
      .catch(complain)
      .finally(() => (reading = undefined));
  }, spentMs);
  (timer as { unref?: () => void }).unref?.();

  return {
    accounts,
    health,
    quotas,
    gatekeeper: createGatekeeper(keys, limits),
    recorder: usageRecorder(usage),
    keys,
    usage,
    sessions,
    stored,
    async close() {
      clearInterval(timer);
      sessions.close();
      keys.close();
      // First, because a login that was renewed and not stored is lost.
      await accounts.close();
      const written = Promise.all([health.close(), quotas.close(), usage.close()]).then(() => true);
      if (!(await within(closeMs, written)))
        complain(new Error('it does not answer: what was used last is not written'));
      await within(closeMs, store.close());
    },
  };
}

/** What the work gives, or `undefined` when it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ms, undefined);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first vault leaves its mark; one with another key could open nothing that lies there. */
async function checkVault(store: Store, vault: Vault): Promise<void> {
  await store.run(`INSERT INTO settings (name, value) VALUES ('vault', ?) ON CONFLICT (name) DO NOTHING`, [
    vault.keyId,
  ]);
  const [row] = await store.all(`SELECT value FROM settings WHERE name = 'vault'`);
  if (row?.value !== vault.keyId) {
    throw new Error(
      'the store was sealed with another key: set DRAGOMAN_SECRET as it was, or bring its vault.key back',
    );
  }
}
