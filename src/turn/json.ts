/** Any JSON value, as `JSON.parse` returns it. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; a missing member reads as `undefined`. */
export type JsonObject = { [key: string]: Json | undefined };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value when it is an object, else `undefined`. */
export const asObject = (value: unknown): JsonObject | undefined => (isObject(value) ? value : undefined);

/** The value when it is a string, else `undefined`. */
export const asString = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** The value when it is a finite number, else `undefined`. */
export const asNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** The value when it is a boolean, else `undefined`. */
export const asBoolean = (value: unknown): boolean | undefined =>
  typeof value === 'boolean' ? value : undefined;

/** The value when it is an array, else an empty one. */
export const asArray = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** The JSON value that a text is, else `undefined`. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** The JSON object that a text or its bytes are, else `undefined`. */
export const parseObject = (text: string | Uint8Array): JsonObject | undefined =>
  asObject(parseJson(typeof text === 'string' ? text : decoder.decode(text)));

const decoder = new TextDecoder();

/**
 * What a table has for a word that came from outside. Every object has `constructor` and its like by birth, and those
 * are no entries.
 */
export const entryOf = <T>(table: Readonly<Record<string, T>>, word: string): T | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined;

/**
 * The members of `object` that are not named in `known`, or `undefined` when there are none.
 * Members that are `undefined` do not count; `null` does.
 */
export function rest(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let left: JsonObject | undefined;
  for (const key in object) {
    if (known.has(key) || object[key] === undefined) continue;
    left ??= {};
    left[key] = object[key];
  }
  return left;
}
