import { describe, expect, test } from 'bun:test';
import { parseJson, parseObject } from '../../src/turn/json.ts';

describe('reading JSON that may be none', () => {
  test('a text that is JSON is its value, null included', () => {
    expect(parseJson('[1, "two"]')).toEqual([1, 'two']);
    expect(parseJson('null')).toBeNull();
  });

  test('a text that is none is nothing, not an error', () => {
    for (const text of ['', '{"a":', '<html>', 'undefined']) expect(parseJson(text)).toBeUndefined();
  });

  test('an object is read from a text and from its bytes', () => {
    expect(parseObject('{"a": "ü"}')).toEqual({ a: 'ü' });
    expect(parseObject(Buffer.from('{"a": "ü"}'))).toEqual({ a: 'ü' });
  });

  test('what is no object is none', () => {
    for (const text of ['[]', 'null', '"text"', '7', '']) expect(parseObject(text)).toBeUndefined();
  });
});
