import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { elementsAt, stringsAt } from '../../src/protocols/json-paths.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('strings at paths', () => {
  test('are found wherever members stand, and nothing else is', () => {
    const text =
      '{ "b" : "no", "a":[ {"b" : "one"} ,{"c":{"b":"no"},"b":"","b":"two\\"" } ,"b", 1.5e3,null ],"x":{"a":[]} }';
    const found = stringsAt(bytes(text), 0, { a: { '*': { b: true } } });
    expect(found.map((at) => text.slice(at, at + 3))).toEqual(['one', 'two']);
  });

  test('of any value are those that a parser finds', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.string(), (value, secret) => {
        const text = JSON.stringify(
          { z: value, list: [value, { at: { it: `=${secret}` }, more: value }], end: value },
          null,
          1,
        );
        const found = stringsAt(bytes(text), 0, { list: { '*': { at: { it: true } } } });
        const places = found.filter((at) => Buffer.from(text).toString('utf8', at, at + 1) === '=');
        expect(places.length).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  test('of what is no JSON end the search', () => {
    for (const text of [
      '',
      '{',
      '{"a"',
      '{"a":',
      '[[[',
      '{"a":["',
      '{"a":[{"b":"x',
      '{"a" "b"}',
      '}}}',
      '{a:1}',
      '{"a":\\',
    ]) {
      expect(stringsAt(bytes(text), 0, { a: { '*': { b: true } } }).length).toBeLessThan(2);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        stringsAt(noise, 0, { a: { '*': { b: true } } });
        elementsAt(noise, 0);
      }),
    );
  });
});

test('elements of an array are told apart', () => {
  const text = '{"list" : [ 1, "a,]b" ,{"c":[1,2]},[],null ]}';
  const at = elementsAt(bytes(text), text.indexOf('['));
  expect(at.map(({ from, to }) => text.slice(from, to))).toEqual([
    '1',
    '"a,]b"',
    '{"c":[1,2]}',
    '[]',
    'null',
  ]);
  expect(elementsAt(bytes('"text"'), 0)).toEqual([]);
});
