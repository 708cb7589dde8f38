/** One server-sent event. `event` is absent when the stream named none. */
export interface SseFrame {
  readonly event: string | undefined;
  readonly data: string;
}

/** The longest single line or frame that is accepted, in bytes: image results come whole in one frame. */
const sseFrameBytesMax = 64 * 1024 * 1024;

class SseFrameTooLong extends Error {
  override readonly name = 'SseFrameTooLong';
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const newline = 10;
const noBytes = new Uint8Array(0);

/**
 * Reads a server-sent event stream from byte chunks split anywhere. Takes LF, CRLF and CR line ends, a BOM,
 * comments, several `data` lines, and a last event without its blank line. `id` and `retry` are ignored.
 *
 * Only whole lines are decoded, so a character split over two chunks stays whole.
 *
 * @example
 * const reader = sseReader();
 * for await (const chunk of body) for (const frame of reader.push(chunk)) console.log(frame.data);
 * for (const frame of reader.end()) console.log(frame.data);
 */
export function sseReader(): { push(chunk: Uint8Array): SseFrame[]; end(): SseFrame[] } {
  let pending: Uint8Array = noBytes;
  let event: string | undefined;
  let data: string | undefined;
  let started = false;
  let frameLength = 0;

  function lines(text: string, frames: SseFrame[]): void {
    if (!started) {
      started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    const hasReturns = text.includes('\r');
    let from = 0;
    while (from < text.length) {
      let to = text.indexOf('\n', from);
      if (to < 0) to = text.length;
      const end = to > from && text.charCodeAt(to - 1) === 13 ? to - 1 : to;
      const whole = text.slice(from, end);
      if (hasReturns && whole.includes('\r')) for (const part of whole.split('\r')) line(part, frames);
      else line(whole, frames);
      from = to + 1;
    }
  }

  function line(text: string, frames: SseFrame[]): void {
    if (text === '') {
      if (data !== undefined) frames.push({ event, data });
      event = undefined;
      data = undefined;
      frameLength = 0;
    } else if (text.startsWith('data:')) {
      const value = text.slice(text.charCodeAt(5) === 32 ? 6 : 5);
      frameLength += value.length;
      if (frameLength > sseFrameBytesMax) throw new SseFrameTooLong('a server-sent event is too long');
      data = data === undefined ? value : data + '\n' + value;
    } else if (text.startsWith('event:')) {
      event = text.slice(text.charCodeAt(6) === 32 ? 7 : 6);
    } else if (text === 'data') {
      data = data === undefined ? '' : data + '\n';
    }
  }

  return {
    push(chunk) {
      const frames: SseFrame[] = [];
      const last = chunk.lastIndexOf(newline);
      if (last < 0) {
        pending = join(pending, chunk);
        if (pending.length > sseFrameBytesMax) throw new SseFrameTooLong('a server-sent event is too long');
        return frames;
      }
      const whole = last + 1 === chunk.length ? chunk : chunk.subarray(0, last + 1);
      const bytes = pending.length === 0 ? whole : join(pending, whole);
      pending = last + 1 === chunk.length ? noBytes : chunk.slice(last + 1);
      lines(decoder.decode(bytes), frames);
      return frames;
    },
    end() {
      const frames: SseFrame[] = [];
      if (pending.length > 0) lines(decoder.decode(pending), frames);
      pending = noBytes;
      line('', frames);
      return frames;
    },
  };
}

/** Writes one event. `data` must hold no line break, which JSON text never does. */
export const sseText = (event: string | undefined, data: string): string =>
  event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b.slice();
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
