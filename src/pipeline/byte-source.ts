/** What has come since the last read. */
export interface Batch {
  readonly value: readonly Uint8Array[];
  readonly done: boolean;
}

/** Where a lane reads from. */
export interface ByteSource {
  /** Everything that is there, or a promise of it when nothing is. */
  readMany(): Batch | Promise<Batch>;
  /** The next chunk. */
  read(): Promise<{ readonly value?: Uint8Array; readonly done: boolean }>;
  cancel(): Promise<void>;
}

const emptySource: ByteSource = {
  readMany: () => ({ value: [], done: true }),
  read: async () => ({ done: true }),
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
    const { value, done } = await source.read();
    if (value !== undefined) {
      size += value.length;
      chunks.push(value);
    }
    if (size > bytesMax) {
      await source.cancel();
      throw new BodyTooLarge(`more than ${bytesMax} bytes`);
    }
    if (done) break;
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** The first character that is not white space, and the whole body to read from. */
export async function sniff(
  body: ReadableStream<Uint8Array> | null,
): Promise<{ first: string; source: ByteSource }> {
  const source = sourceOf(body);
  const held: Uint8Array[] = [];
  let first = '';
  let ended = false;
  while (first === '' && !ended) {
    const { value, done } = await source.read();
    ended = done;
    if (value === undefined) continue;
    held.push(value);
    const at = value.findIndex((byte) => byte > 0x20 && byte < 0x7f);
    if (at >= 0) first = String.fromCharCode(value[at]!);
  }
  return { first, source: chunksFirst(held, source, ended) };
}

/** A source of what was read already, and then of the rest, if it has not `ended`; `pending` is a read under way. */
export function chunksFirst(
  held: Uint8Array[],
  source: ByteSource,
  ended: boolean,
  pending?: ReturnType<ByteSource['read']>,
): ByteSource {
  let under = pending;
  const taken = (): NonNullable<typeof pending> | undefined => {
    const read = under;
    under = undefined;
    return read;
  };
  return {
    readMany() {
      if (held.length > 0 || ended) return { value: held.splice(0), done: ended };
      return (
        taken()?.then(({ value, done }) => ({ value: value === undefined ? [] : [value], done })) ??
        source.readMany()
      );
    },
    async read() {
      const value = held.shift();
      if (value !== undefined) return { value, done: false };
      return ended ? { done: true } : (taken() ?? source.read());
    },
    cancel: () => source.cancel(),
  };
}
