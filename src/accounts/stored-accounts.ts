import { asObject } from '../turn/json.ts';
import type { Queries, Row, Store } from '../store/store.ts';
import type { Account, Secret } from './account.ts';
import type { Vault } from './vault.ts';

/** The accounts of a store, read and written with their secrets sealed. */
export interface StoredAccounts {
  all(): Promise<Account[]>;
  byId(id: string): Promise<Account | undefined>;
  /** Adds an account, or gives the one of this name at this provider a new login. Its version grows. */
  put(account: NewAccount): Promise<Account>;
  /**
   * Writes what has changed if nobody else has written since `version`. Returns the account as it is now, and
   * whether it was this call that wrote it.
   */
  change(
    id: string,
    version: number,
    change: AccountChange,
  ): Promise<{ account: Account | undefined; written: boolean }>;
  remove(id: string): Promise<boolean>;
}

export type NewAccount = Pick<Account, 'provider' | 'name' | 'kind' | 'secret'> &
  Partial<Pick<Account, 'profile' | 'priority' | 'weight' | 'expiresMs'>>;

export type AccountChange = Partial<
  Pick<Account, 'secret' | 'profile' | 'priority' | 'weight' | 'enabled' | 'state' | 'stateWhy' | 'expiresMs'>
>;

export function storedAccounts(store: Store, vault: Vault, nowMs: () => number): StoredAccounts {
  const read = async (queries: Queries, id: string): Promise<Account | undefined> => {
    const [row] = await queries.all('SELECT * FROM accounts WHERE id = ?', [id]);
    return row && toAccount(row, vault);
  };
  const sealed = (id: string, secret: Secret): string => vault.seal(JSON.stringify(secret), about(id));

  return {
    async all() {
      const rows = await store.all('SELECT * FROM accounts ORDER BY provider, priority, created_ms');
      return rows.map((row) => toAccount(row, vault));
    },
    byId: (id) => read(store, id),
    put: (account) =>
      store.transaction(async (queries) => {
        const { provider, name, kind, secret, profile = {}, priority = 0, weight = 1, expiresMs } = account;
        const [known] = await queries.all(
          'SELECT id, version FROM accounts WHERE provider = ? AND name = ?',
          [provider, name],
        );
        const id = known ? String(known.id) : `acc_${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}`;
        const now = nowMs();
        await queries.run(
          `INSERT INTO accounts (id, provider, name, kind, secret, profile, priority, weight, enabled, state,
             state_why, version, expires_ms, created_ms, updated_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 'ready', '', ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, secret = excluded.secret,
             profile = excluded.profile, enabled = 1, state = 'ready', state_why = '', version = excluded.version,
             expires_ms = excluded.expires_ms, updated_ms = excluded.updated_ms`,
          [
            id,
            provider,
            name,
            kind,
            sealed(id, secret),
            JSON.stringify(profile),
            priority,
            weight,
            Number(known?.version ?? 0) + 1,
            expiresMs ?? null,
            now,
            now,
          ],
        );
        return (await read(queries, id))!;
      }),
    change: (id, version, change) =>
      store.transaction(async (queries) => {
        const now = await read(queries, id);
        if (now === undefined) return { account: undefined, written: false };
        const { secret, profile, priority, weight, enabled, state, stateWhy, expiresMs } = {
          ...now,
          ...change,
        };
        const changed = await queries.run(
          `UPDATE accounts SET secret = ?, profile = ?, priority = ?, weight = ?, enabled = ?, state = ?,
             state_why = ?, expires_ms = ?, version = version + 1, updated_ms = ?
           WHERE id = ? AND version = ?`,
          [
            sealed(id, secret),
            JSON.stringify(profile),
            priority,
            weight,
            enabled ? 1 : 0,
            state,
            stateWhy,
            expiresMs ?? null,
            nowMs(),
            id,
            version,
          ],
        );
        return { account: await read(queries, id), written: changed === 1 };
      }),
    async remove(id) {
      await store.run('DELETE FROM account_health WHERE account = ?', [id]);
      return (await store.run('DELETE FROM accounts WHERE id = ?', [id])) === 1;
    },
  };
}

const about = (id: string): string => `account ${id}`;

function toAccount(row: Row, vault: Vault): Account {
  const id = String(row.id);
  return {
    id,
    provider: String(row.provider),
    name: String(row.name),
    kind: row.kind === 'oauth' ? 'oauth' : 'api_key',
    secret: JSON.parse(vault.open(String(row.secret), about(id))) as Secret,
    profile: asObject(JSON.parse(String(row.profile))) ?? {},
    priority: Number(row.priority),
    weight: Number(row.weight),
    enabled: Number(row.enabled) === 1,
    state: row.state === 'needs_login' ? 'needs_login' : 'ready',
    stateWhy: String(row.state_why),
    expiresMs: row.expires_ms === null || row.expires_ms === undefined ? undefined : Number(row.expires_ms),
    version: Number(row.version),
  };
}
