import { describe, expect, test } from 'bun:test';
import { bufferOf, find, findLast, holds } from '../../src/protocols/bytes.ts';

const bytes = new Uint8Array(Buffer.from('{"a":1,"b":"é","a":2}'));

describe('searching bytes', () => {
  test('a needle is found from the front and from the back', () => {
    const needle = Buffer.from('"a"');
    expect(find(bytes, needle)).toBe(1);
    expect(find(bytes, needle, 2)).toBe(16);
    expect(findLast(bytes, needle)).toBe(16);
    expect(findLast(bytes, needle, 15)).toBe(1);
  });

  test('characters beyond ASCII are found as bytes', () => {
    expect(find(bytes, Buffer.from('é'))).toBe(12);
  });

  test('what is not there is nowhere', () => {
    expect(find(bytes, Buffer.from('"c"'))).toBe(-1);
    expect(holds(bytes, Buffer.from('"c"'))).toBe(false);
    expect(holds(bytes, Buffer.from('"b"'))).toBe(true);
  });

  test('a part of a larger buffer stays that part, and is not copied', () => {
    const part = bytes.subarray(7, 10);
    const buffer = bufferOf(part);
    expect(buffer.toString()).toBe('"b"');
    expect(buffer.buffer).toBe(part.buffer);
  });
});
