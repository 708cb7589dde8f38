/** That checking a key takes no time that tells of it: by construction, since a clock says little on a busy machine. */
import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openKeyRing } from '../../src/access/keys.ts';
import { createVault } from '../../src/accounts/vault.ts';
import { openStore } from '../../src/store/open.ts';
import { projectRoot } from '../support/program.ts';

test('every check of a stranger’s key makes one fingerprint, whether its beginning is known or not', async () => {
  const store = await openStore('sqlite::memory:');
  const { fingerprint } = createVault(new Uint8Array(32).fill(1));
  const asked: string[] = [];
  const ring = await openKeyRing(store, (text) => (asked.push(text), fingerprint(text)), Date.now);
  const { secret } = await ring.create({ name: 'one' });
  const tail = 'A'.repeat(32);
  const wrong = [
    `${secret.slice(0, 13)}${tail}`,
    `drg_zzzzzzzz_${tail}`,
    'nothing like it',
    '',
    `${secret}x`,
  ];
  for (const key of wrong) {
    asked.length = 0;
    expect(ring.check(key)).toEqual({ ok: false, why: 'unknown' });
    expect(asked).toEqual([key]);
  }
  expect(ring.check(secret).ok).toBe(true);
  ring.close();
  await store.close();
});

test('what lies in the store is a keyed fingerprint, and the key is nowhere', async () => {
  const store = await openStore('sqlite::memory:');
  const rings = [1, 2].map((fill) => createVault(new Uint8Array(32).fill(fill)).fingerprint);
  const ring = await openKeyRing(store, rings[0]!, Date.now);
  const { secret } = await ring.create({ name: 'one' });
  const text = JSON.stringify(await store.all('SELECT * FROM gateway_keys'));
  expect(text).not.toContain(secret);
  expect(text).not.toContain(secret.slice(13));
  expect(text).toContain(rings[0]!(secret));
  expect(text).not.toContain(rings[1]!(secret));
  ring.close();
  await store.close();
});

test('secrets are compared in constant time, and nowhere by ===', () => {
  const src = join(projectRoot, 'src');
  const source = readFileSync(join(src, 'access/keys.ts'), 'utf8');
  expect(source).toContain(
    'timingSafeEqual(Buffer.from(fingerprint(shown)), Buffer.from(kept?.hash ?? nobody))',
  );
  // Both sides of it have one length, or it throws.
  expect(/const nobody = '-'\.repeat\(64\)/.test(source)).toBe(true);
  expect(createVault(new Uint8Array(32)).fingerprint('x')).toHaveLength(64);
  const compared = /(?:\.hash|fingerprint\([^)]*\)|\bsecret)\s*[!=]==|[!=]==\s*(?:\w+\.)*(?:hash|secret)\b/;
  const files = readdirSync(join(src, 'access')).map((name) => join('access', name));
  const found = files.filter((path) => compared.test(readFileSync(join(src, path), 'utf8')));
  expect(found).toEqual([]);
});
