import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Row, Store } from '../store/store.ts';
import { countAnnouncement } from '../store/topics.ts';
import { rulesSchema, type KeyRules } from './rules.ts';

/** A key that callers of the gateway show. The key itself is known to its holder only. */
export interface GatewayKey {
  readonly id: string;
  /** The part of the key that is no secret: what it begins with. */
  readonly prefix: string;
  readonly name: string;
  /** `admin` keys open `/admin` and nothing else; `client` keys everything else. */
  readonly role: 'client' | 'admin';
  readonly rules: KeyRules;
  readonly createdMs: number;
  readonly expiresMs?: number;
  readonly revokedMs?: number;
}

/** Why a key is not accepted. */
export type KeyRefusal = 'unknown' | 'expired' | 'revoked';

export interface KeyRing {
  /** Checks a key that was shown. No query: all keys are in memory. */
  check(
    shown: string,
  ): { readonly ok: true; readonly key: GatewayKey } | { readonly ok: false; readonly why: KeyRefusal };
  /** Makes a key; `secret` is the whole key, told this once. */
  create(key: NewKey): Promise<{ readonly key: GatewayKey; readonly secret: string }>;
  /** By id, prefix or name; returns `undefined` when there is no such key. */
  revoke(which: string): Promise<GatewayKey | undefined>;
  list(): GatewayKey[];
  /** Whether callers must show a key: as soon as there has ever been one for clients. */
  readonly required: boolean;
  close(): void;
}

export interface NewKey {
  readonly name: string;
  readonly role?: GatewayKey['role'];
  readonly rules?: KeyRules;
  readonly expiresMs?: number;
}

const topic = 'keys';
/** `drg_`, eight characters to find it by, and 32 that nobody can guess (190 bits). */
const keyPattern = /^drg_([a-z0-9]{8})_[A-Za-z0-9]{32}$/;

/**
 * Opens the keys of a store. `fingerprint` is keyed (a pepper): a copy of the store alone does not let anybody try
 * keys against it.
 */
export async function openKeyRing(
  store: Store,
  fingerprint: (text: string) => string,
  nowMs: () => number,
  complain: (error: unknown) => void = () => {},
): Promise<KeyRing> {
  let byPrefix = new Map<string, KeptKey>();
  let required = false;

  /** Keys that were shown and found right, so that the fingerprint of each is made once. */
  const recognized = new Map<string, KeptKey>();

  async function read(): Promise<void> {
    const rows = await store.all('SELECT * FROM gateway_keys ORDER BY created_ms');
    byPrefix = new Map(rows.map((row) => [String(row.prefix), toKey(row)]));
    // A revoked one counts: taking the last key back must not open the gateway to everybody.
    required = rows.some(({ role }) => role === 'client');
    recognized.clear();
  }

  function recognize(shown: string): KeptKey | undefined {
    const kept = byPrefix.get(keyPattern.exec(shown)?.[1] ?? '');
    // An unknown prefix costs as much as a wrong key.
    const same = timingSafeEqual(Buffer.from(fingerprint(shown)), Buffer.from(kept?.hash ?? nobody));
    if (kept === undefined || !same) return undefined;
    recognized.set(shown, kept);
    return kept;
  }

  const reread = () =>
    read().catch((error: unknown) => {
      complain(error);
      throw error;
    });
  await read();
  const deaf = store.listen(topic, reread);

  return {
    check(shown) {
      const kept = recognized.get(shown) ?? recognize(shown);
      if (kept === undefined) return { ok: false, why: 'unknown' };
      if (kept.key.revokedMs !== undefined) return { ok: false, why: 'revoked' };
      const { expiresMs } = kept.key;
      return expiresMs !== undefined && expiresMs <= nowMs()
        ? { ok: false, why: 'expired' }
        : { ok: true, key: kept.key };
    },
    async create({ name, role = 'client', rules = {}, expiresMs }) {
      const prefix = word(8, 'abcdefghijklmnopqrstuvwxyz0123456789');
      const secret = `drg_${prefix}_${word(32, alphabet)}`;
      const id = `key_${word(12, alphabet)}`;
      const key: GatewayKey = {
        id,
        prefix,
        name,
        role,
        rules: rulesSchema.parse(rules),
        createdMs: nowMs(),
        expiresMs,
      };
      await store.run(
        `INSERT INTO gateway_keys (id, prefix, hash, name, role, rules, created_ms, expires_ms, revoked_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)`,
        [
          id,
          prefix,
          fingerprint(secret),
          name,
          role,
          JSON.stringify(key.rules),
          key.createdMs,
          expiresMs ?? null,
        ],
      );
      await read();
      await store.announce(topic);
      return { key, secret };
    },
    async revoke(which) {
      const found = [...byPrefix.values()].find(
        ({ key }) =>
          key.revokedMs === undefined && (key.id === which || key.prefix === which || key.name === which),
      );
      if (!found) return undefined;
      // Together: a key that is taken back must not go on elsewhere because the notice was lost.
      await store.transaction(async (queries) => {
        await queries.run('UPDATE gateway_keys SET revoked_ms = ? WHERE id = ?', [nowMs(), found.key.id]);
        await countAnnouncement(queries, topic);
      });
      await read();
      await store.announce(topic);
      return byPrefix.get(found.key.prefix)?.key;
    },
    list: () => [...byPrefix.values()].map(({ key }) => key),
    get required() {
      return required;
    },
    close: deaf,
  };
}

interface KeptKey {
  readonly key: GatewayKey;
  readonly hash: string;
}

/** What no fingerprint is equal to. */
const nobody = '-'.repeat(64);
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Random characters, each as likely as any other. */
function word(length: number, letters: string): string {
  const fair = 256 - (256 % letters.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < fair && text.length < length) text += letters[byte % letters.length];
    }
  }
  return text;
}

function toKey(row: Row): KeptKey {
  const time = (value: Row[string] | undefined) =>
    value === null || value === undefined ? undefined : Number(value);
  return {
    hash: String(row.hash),
    key: {
      id: String(row.id),
      prefix: String(row.prefix),
      name: String(row.name),
      role: row.role === 'admin' ? 'admin' : 'client',
      rules: rulesSchema.parse(JSON.parse(String(row.rules))),
      createdMs: Number(row.created_ms),
      expiresMs: time(row.expires_ms),
      revokedMs: time(row.revoked_ms),
    },
  };
}
