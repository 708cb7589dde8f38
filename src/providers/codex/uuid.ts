import { randomBytes } from 'node:crypto';

/** A UUIDv7 (RFC 9562 §5.7): the milliseconds since the epoch, then random bits. */
export function uuidV7(nowMs: number, random: Uint8Array = randomBytes(10)): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  return shaped(bytes, 7);
}

/** A UUID in the form of version 4, of sixteen bytes that something else has determined. */
export const uuidOf = (bytes: Uint8Array): string => shaped(Buffer.from(bytes.subarray(0, 16)), 4);

function shaped(bytes: Buffer, version: 4 | 7): string {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
