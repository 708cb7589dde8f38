/** What has come since the last read. */
export interface Batch {
  readonly value: readonly Uint8Array[];
  readonly done: boolean;
}

/** Where a lane reads from. */
export interface ByteSource {
  /** Everything that is there, or a promise of it when nothing is. */
  readMany(): Batch | Promise<Batch>;
  cancel(): Promise<void>;
}

export const emptySource: ByteSource = {
  readMany: () => ({ value: [], done: true }),
  cancel: async () => {},
};

/** The body of a response as a source; on Bun, a stream's default reader is one. */
export const sourceOf = (body: ReadableStream<Uint8Array> | null): ByteSource =>
  body === null ? emptySource : (body.getReader() as unknown as ByteSource);

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** Reads to the end, or throws `BodyTooLarge` once there is more than `bytesMax`. */
export async function readBounded(source: ByteSource, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await source.readMany();
    for (const chunk of value) {
      size += chunk.length;
      chunks.push(chunk);
    }
    if (size > bytesMax) {
      await source.cancel();
      throw new BodyTooLarge(`more than ${bytesMax} bytes`);
    }
    if (done) break;
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
  const source = sourceOf(body);
  const held: Batch[] = [];
  let first = '';
  while (first === '') {
    const batch = await source.readMany();
    held.push(batch);
    for (const chunk of batch.value) {
      const at = chunk.findIndex((byte) => byte > 0x20 && byte < 0x7f);
      if (at >= 0 && first === '') first = String.fromCharCode(chunk[at]!);
    }
    if (batch.done) break;
  }
  return {
    first,
    source: { readMany: () => held.shift() ?? source.readMany(), cancel: () => source.cancel() },
  };
}
