/** Where a lane reads from; a stream's default reader is one. `value` is absent at the end. */
export interface ByteSource {
  read(): Promise<{ value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** Reads to the end, or throws `BodyTooLarge` once there is more than `bytesMax`. */
export async function readBounded(source: ByteSource, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value } = await source.read();
    if (value === undefined) break;
    size += value.length;
    if (size > bytesMax) {
      await source.cancel();
      throw new BodyTooLarge(`more than ${bytesMax} bytes`);
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return chunks[0]!;
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** The first character that is not white space, and the whole body to read from. */
export async function sniff(
  body: ReadableStream<Uint8Array> | null,
): Promise<{ first: string; source: ByteSource }> {
  if (body === null) return { first: '', source: { read: async () => ({}), cancel: async () => {} } };
  const reader = body.getReader();
  const held: Uint8Array[] = [];
  let first = '';
  while (first === '') {
    const { value } = await reader.read();
    if (value === undefined) break;
    held.push(value);
    const at = value.findIndex((byte) => byte > 0x20 && byte < 0x7f);
    if (at >= 0) first = String.fromCharCode(value[at]!);
  }
  return {
    first,
    source: {
      async read() {
        const value = held.shift();
        return value === undefined ? reader.read() : { value };
      },
      cancel: () => reader.cancel(),
    },
  };
}
