import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/turn/json.ts';

/** Words of any script, never empty. */
export const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });

/** A name that every protocol takes as it is. */
export const toolName = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/);

export const callId = (prefix: string): fc.Arbitrary<string> =>
  fc.stringMatching(/^[A-Za-z0-9]{6,12}$/).map((random) => `${prefix}${random}`);

export const base64 = fc
  .uint8Array({ minLength: 3, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString('base64'));

/** JSON without what JSON text cannot hold: `-0` comes back as `0`. */
export const json: fc.Arbitrary<Json> = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json)
  .filter((value) => !JSON.stringify(value).includes('__proto__'));

export const jsonObject: fc.Arbitrary<JsonObject> = fc
  .dictionary(toolName, json, { maxKeys: 3 })
  .map((value) => ({ ...value }));

/** The schema of a tool's arguments. */
export const schema: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    toolName,
    fc.constantFrom<JsonObject>({ type: 'string' }, { type: 'integer' }, { enum: ['a'] }),
    {
      minKeys: 1,
      maxKeys: 3,
    },
  )
  .map((properties) => ({
    type: 'object',
    properties: { ...properties },
    required: [Object.keys(properties)[0]!],
    additionalProperties: false,
  }));

/** Members that no protocol knows, in a spelling that every protocol leaves as it is. */
export const unknown: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .dictionary(
        toolName.map((name) => `x${name.replaceAll('_', '')}`),
        json.filter((value) => value !== null),
        { maxKeys: 2 },
      )
      .map((value) => ({ ...value })),
  },
);

/** An object with these members; those in `may` are there or not. */
export function members(
  must: Readonly<Record<string, fc.Arbitrary<Json>>>,
  may: Readonly<Record<string, fc.Arbitrary<Json>>> = {},
): fc.Arbitrary<JsonObject> {
  return fc
    .record({ ...must, ...may }, { requiredKeys: Object.keys(must) })
    .map((value) => ({ ...value }) as JsonObject);
}

/** The same with members that no protocol knows. */
export const open = (object: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> =>
  fc.tuple(object, unknown).map(([known, more]) => ({ ...known, ...more }));

export const list = (of: fc.Arbitrary<Json>, most = 3, least = 1): fc.Arbitrary<Json[]> =>
  fc.array(of, { minLength: least, maxLength: most });

export const word = <T extends string>(...words: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...words);

export const fixed = <T extends Json>(value: T): fc.Arbitrary<T> => fc.constant(value);

export const number = (least: number, most: number): fc.Arbitrary<number> =>
  fc.integer({ min: least * 4, max: most * 4 }).map((quarters) => quarters / 4);

/** Tools with names of their own. */
export const tools = (
  tool: fc.Arbitrary<JsonObject>,
  nameOf: (tool: JsonObject) => Json,
): fc.Arbitrary<JsonObject[]> => fc.uniqueArray(tool, { maxLength: 3, selector: nameOf });
