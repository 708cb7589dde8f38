import { sseReader, type SseFrame } from '../protocols/sse.ts';
import type { LaneStream } from './relay.ts';

export const arrayContentType = 'application/json; charset=UTF-8';

const encoder = new TextEncoder();
const nothing = new Uint8Array(0);

/**
 * A lane's stream as one JSON array that grows, which is how Google answers a stream that was not asked for as
 * server-sent events. Each event is an element, a failure the last one, and the array is closed whatever the end.
 */
export function asJsonArray(lane: LaneStream): LaneStream {
  const reader = sseReader();
  let opened = false;
  let closed = false;

  function elements(frames: readonly SseFrame[]): string {
    let text = '';
    for (const { data } of frames) {
      text += (opened ? ',\r\n' : '[') + data + '\n';
      opened = true;
    }
    return text;
  }

  function close(): string {
    if (closed) return '';
    closed = true;
    return elements(reader.end()) + (opened ? ']' : '[]');
  }

  return {
    sight: lane.sight,
    push(chunk) {
      let text = elements(reader.push(lane.push(chunk)));
      // Nothing is asked of a lane any more once it is done.
      if (lane.sight.done) text += close();
      return text === '' ? nothing : encoder.encode(text);
    },
    end(failure) {
      return encoder.encode(elements(reader.push(lane.end(failure))) + close());
    },
  };
}

/** The whole text of a stream of server-sent events as such an array. */
export function arrayText(text: string): string {
  const reader = sseReader();
  const frames = [...reader.push(encoder.encode(text)), ...reader.end()];
  return `[${frames.map(({ data }) => data).join('\n,\r\n')}\n]`;
}
