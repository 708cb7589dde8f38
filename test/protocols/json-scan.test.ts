import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  jsonDepthMax,
  largeBytesMin,
  lastMember,
  memberValue,
  overwrite,
  scanMembers,
  scanObject,
  splice,
} from '../../src/protocols/json-scan.ts';
import type { Json, JsonObject } from '../../src/turn/json.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const scan = (text: string) => scanObject(encoder.encode(text));

/** JSON text with white space in all legal places. */
const spaced = (value: unknown, gap: string): string =>
  JSON.stringify(value, null, gap === '' ? undefined : gap);

describe('scanning a body', () => {
  test('finds every member of any object with the bytes of its value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom('', ' ', '\t'),
        (object, gap) => {
          const bytes = encoder.encode(spaced(object, gap));
          const result = scanObject(bytes);
          if (!result.ok) throw new Error(result.why);
          const parsed = JSON.parse(decoder.decode(bytes)) as Record<string, Json>;
          expect(result.members.map((member) => member.key)).toEqual(Object.keys(parsed));
          for (const member of result.members)
            expect(memberValue(bytes, member)).toEqual(parsed[member.key]!);
        },
      ),
    );
  });

  test('accepts exactly what JSON.parse accepts', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b\\n"',
      '1',
      '-0.5e3',
      '01',
      'true',
      'nul',
      ' ',
      '"',
      '\\',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
        const text = `{${parts.join('')}}`;
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect(scan(text).ok).toBe(valid);
      }),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ['', 'ends too early'],
    ['{', 'ends too early'],
    ['[]', 'must be a JSON object'],
    ['"model"', 'must be a JSON object'],
    ['{"model":}', 'not valid'],
    ['{"model" "a"}', 'colon'],
    ['{"model":"a",}', 'member name'],
    ['{"a":[1,2}', 'comma or closing bracket'],
    ['{"a":1} x', 'more after'],
    ['{"a":"\u0001"}', 'string is not valid'],
    ['{"a":"\\x"}', 'string is not valid'],
    ['{"a":"\\u12g4"}', 'string is not valid'],
    ['{"a":"unclosed}', 'string is not valid'],
    ['{a:1}', 'member name'],
    [`{"a":${'['.repeat(jsonDepthMax)}`, 'nested too deeply'],
  ])('says what is wrong with %j', (text, why) => {
    const result = scan(text);
    expect(result.ok ? '' : result.why).toContain(why);
  });

  test('a name written with escapes counts, and the last of two equal names wins', () => {
    const bytes = encoder.encode('{"model":"a","mod\\u0065l":"b"}');
    const result = scanObject(bytes);
    if (!result.ok) throw new Error(result.why);
    expect(memberValue(bytes, lastMember(result.members, 'model')!)).toBe('b');
  });

  test('a byte order mark is passed over', () => {
    expect(scan('\ufeff{"a":1}').ok).toBe(true);
  });
});

test('splicing replaces ranges and leaves every other byte alone', () => {
  const bytes = encoder.encode('{"model":"a/b","messages":["é"],"n":1}');
  const result = scanObject(bytes);
  if (!result.ok) throw new Error(result.why);
  const edits = [
    { ...lastMember(result.members, 'model')!, text: '"ü"' },
    { ...lastMember(result.members, 'n')!, text: '22' },
  ];
  expect(decoder.decode(splice(bytes, edits))).toBe('{"model":"ü","messages":["é"],"n":22}');
});

describe('large bodies', () => {
  const padding = { role: 'user', content: 'a "quoted" \\ line\n'.repeat(3_000) };
  const bytesOf = (body: unknown) => encoder.encode(typeof body === 'string' ? body : JSON.stringify(body));
  const found = (bytes: Uint8Array) => {
    const result = scanMembers(bytes, ['model', 'stream', 'stream_options']);
    if (!result.ok) return result.why;
    return Object.fromEntries(
      ['model', 'stream', 'stream_options'].map((name) => {
        const member = lastMember(result.members, name);
        return [name, member && memberValue(bytes, member)];
      }),
    );
  };
  const nested = { type: 'object', properties: { model: { type: 'string' }, stream: { type: 'boolean' } } };

  test.each<[string, unknown]>([
    ['the usual order', { model: 'a/b', messages: [padding], stream: true }],
    ['without a stream', { model: 'a/b', messages: [padding] }],
    [
      'a stream before the messages',
      { model: 'a/b', stream: true, stream_options: { x: 1 }, messages: [padding] },
    ],
    ['a tool that has a stream', { model: 'a/b', messages: [padding], tools: [{ stream: 1 }] }],
    ['a tool that has both names', { model: 'a/b', messages: [padding], tools: [nested], stream: true }],
    ['the model last', { messages: [padding], stream: true, model: 'a/b' }],
    ['the name as a value', { model: 'a/b', messages: [padding, 'stream'] }],
    ['a second model', `{"model":"a/b","messages":[${JSON.stringify(padding)}],"model":"c/d"}`],
    [
      'a second model in disguise',
      `{"model":"a/b","messages":[${JSON.stringify(padding)}],"mod\\u0065l":"c/d"}`,
    ],
    ['white space', `\n { "model" : "a/b" ,"messages":[${JSON.stringify(padding)}], "stream" : true } \n`],
  ])('are read as JSON.parse reads them: %s', (_, body) => {
    const bytes = bytesOf(body);
    const { model, stream, stream_options } = JSON.parse(decoder.decode(bytes)) as JsonObject;
    expect(bytes.length).toBeGreaterThan(largeBytesMin);
    expect(found(bytes)).toEqual({ model, stream, stream_options });
  });

  test('that are cut short are refused', () => {
    const whole = JSON.stringify({ model: 'a/b', messages: [padding], stream: true });
    expect(found(encoder.encode(whole.slice(0, -20)))).toContain('not valid');
    expect(found(encoder.encode(whole.slice(0, -1)))).toContain('ends too early');
  });
});

test('a shorter value is written in place, a longer one is not', () => {
  const bytes = encoder.encode('{"model":"up/name","n":1}');
  const result = scanObject(bytes);
  if (!result.ok) throw new Error(result.why);
  expect(overwrite(bytes, result.members[0]!, '"a-much-longer-name"')).toBe(false);
  expect(overwrite(bytes, result.members[0]!, '"name"')).toBe(true);
  expect(decoder.decode(bytes)).toBe('{"model":"name"   ,"n":1}');
});
