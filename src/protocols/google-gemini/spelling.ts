import type { JsonObject } from '../../turn/json.ts';

const spellings = new WeakMap<object, JsonObject>();

/**
 * Remembers how a client wrote what the turn says in one way only: a schema in the OpenAPI subset, the object in
 * which a tool's output stood, arguments that were left out. A request that returns to its own protocol gets its
 * spelling back; to every other protocol it means nothing. A copy of the object forgets it.
 */
export function spell<T extends object>(thing: T, members: JsonObject): T {
  spellings.set(thing, { ...spellings.get(thing), ...members });
  return thing;
}

/** What `spell` was told about this very object. */
export const spelling = (thing: object): JsonObject | undefined => spellings.get(thing);
