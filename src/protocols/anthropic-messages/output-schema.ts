import { isObject, type Json, type JsonObject } from '../../turn/json.ts';

/**
 * A schema for the whole reply as the API compiles it: every object says `additionalProperties: false`, which
 * other vendors ask for only in their strict mode. The same object when nothing is to be changed.
 */
export function closedSchema(schema: JsonObject): JsonObject {
  let out: JsonObject | undefined;
  const set = (key: string, value: Json): void => {
    if (value !== schema[key]) out = { ...(out ?? schema), [key]: value };
  };
  if (schema.type === 'object' || isObject(schema.properties)) {
    if (schema.additionalProperties !== false) set('additionalProperties', false);
  }
  for (const key of ['properties', '$defs', 'definitions'] as const) {
    const members = schema[key];
    if (!isObject(members)) continue;
    const closed = Object.entries(members).map(([name, member]) => [name, closedValue(member)] as const);
    if (closed.some(([name, member]) => member !== members[name])) set(key, Object.fromEntries(closed));
  }
  for (const key of ['items', 'anyOf', 'allOf', 'oneOf'] as const) {
    const value = schema[key];
    if (Array.isArray(value)) {
      const closed = value.map(closedValue);
      if (closed.some((member, i) => member !== value[i])) set(key, closed as Json);
    } else if (isObject(value)) {
      set(key, closedSchema(value));
    }
  }
  return out ?? schema;
}

const closedValue = (value: Json | undefined): Json | undefined =>
  isObject(value) ? closedSchema(value) : value;
