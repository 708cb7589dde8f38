import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { sseReader, sseText, type SseFrame } from '../../src/protocols/sse.ts';

const encoder = new TextEncoder();

function readAll(chunks: readonly Uint8Array[]): SseFrame[] {
  const reader = sseReader();
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()];
}

function splitAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return edges.slice(1).map((edge, i) => bytes.slice(edges[i], edge));
}

describe('reading an event stream', () => {
  const text =
    ': hello\n\nevent: first\ndata: {"a":"é😀"}\n\n\ndata: one\ndata: two\n\n: ping\nid: 3\nretry: 10\nevent: last\ndata:tight\n\n';
  const expected: SseFrame[] = [
    { event: 'first', data: '{"a":"é😀"}' },
    { event: undefined, data: 'one\ntwo' },
    { event: 'last', data: 'tight' },
  ];

  test('gives the events with their names and joined data', () => {
    expect(readAll([encoder.encode(text)])).toEqual(expected);
  });

  test('does not depend on where the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { maxLength: 40 }), fc.constantFrom('\n', '\r\n'), (cuts, end) => {
        const bytes = encoder.encode(text.replaceAll('\n', end));
        expect(readAll(splitAt(bytes, cuts))).toEqual(expected);
      }),
    );
  });

  test('one byte at a time gives the same', () => {
    const bytes = encoder.encode(text);
    expect(readAll([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  test('takes a byte order mark, lone carriage returns and a last event without its blank line', () => {
    expect(readAll([encoder.encode('\ufeffdata: a\r\rdata: b\n')])).toEqual([
      { event: undefined, data: 'a' },
      { event: undefined, data: 'b' },
    ]);
  });

  test('events written by sseText are read back as they were', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.option(fc.stringMatching(/^[a-z._]{1,20}$/), { nil: undefined }),
        (data, event) => {
          expect(readAll([encoder.encode(sseText(event, data))])).toEqual([{ event, data }]);
        },
      ),
    );
  });

  test('an event without data is none', () => {
    expect(readAll([encoder.encode('event: ping\n\n')])).toEqual([]);
  });
});
