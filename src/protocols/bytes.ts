/** Buffer's search on plain bytes: making a Buffer of them first would cost more than the search. */
const { indexOf, lastIndexOf } = Buffer.prototype as unknown as {
  indexOf(this: Uint8Array, needle: Uint8Array, from: number): number;
  lastIndexOf(this: Uint8Array, needle: Uint8Array, from: number): number;
};

/** Where `needle` first begins, at `from` or after it; -1 where it does not. */
export const find = (bytes: Uint8Array, needle: Uint8Array, from = 0): number =>
  indexOf.call(bytes, needle, from);

/** Where `needle` last begins, at `from` or before it; -1 where it does not. */
export const findLast = (bytes: Uint8Array, needle: Uint8Array, from = bytes.length): number =>
  lastIndexOf.call(bytes, needle, from);

export const holds = (bytes: Uint8Array, needle: Uint8Array): boolean => find(bytes, needle) >= 0;

/** The same bytes as a Buffer, without a copy. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
