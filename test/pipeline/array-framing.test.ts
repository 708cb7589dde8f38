import { describe, expect, test } from 'bun:test';
import { arrayText, asJsonArray } from '../../src/pipeline/array-framing.ts';
import type { LaneStream } from '../../src/pipeline/relay.ts';
import type { Sight } from '../../src/protocols/tap.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (piece: Uint8Array): string => new TextDecoder().decode(piece);

/** A lane that passes bytes on and is done at an event that says so. */
function lane(atEnd = ''): LaneStream {
  const sight: Sight = { done: false };
  return {
    sight,
    push(chunk) {
      if (text(chunk).includes('"done"')) sight.done = true;
      return chunk;
    },
    end: () => bytes(atEnd),
  };
}

describe('a stream as one JSON array', () => {
  test('an element goes out as soon as its event is whole', () => {
    const framed = asJsonArray(lane());
    expect(text(framed.push(bytes('data: {"a":1}\n\nda')))).toBe('[{"a":1}\n');
    expect(text(framed.push(bytes('ta: {"b":"é')))).toBe('');
    expect(text(framed.push(bytes('"}\n\n: comment\n\n')))).toBe(',\r\n{"b":"é"}\n');
    expect(text(framed.end(undefined))).toBe(']');
  });

  test('a failure is the last element, and the array is closed', () => {
    const framed = asJsonArray(lane('data: {"error":{}}\n\n'));
    const all = text(framed.push(bytes('data: {"a":1}\n\n'))) + text(framed.end(undefined));
    expect(JSON.parse(all)).toEqual([{ a: 1 }, { error: {} }]);
  });

  test('a last event without its blank line is an element too', () => {
    const framed = asJsonArray(lane());
    expect(JSON.parse(text(framed.push(bytes('data: {"a":1}\n'))) + text(framed.end(undefined)))).toEqual([
      { a: 1 },
    ]);
  });

  test('a lane that is done closes the array at once', () => {
    const framed = asJsonArray(lane());
    expect(JSON.parse(text(framed.push(bytes('data: {"done":true}\n\n'))))).toEqual([{ done: true }]);
  });

  test('nothing at all is an empty array', () => {
    expect(text(asJsonArray(lane()).end(undefined))).toBe('[]');
  });

  test('a whole text is framed the same way', () => {
    const framed = asJsonArray(lane());
    const events = 'data: {"a":1}\n\ndata: {"b":2}\n\n';
    expect(arrayText(events)).toBe(text(framed.push(bytes(events))) + text(framed.end(undefined)));
  });
});
