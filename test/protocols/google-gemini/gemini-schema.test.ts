import { describe, expect, test } from 'bun:test';
import { geminiParameters, geminiSchema } from '../../../src/protocols/google-gemini/gemini-schema.ts';
import { jsonSchemaOf } from '../../../src/protocols/google-gemini/open-api-schema.ts';
import { isObject, type Json, type JsonObject } from '../../../src/turn/json.ts';
import { corpusAvailable, corpusLines } from '../../support/corpus.ts';

const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
});

/** What becomes of the schema of one property. */
const property = (schema: Json): { schema: unknown; changes: string[] } => {
  const { schema: out, changes } = geminiSchema(object({ p: schema }));
  return {
    schema: (out.properties as JsonObject).p,
    changes: changes.map(({ name, detail }) => (detail === undefined ? name : `${name}: ${detail}`)),
  };
};

describe('a schema for Gemini', () => {
  test('that needs nothing stays as it is', () => {
    const schema = object(
      {
        a: { type: ['string', 'null'], description: 'A', enum: ['x', 'y'], default: 'x' },
        b: { type: 'array', items: { type: 'integer', minimum: 1, maximum: 9 }, minItems: 1 },
        c: { anyOf: [{ type: 'string', pattern: '^a', maxLength: 3 }, { type: 'number' }] },
        d: { type: 'string', format: 'date-time' },
      },
      { required: ['a'], additionalProperties: false, title: 'T' },
    );
    expect(geminiSchema(schema)).toEqual({ schema, changes: [] });
    expect(geminiParameters(schema)).toEqual({ schema, changes: [] });
  });

  test.each<[string, Json, Json, string[]]>([
    ['a constant', { const: 'x' }, { type: 'string', enum: ['x'] }, []],
    ['a constant number', { type: 'integer', const: 3 }, { type: 'integer', enum: [3] }, []],
    ['a constant truth value', { const: true }, { type: 'boolean' }, ['keyword: const']],
    ['both truth values', { enum: [true, false] }, { type: 'boolean' }, []],
    ['null among the values', { enum: ['a', null] }, { type: ['string', 'null'], enum: ['a'] }, []],
    [
      'an empty value',
      { type: 'string', enum: ['', 'a'] },
      { type: 'string', enum: ['a'] },
      ['keyword: some values of enum'],
    ],
    [
      'an exclusive bound of whole numbers',
      { type: 'integer', exclusiveMinimum: 0 },
      { type: 'integer', minimum: 1 },
      [],
    ],
    [
      'an exclusive bound',
      { type: 'number', exclusiveMaximum: 1, maximum: 5 },
      { type: 'number', maximum: 1 },
      ['keyword: exclusiveMaximum'],
    ],
    [
      'several types',
      { type: ['string', 'array'] },
      { anyOf: [{ type: 'string' }, { type: 'array', items: {} }] },
      [],
    ],
    ['one type in a list', { type: ['string'] }, { type: 'string' }, []],
    ['an array of anything', { type: 'array' }, { type: 'array', items: {} }, []],
    [
      'a tuple',
      { type: 'array', items: [{ type: 'string' }, true] },
      { type: 'array', prefixItems: [{ type: 'string' }, {}] },
      [],
    ],
    ['anything', true, {}, []],
    ['an unknown format', { type: 'string', format: 'uri' }, { type: 'string' }, ['format: uri']],
    [
      'unknown keywords',
      { type: 'array', items: {}, uniqueItems: true, contains: {} },
      { type: 'array', items: {} },
      ['keyword: uniqueItems', 'keyword: contains'],
    ],
    ['remarks', { type: 'string', $comment: 'c', examples: ['a'], deprecated: true }, { type: 'string' }, []],
    [
      'all of several',
      {
        allOf: [
          object({ a: { type: 'string' } }, { required: ['a'] }),
          object({ b: {} }, { required: ['b'] }),
        ],
      },
      object({ a: { type: 'string' }, b: {} }, { required: ['a', 'b'] }),
      [],
    ],
    [
      'required members that are not described',
      object({ a: {} }, { required: ['a', 'b'] }),
      object({ a: {} }, { required: ['a'] }),
      ['keyword: required members that are not described'],
    ],
    [
      'a property that is forbidden',
      object({ a: false, b: true }),
      object({ b: {} }),
      ['keyword: the property a that is false'],
    ],
    [
      'all of several beside what is forbidden',
      { allOf: [object({ a: {} })], additionalProperties: false },
      object({ a: {} }, { additionalProperties: false }),
      ['keyword: additionalProperties beside allOf'],
    ],
    [
      'a reference to nowhere',
      { $ref: '#/$defs/none', description: 'D' },
      { description: 'D' },
      ['keyword: $ref #/$defs/none'],
    ],
  ])('%s', (_, given, expected, changes) => {
    expect(property(given)).toEqual({ schema: expected, changes });
  });

  test('references are written out, with what stands beside them', () => {
    const schema = object(
      { a: { $ref: '#/$defs/A', description: 'mine' }, b: { $ref: '#/definitions/B~1x' } },
      {
        $defs: { A: { type: 'string', description: 'theirs' } },
        definitions: { 'B/x': { $ref: '#/$defs/A' } },
      },
    );
    expect(geminiSchema(schema)).toEqual({
      schema: object({
        a: { type: 'string', description: 'mine' },
        b: { type: 'string', description: 'theirs' },
      }),
      changes: [],
    });
  });

  test('a schema that refers to itself is ended there', () => {
    const node: JsonObject = object({
      name: { type: 'string' },
      children: { type: 'array', items: { $ref: '#/$defs/node' } },
    });
    const { schema, changes } = geminiSchema({ $ref: '#/$defs/node', $defs: { node } });
    expect(schema).toEqual(
      object({ name: { type: 'string' }, children: { type: 'array', items: { type: 'object' } } }),
    );
    expect(changes).toEqual([{ name: 'recursion', detail: '#/$defs/node' }]);
  });

  test.each<[string, JsonObject]>([
    ['at once', { $ref: '#' }],
    ['by all of itself', { $defs: { a: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' }],
    [
      'through another',
      {
        $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } },
        properties: { x: { $ref: '#/$defs/a' } },
      },
    ],
    [
      'through all of another',
      {
        $defs: { a: { allOf: [{ $ref: '#/$defs/b' }] }, b: { properties: { n: { $ref: '#/$defs/a' } } } },
        allOf: [{ $ref: '#/$defs/a' }],
      },
    ],
  ])('one that refers to itself %s comes to an end', (_, schema) => {
    expect(geminiSchema(schema).changes.length).toBeGreaterThan(0);
  });

  test('one that doubles with every reference is cut off', () => {
    const $defs: JsonObject = {};
    for (let i = 0; i < 40; i++) {
      const next = { $ref: `#/$defs/d${i + 1}` };
      $defs[`d${i}`] = object({ a: next, b: next });
    }
    $defs.d40 = { type: 'string' };
    const { schema, changes } = geminiSchema({ $ref: '#/$defs/d0', $defs });
    expect(changes).toEqual([{ name: 'size' }]);
    expect(JSON.stringify(schema).length).toBeLessThan(3_000_000);
  });

  test.each<[string, JsonObject]>([
    ['no schema', {}],
    ['an object of nothing', object({})],
    ['an object of anything that is not said', { type: 'object' }],
  ])('a function of %s has no parameters', (_, schema) => {
    expect(geminiParameters(schema).schema).toBeUndefined();
  });

  test.each<JsonObject>([{ minProperties: 1 }, { required: ['a'] }])(
    'what is asked of arguments that are not described is lost, and said to be: %p',
    (schema) => {
      const { schema: out, changes } = geminiParameters(schema);
      expect(out).toBeUndefined();
      expect(changes).toHaveLength(1);
    },
  );

  test('the branches of a function’s arguments are put together', () => {
    const { schema, changes } = geminiParameters({ anyOf: [object({ a: {} }), object({ b: {} })] });
    expect(schema).toEqual(object({ a: {}, b: {} }));
    expect(changes).toEqual([{ name: 'union' }]);
  });

  test.skipIf(!corpusAvailable)('recorded schemas come to an end and have known keywords alone', () => {
    const known = new Set(
      'type title description enum items prefixItems minItems maxItems minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering default pattern minLength maxLength minProperties maxProperties nullable format'.split(
        ' ',
      ),
    );
    const unknown = (schema: Json | undefined): string[] => {
      if (!isObject(schema)) return [];
      const inner = [
        schema.items,
        schema.additionalProperties,
        ...['prefixItems', 'anyOf', 'oneOf'].flatMap((key) => (schema[key] ?? []) as Json[]),
        ...Object.values((schema.properties ?? {}) as JsonObject),
      ];
      return [...Object.keys(schema).filter((key) => !known.has(key)), ...inner.flatMap(unknown)];
    };
    let count = 0;
    for (const file of new Bun.Glob('tool-schemas/*.jsonl').scanSync({
      cwd: `${process.env['DRAGOMAN_CORPUS'] ?? '../shared'}/fixtures`,
    })) {
      for (const line of corpusLines(file)) {
        const found = [
          (line as JsonObject).schema,
          (line as JsonObject).parameters,
          (line as JsonObject).input_schema,
          line,
        ].find(isObject)!;
        expect(unknown(geminiSchema(found as JsonObject).schema)).toEqual([]);
        count++;
      }
    }
    expect(count).toBeGreaterThan(10);
  });
});

describe('a schema in the API’s own dialect', () => {
  test('is read as JSON Schema', () => {
    expect(
      jsonSchemaOf({
        type: 'OBJECT',
        properties: {
          a: { type: 'STRING', nullable: true, enum: ['x'], format: 'enum' },
          b: { type: 'ARRAY', min_items: '1', items: { type: 'INTEGER', format: 'int32' } },
          c: { anyOf: [{ type: 'BOOLEAN' }], nullable: true, example: true },
        },
        required: ['a'],
        propertyOrdering: ['a', 'b'],
      }),
    ).toEqual({
      type: 'object',
      properties: {
        a: { type: ['string', 'null'], enum: ['x', null] },
        b: { type: 'array', minItems: 1, items: { type: 'integer', format: 'int32' } },
        c: { anyOf: [{ type: 'boolean' }, { type: 'null' }], examples: [true] },
      },
      required: ['a'],
      propertyOrdering: ['a', 'b'],
    });
  });
});
