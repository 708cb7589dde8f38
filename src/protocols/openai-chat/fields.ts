import { isObject, rest } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { Extras, ProtocolId } from '../../turn/part.ts';
import { refuse } from '../../turn/failure.ts';

/** This protocol's id, and so the key of its extras. */
export const own = 'openai-chat' satisfies ProtocolId;

/** A member that must be a string; `null` and absent are none. Throws the vendor's words otherwise. */
export function stringField(object: JsonObject, key: string, path = key): string | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : wrongType(path, 'a string', value);
}

export function numberField(object: JsonObject, key: string, path = key): number | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'number' ? value : wrongType(path, 'a decimal', value);
}

export function booleanField(object: JsonObject, key: string, path = key): boolean | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'boolean' ? value : wrongType(path, 'a boolean', value);
}

export function objectField(object: JsonObject, key: string, path = key): JsonObject | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return isObject(value) ? value : wrongType(path, 'an object', value);
}

export function arrayField(object: JsonObject, key: string, path = key): Json[] | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value : wrongType(path, 'an array', value);
}

export function wrongType(path: string, expected: string, value: Json): never {
  return refuse(`Invalid type for '${path}': expected ${expected}, but got ${named(value)} instead.`, path, {
    code: 'invalid_type',
  });
}

export function missing(path: string): never {
  return refuse(`Missing required parameter: '${path}'.`, path, { code: 'missing_required_parameter' });
}

/** The members that a decoder did not consume, as this protocol's extras; none when there are none. */
export function leftover(object: JsonObject, known: ReadonlySet<string>): Extras | undefined {
  const left = rest(object, known);
  return left && { [own]: left };
}

/** Puts this protocol's extras back; objects that both sides have are merged, the extras lead. */
export function restore(target: JsonObject, extras: Extras | undefined): JsonObject {
  const left = extras?.[own];
  for (const key in left) {
    const now = target[key];
    const value = left[key];
    target[key] = isObject(now) && isObject(value) ? { ...now, ...value } : value;
  }
  return target;
}

function named(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return `a ${typeof value}`;
}
