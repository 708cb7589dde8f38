import { describe, expect, test } from 'bun:test';
import { compiledSchema } from '../../../src/protocols/anthropic-messages/output-schema.ts';
import { isObject, type Json, type JsonObject } from '../../../src/turn/json.ts';
import { corpusAvailable, corpusLines, corpusRoot } from '../../support/corpus.ts';

const integer = (more: JsonObject): JsonObject => ({
  type: 'object',
  properties: { n: { type: 'integer', ...more } },
  additionalProperties: false,
});
const inner = (schema: JsonObject): JsonObject =>
  (compiledSchema(schema)!.schema.properties as JsonObject).n as JsonObject;

describe('a schema for the compiler', () => {
  test('one that it takes is left alone', () => {
    const schema = {
      $defs: { place: { type: 'object', properties: {}, additionalProperties: false } },
      type: 'object',
      properties: {
        at: { $ref: '#/$defs/place' },
        when: { type: 'string', format: 'date-time' },
        list: { type: 'array', items: { type: 'string' }, minItems: 1 },
        one: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        word: { enum: ['a', 'b'] },
      },
      required: ['at'],
      additionalProperties: false,
    };
    expect(compiledSchema(schema)).toEqual({ schema, closed: false, moved: [] });
  });

  test('open objects are closed, at every depth', () => {
    const { schema, closed } = compiledSchema({
      type: 'object',
      properties: { n: { type: 'array', items: { type: 'object', properties: {} } } },
    })!;
    expect(closed).toBe(true);
    expect(schema).toMatchObject({
      additionalProperties: false,
      properties: { n: { items: { additionalProperties: false } } },
    });
  });

  test('constraints that it does not enforce are told in the description', () => {
    const { moved } = compiledSchema(integer({ minimum: 1, maximum: 5 }))!;
    expect(moved).toEqual(['minimum', 'maximum']);
    expect(inner(integer({ minimum: 1, maximum: 5 }))).toEqual({
      type: 'integer',
      description: '{minimum: 1, maximum: 5}',
    });
    expect(inner(integer({ description: 'A number', multipleOf: 2 })).description).toBe(
      'A number\n\n{multipleOf: 2}',
    );
  });

  test('formats and lengths of lists only as far as it knows them', () => {
    expect(inner(integer({ type: 'string', format: 'uuid' })).format).toBe('uuid');
    expect(inner(integer({ type: 'string', format: 'phone' })).format).toBeUndefined();
    expect(inner(integer({ type: 'array', minItems: 2 })).minItems).toBeUndefined();
  });

  test('one of several is any of them', () => {
    expect(inner(integer({ oneOf: [{ type: 'string' }] }))).toHaveProperty('anyOf');
  });

  test('properties may be called as keywords are', () => {
    const { schema, moved } = compiledSchema({
      type: 'object',
      properties: { minimum: { type: 'string' }, oneOf: { type: 'string' } },
      additionalProperties: false,
    })!;
    expect(moved).toEqual([]);
    expect(Object.keys(schema.properties as JsonObject)).toEqual(['minimum', 'oneOf']);
  });

  test('what refers to itself, to nothing or to elsewhere cannot be compiled', () => {
    const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } };
    expect(compiledSchema({ $defs: { node }, $ref: '#/$defs/node' })).toBeUndefined();
    expect(compiledSchema({ type: 'object', properties: { n: { $ref: '#' } } })).toBeUndefined();
    expect(compiledSchema({ $ref: '#/$defs/gone' })).toBeUndefined();
    expect(compiledSchema({ $ref: 'https://a.example/schema.json' })).toBeUndefined();
  });

  test('the same definition may be used twice', () => {
    const place = { type: 'object', properties: {}, additionalProperties: false };
    const at = { $ref: '#/$defs/place' };
    expect(compiledSchema({ $defs: { place }, type: 'object', properties: { a: at, b: at } })).toBeDefined();
  });
});

interface Verdict {
  readonly case: string;
  readonly status: number;
  readonly tools: readonly { readonly input_schema: Json }[];
}

/** Keywords in a schema, those of properties' names left out. */
function keywords(value: Json | undefined, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const one of value) keywords(one, found);
  if (!isObject(value)) return found;
  for (const [key, inside] of Object.entries(value)) {
    found.add(key);
    const named = key === 'properties' || key === '$defs' || key === 'definitions';
    for (const one of named && isObject(inside) ? Object.values(inside) : [inside]) keywords(one, found);
  }
  return found;
}

(corpusAvailable ? describe : describe.skip)(`recorded verdicts of the compiler (${corpusRoot})`, () => {
  const verdicts = corpusAvailable
    ? (corpusLines('tool-schemas/anthropic-strict-verdicts.schemas.jsonl') as Verdict[])
    : [];

  test('what it took is left as it was', () => {
    const changed = verdicts.filter(
      ({ status, tools }) =>
        status === 200 &&
        tools.some(({ input_schema: schema }) => {
          const compiled = compiledSchema(schema as JsonObject);
          return compiled === undefined || compiled.moved.length > 0 || compiled.closed;
        }),
    );
    expect(changed.map((verdict) => verdict.case)).toEqual([]);
  });

  test('what it found to go in circles is not sent', () => {
    const circles = verdicts.filter((verdict) => /recursive|cyclic/.test(verdict.case));
    expect(circles.length).toBeGreaterThan(0);
    for (const { tools } of circles)
      expect(compiledSchema(tools[0]!.input_schema as JsonObject)).toBeUndefined();
  });

  test('no schema comes out with a keyword that it never took', () => {
    const taken = new Set(
      verdicts
        .filter(({ status }) => status === 200)
        .flatMap(({ tools }) => tools.flatMap(({ input_schema: schema }) => [...keywords(schema)])),
    );
    const suite = corpusLines('tool-schemas/json-schema-draft2020-12.schemas.jsonl') as { schema: Json }[];
    const odd = new Set<string>();
    for (const { schema } of suite) {
      if (!isObject(schema)) continue;
      for (const key of keywords(compiledSchema(schema)?.schema)) if (!taken.has(key)) odd.add(key);
    }
    expect([...odd].filter((key) => key !== '$schema' && key !== 'default').sort()).toEqual([]);
  });
});
