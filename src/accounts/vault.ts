import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, scryptSync } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Seals what must not lie in a store in the clear, and opens it again. */
export interface Vault {
  /** AES-256-GCM. `about` names what the secret belongs to; it opens under the same name only. */
  seal(secret: string, about: string): string;
  /** Throws when it was sealed with another key, for something else, or was changed. */
  open(sealed: string, about: string): string;
  /** A keyed fingerprint, for what is only ever compared: 64 hex digits. */
  fingerprint(text: string): string;
  /** Tells keys apart without giving one away: 8 hex digits. */
  readonly keyId: string;
}

export class VaultError extends Error {
  override readonly name = 'VaultError';
}

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;
const keyBytes = 32;

/**
 * A vault from 32 bytes of key. Its parts for sealing and for fingerprints are derived apart, so that neither
 * says anything of the other.
 */
export function createVault(key: Uint8Array): Vault {
  if (key.length !== keyBytes) throw new VaultError(`a vault key has ${keyBytes} bytes`);
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', key, '', `dragoman ${use}`, keyBytes));
  const sealing = derive('sealing');
  const comparing = derive('fingerprints');
  const keyId = derive('key id').toString('hex').slice(0, 8);

  return {
    keyId,
    seal(secret, about) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, sealing, iv).setAAD(Buffer.from(about));
      const sealed = Buffer.concat([iv, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `v1.${keyId}.${sealed.toString('base64url')}`;
    },
    open(sealed, about) {
      const [version, sealedBy, text] = sealed.split('.');
      if (version !== 'v1' || text === undefined)
        throw new VaultError(`${about} is not sealed by this program`);
      if (sealedBy !== keyId)
        throw new VaultError(`${about} was sealed with another key than the one in use`);
      const bytes = Buffer.from(text, 'base64url');
      try {
        const decipher = createDecipheriv(algorithm, sealing, bytes.subarray(0, ivBytes))
          .setAAD(Buffer.from(about))
          .setAuthTag(bytes.subarray(-tagBytes));
        return (
          decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
        );
      } catch {
        throw new VaultError(`${about} cannot be opened: it was changed, or belongs to something else`);
      }
    },
    fingerprint: (text) => createHmac('sha256', comparing).update(text).digest('hex'),
  };
}

/**
 * The vault key out of words that a person chose. Deliberately slow (some 50 ms): words are guessed more easily
 * than random bytes.
 */
export const keyFromSecret = (secret: string): Uint8Array =>
  scryptSync(secret, 'dragoman vault', keyBytes, { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 });

/** The vault key in a file that only its owner can read, made when it is absent. */
export function keyFromFile(path: string): Uint8Array {
  if (!existsSync(path)) makeKeyFile(path);
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
  if (key.length !== keyBytes) throw new VaultError(`${path} holds no vault key`);
  return key;
}

/** Several processes may begin at once: the first to have written a whole key decides for all. */
function makeKeyFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const text = `${randomBytes(keyBytes).toString('base64')}\n`;
  const own = `${path}.${crypto.randomUUID()}`;
  writeFileSync(own, text, { mode: 0o600 });
  try {
    linkSync(own, path);
  } catch {
    // Another was first, or the file system has no links.
    if (!existsSync(path)) writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  } finally {
    rmSync(own);
  }
}
