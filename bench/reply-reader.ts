/** Where the parts of a reply go; slices are only valid during the call. */
export interface ReplySink {
  readonly head: (status: number) => void;
  readonly body: (slice: Buffer) => void;
  readonly end: () => void;
}

export interface ReplyReader {
  /** Takes the next bytes of the connection; a reply may end inside them, nothing may follow it. */
  readonly feed: (bytes: Buffer) => void;
}

/** A parser of HTTP/1.1 replies, as little as the bench needs: a length or chunks, no trailers, no pipelining. */
export function replyReader(sink: ReplySink): ReplyReader {
  let state: 'head' | 'length' | 'size' | 'chunk' | 'after-chunk' = 'head';
  let head: Buffer | undefined;
  /** Bytes of the body, or of the chunk, still to come. */
  let left = 0;
  let sizeLine = '';

  const readHead = (bytes: Buffer): Buffer => {
    const all = head === undefined ? bytes : Buffer.concat([head, bytes]);
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) {
      head = Buffer.from(all);
      return all.subarray(all.length);
    }
    head = undefined;
    const text = all.toString('latin1', 0, end).toLowerCase();
    sink.head(Number(text.slice(9, 12)));
    const length = /\r\ncontent-length: *(\d+)/.exec(text);
    state = length === null ? 'size' : 'length';
    left = length === null ? 0 : Number(length[1]);
    if (length !== null && left === 0) finish();
    return all.subarray(end + 4);
  };

  const finish = (): void => {
    state = 'head';
    sink.end();
  };

  /** Hands on what belongs to the body or chunk, from `at`, and says where it ended. */
  const readData = (bytes: Buffer, at: number): number => {
    const end = Math.min(bytes.length, at + left);
    left -= end - at;
    sink.body(bytes.subarray(at, end));
    return end;
  };

  return {
    feed(received) {
      let bytes = received;
      if (state === 'head') bytes = readHead(bytes);
      let at = 0;
      while (at < bytes.length) {
        if (state === 'length') {
          at = readData(bytes, at);
          if (left === 0) finish();
        } else if (state === 'size') {
          const code = bytes[at++]!;
          if (code !== 10) {
            if (code !== 13) sizeLine += String.fromCharCode(code);
            continue;
          }
          left = Number.parseInt(sizeLine, 16);
          // The empty line after the last chunk is skipped like the one after any other.
          state = left === 0 ? 'after-chunk' : 'chunk';
          if (left === 0) sizeLine = 'last';
          else sizeLine = '';
        } else if (state === 'chunk') {
          at = readData(bytes, at);
          if (left === 0) state = 'after-chunk';
        } else if (state === 'after-chunk') {
          if (bytes[at++] !== 10) continue;
          state = 'size';
          if (sizeLine !== 'last') continue;
          sizeLine = '';
          finish();
        } else return;
      }
    },
  };
}
