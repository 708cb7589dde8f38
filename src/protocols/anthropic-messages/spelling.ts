import type { JsonObject } from '../../turn/json.ts';

const spellings = new WeakMap<object, JsonObject>();

/**
 * Remembers how a client wrote what the turn says in one way only: `is_error: false`, a `null`, a list where a
 * plain string would do. A request that returns to its own protocol gets its spelling back; to every other
 * protocol it means nothing, which is why it does not stand in `extras`. A copy of the object forgets it, and
 * is then written in the usual way.
 */
export function spell<T extends object>(thing: T, members: JsonObject | undefined): T {
  if (members !== undefined) spellings.set(thing, { ...spellings.get(thing), ...members });
  return thing;
}

/** What `spell` was told about this very object. */
export const spelling = (thing: object): JsonObject | undefined => spellings.get(thing);
