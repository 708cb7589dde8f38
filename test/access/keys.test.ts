import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { openKeyRing, type KeyRing } from '../../src/access/keys.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';

const fingerprint = (text: string) => createHmac('sha256', 'pepper').update(text).digest('hex');

let store: Store;
let ring: KeyRing;
let now = 1_800_000_000_000;

beforeEach(async () => {
  store = await openStore('sqlite::memory:');
  ring = await openKeyRing(store, fingerprint, () => now);
});
afterEach(() => store.close());

describe('gateway keys', () => {
  test('a new key is accepted, and says whose it is', async () => {
    const { key, secret } = await ring.create({ name: 'laptop', rules: { models: ['claude/*'] } });
    expect(secret).toMatch(/^drg_[a-z0-9]{8}_[A-Za-z0-9]{32}$/);
    const checked = ring.check(secret);
    expect(checked).toMatchObject({
      ok: true,
      key: { id: key.id, name: 'laptop', rules: { models: ['claude/*'] } },
    });
  });

  test('the store holds nothing that a key could be made of', async () => {
    const { secret } = await ring.create({ name: 'laptop' });
    const rows = JSON.stringify(await store.all('SELECT * FROM gateway_keys'));
    expect(rows).not.toContain(secret.slice(-32));
    expect(rows).toContain(fingerprint(secret));
  });

  test('what is not exactly the key is unknown', async () => {
    const { secret } = await ring.create({ name: 'laptop' });
    const flipped = secret.slice(0, -1) + (secret.endsWith('A') ? 'B' : 'A');
    for (const shown of [flipped, secret.slice(0, -1), `${secret}A`, secret.toUpperCase(), '', 'drg_']) {
      expect(ring.check(shown)).toEqual({ ok: false, why: 'unknown' });
    }
  });

  test('a revoked key is refused, by name, prefix or id', async () => {
    const { key, secret } = await ring.create({ name: 'laptop' });
    const other = await ring.create({ name: 'ci' });
    expect(await ring.revoke('laptop')).toMatchObject({ id: key.id, revokedMs: now });
    expect(ring.check(secret)).toEqual({ ok: false, why: 'revoked' });
    expect((await ring.revoke(other.key.prefix))?.id).toBe(other.key.id);
    expect(await ring.revoke('laptop')).toBeUndefined();
  });

  test('a key ends when it expires', async () => {
    const { secret } = await ring.create({ name: 'guest', expiresMs: now + 1000 });
    expect(ring.check(secret).ok).toBe(true);
    now += 1000;
    expect(ring.check(secret)).toEqual({ ok: false, why: 'expired' });
  });

  test('callers need a key once there has been one, even after it was revoked', async () => {
    expect(ring.required).toBe(false);
    await ring.create({ name: 'boss', role: 'admin' });
    expect(ring.required).toBe(false);
    await ring.create({ name: 'laptop' });
    expect(ring.required).toBe(true);
    await ring.revoke('laptop');
    expect(ring.required).toBe(true);
  });

  test('rules with a word that nobody knows are refused', async () => {
    await expect(ring.create({ name: 'x', rules: { request_per_minute: 3 } as never })).rejects.toThrow();
  });

  test('a key made by another process is accepted soon after', async () => {
    const there = await openKeyRing(store, fingerprint, () => now);
    const { secret } = await there.create({ name: 'from the command line' });
    await eventually(() => ring.check(secret).ok);
  });
});
