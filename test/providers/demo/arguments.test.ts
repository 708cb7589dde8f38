import { describe, expect, test } from 'bun:test';
import { sampleArguments } from '../../../src/providers/demo/arguments.ts';
import type { JsonObject } from '../../../src/turn/json.ts';

const object = (properties: JsonObject, required = Object.keys(properties)): JsonObject => ({
  type: 'object',
  properties,
  required,
});

describe('arguments for a tool', () => {
  test('only what is required, words of the user first', () => {
    const schema = object({ city: { type: 'string' }, days: { type: 'integer' }, note: { type: 'string' } }, [
      'city',
      'days',
    ]);
    expect(sampleArguments(schema, ['Oslo', 'unused'])).toEqual({ city: 'Oslo', days: 1 });
  });

  test.each<[string, JsonObject, unknown]>([
    ['an enum', { enum: ['b', 'c'] }, 'b'],
    ['a constant', { const: 7 }, 7],
    ['a default', { type: 'string', default: 'd' }, 'd'],
    ['bounds', { type: 'number', minimum: 5, maximum: 9 }, 5],
    ['exclusive bounds', { type: 'integer', exclusiveMinimum: 5 }, 6],
    ['multiples', { type: 'integer', multipleOf: 4, minimum: 5 }, 8],
    ['a least length', { type: 'string', minLength: 10 }, 'example...'],
    ['a format', { type: 'string', format: 'date' }, '2026-01-01'],
    ['a list with a least size', { type: 'array', items: { type: 'boolean' }, minItems: 2 }, [true, true]],
    ['a choice', { anyOf: [{ type: 'null' }, { type: 'string' }] }, null],
    ['several types', { type: ['string', 'null'] }, 'example'],
    ['no rule at all', {}, 'example'],
  ])('keeps to %s', (_, schema, expected) => {
    expect(sampleArguments(object({ value: schema }), [])).toEqual({ value: expected as never });
  });

  test('follows references, and recursion ends', () => {
    const schema: JsonObject = {
      ...object({ tree: { $ref: '#/$defs/node' } }),
      $defs: { node: object({ name: { type: 'string' }, next: { $ref: '#/$defs/node' } }) },
    };
    expect(sampleArguments(schema, ['root'])).toMatchObject({
      tree: { name: 'root', next: { name: 'example' } },
    });
  });

  test('joins allOf', () => {
    const schema = { allOf: [object({ a: { type: 'string' } }), object({ b: { type: 'integer' } })] };
    expect(sampleArguments(schema, [])).toEqual({ a: 'example', b: 1 });
  });
});
