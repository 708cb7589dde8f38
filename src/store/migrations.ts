import type { Queries } from './store.ts';

/** One step forward. Steps are never changed once released; there is no way back but a backup. */
interface Migration {
  readonly id: number;
  readonly statements: readonly string[];
}

const migrations: readonly Migration[] = [
  {
    id: 1,
    statements: [
      `CREATE TABLE accounts (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        secret TEXT NOT NULL,
        profile TEXT NOT NULL,
        priority INTEGER NOT NULL,
        weight INTEGER NOT NULL,
        enabled INTEGER NOT NULL,
        state TEXT NOT NULL,
        state_why TEXT NOT NULL,
        version BIGINT NOT NULL,
        expires_ms BIGINT,
        created_ms BIGINT NOT NULL,
        updated_ms BIGINT NOT NULL,
        UNIQUE (provider, name)
      )`,
      `CREATE TABLE account_health (
        account TEXT NOT NULL,
        model TEXT NOT NULL,
        state TEXT NOT NULL,
        until_ms BIGINT NOT NULL,
        why TEXT NOT NULL,
        strikes INTEGER NOT NULL,
        updated_ms BIGINT NOT NULL,
        PRIMARY KEY (account, model)
      )`,
      `CREATE TABLE gateway_keys (
        id TEXT PRIMARY KEY,
        prefix TEXT NOT NULL UNIQUE,
        hash TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        rules TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT,
        revoked_ms BIGINT
      )`,
      `CREATE TABLE usage_hours (
        hour_ms BIGINT NOT NULL,
        key_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        account TEXT NOT NULL,
        model TEXT NOT NULL,
        requests BIGINT NOT NULL,
        failed BIGINT NOT NULL,
        tokens_fresh BIGINT NOT NULL,
        tokens_cache_read BIGINT NOT NULL,
        tokens_cache_write BIGINT NOT NULL,
        tokens_output BIGINT NOT NULL,
        tokens_reasoning BIGINT NOT NULL,
        nano_usd BIGINT NOT NULL,
        unpriced BIGINT NOT NULL,
        PRIMARY KEY (hour_ms, key_id, provider, account, model)
      )`,
      `CREATE TABLE leases (
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        until_ms BIGINT NOT NULL
      )`,
      `CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
      )`,
    ],
  },
  {
    id: 2,
    statements: [
      `CREATE TABLE usage_writers (
        id TEXT PRIMARY KEY,
        batch BIGINT NOT NULL,
        written_ms BIGINT NOT NULL
      )`,
    ],
  },
  {
    id: 3,
    statements: [
      `CREATE TABLE session_items (
        caller TEXT NOT NULL,
        hash TEXT NOT NULL,
        item_id TEXT,
        body TEXT NOT NULL,
        uses BIGINT NOT NULL,
        PRIMARY KEY (caller, hash)
      )`,
      `CREATE INDEX session_items_by_id ON session_items (caller, item_id) WHERE item_id IS NOT NULL`,
      `CREATE TABLE session_branches (
        id TEXT PRIMARY KEY,
        caller TEXT NOT NULL,
        parent TEXT,
        parent_seq INTEGER,
        depth INTEGER NOT NULL,
        length INTEGER NOT NULL,
        bytes BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL
      )`,
      `CREATE INDEX session_branches_by_parent ON session_branches (parent) WHERE parent IS NOT NULL`,
      `CREATE INDEX session_branches_by_expiry ON session_branches (expires_ms)`,
      `CREATE TABLE session_snapshots (
        branch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        caller TEXT NOT NULL,
        id TEXT,
        conversation TEXT,
        about TEXT,
        entries TEXT NOT NULL,
        inputs INTEGER NOT NULL,
        body TEXT NOT NULL,
        members TEXT NOT NULL,
        state TEXT,
        created_ms BIGINT NOT NULL,
        PRIMARY KEY (branch, seq)
      )`,
      `CREATE UNIQUE INDEX session_snapshots_by_id ON session_snapshots (caller, id) WHERE id IS NOT NULL`,
      `CREATE UNIQUE INDEX session_snapshots_by_conversation ON session_snapshots (caller, conversation)
        WHERE conversation IS NOT NULL`,
    ],
  },
  {
    id: 4,
    statements: [
      `CREATE TABLE account_quotas (
        account TEXT PRIMARY KEY,
        quota TEXT NOT NULL,
        seen_ms BIGINT NOT NULL
      )`,
    ],
  },
];

/** What the newest step of this program is. */
export const schemaVersion = migrations.at(-1)!.id;

/**
 * Brings the schema up to date, inside a transaction that its caller holds. Throws when the store was written by
 * a newer program: going on would lose what that one knows.
 */
export async function migrate(queries: Queries, nowMs: number): Promise<void> {
  await queries.run(
    'CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY, applied_ms BIGINT NOT NULL)',
  );
  const rows = await queries.all('SELECT id FROM migrations');
  const applied = new Set(rows.map((row) => Number(row.id)));
  const newest = Math.max(0, ...applied);
  if (newest > schemaVersion) {
    throw new Error(
      `the store is at version ${newest}, this program knows ${schemaVersion}: update the program`,
    );
  }
  for (const { id, statements } of migrations) {
    if (applied.has(id)) continue;
    for (const statement of statements) await queries.run(statement);
    await queries.run('INSERT INTO migrations (id, applied_ms) VALUES (?, ?)', [id, nowMs]);
  }
}
