import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVault, keyFromFile, keyFromSecret, VaultError } from '../../src/accounts/vault.ts';

const dir = mkdtempSync(join(tmpdir(), 'dragoman-vault-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const key = new Uint8Array(32).fill(7);

test('a secret comes back as it was, and looks different each time it is sealed', () => {
  const vault = createVault(key);
  const sealed = vault.seal('sk-ünïcode', 'account a');
  expect(vault.open(sealed, 'account a')).toBe('sk-ünïcode');
  expect(vault.seal('sk-ünïcode', 'account a')).not.toBe(sealed);
  expect(sealed).not.toContain('sk-');
});

test('a secret opens only for what it was sealed for', () => {
  const vault = createVault(key);
  const sealed = vault.seal('sk-1', 'account a');
  expect(() => vault.open(sealed, 'account b')).toThrow(VaultError);
});

test('a changed secret does not open', () => {
  const vault = createVault(key);
  const sealed = vault.seal('sk-1', 'a');
  const at = sealed.length - 4;
  const changed = sealed.slice(0, at) + (sealed[at] === 'x' ? 'y' : 'x') + sealed.slice(at + 1);
  expect(() => vault.open(changed, 'a')).toThrow(VaultError);
  expect(() => vault.open('sk-1', 'a')).toThrow('not sealed');
});

test('another key says that it is another key', () => {
  const other = createVault(new Uint8Array(32).fill(8));
  const sealed = createVault(key).seal('sk-1', 'a');
  expect(() => other.open(sealed, 'a')).toThrow('another key');
});

test('fingerprints depend on the key', () => {
  const one = createVault(key).fingerprint('x');
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(createVault(key).fingerprint('x')).toBe(one);
  expect(createVault(new Uint8Array(32).fill(8)).fingerprint('x')).not.toBe(one);
});

test('a key file is made once, for its owner only, and read after that', () => {
  const path = join(dir, 'home', 'vault.key');
  const made = keyFromFile(path);
  expect(made.length).toBe(32);
  expect(keyFromFile(path)).toEqual(made);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  writeFileSync(path, 'short');
  expect(() => keyFromFile(path)).toThrow('no vault key');
});

test('the same words give the same key', () => {
  expect(keyFromSecret('correct horse')).toEqual(keyFromSecret('correct horse'));
  expect(keyFromSecret('correct horse')).not.toEqual(keyFromSecret('correct horsf'));
});
