import { asArray, isObject, type Json, type JsonObject } from '../../turn/json.ts';

/** A schema as the API compiles it, and what was changed for that. */
export interface CompiledSchema {
  readonly schema: JsonObject;
  /** An object did not say that it is closed. */
  readonly closed: boolean;
  /** Constraints that the compiler refuses; they stand in the descriptions now. */
  readonly moved: readonly string[];
}

/**
 * A schema for the whole reply as the API compiles it: every object is closed, and of the keywords that narrow a
 * value only those are left that it can enforce; the others are told in the description. Nothing for one that
 * refers to itself or to another document, which cannot be compiled. Facts: the vendor's own SDK
 * (`transformJSONSchema`) and the recorded verdicts of its compiler.
 */
export function compiledSchema(schema: JsonObject): CompiledSchema | undefined {
  if (!resolves(schema)) return undefined;
  const state = { closed: false, moved: new Set<string>() };
  return { schema: compile(schema, state), closed: state.closed, moved: [...state.moved] };
}

interface State {
  closed: boolean;
  readonly moved: Set<string>;
}

/** Keywords that go up as they are; those with schemas inside are compiled further. */
const plain: ReadonlySet<string> = new Set([
  'type',
  'title',
  'description',
  'enum',
  'const',
  'required',
  '$ref',
  '$schema',
  'default',
]);
const maps: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions']);
const lists: ReadonlySet<string> = new Set(['anyOf', 'allOf', 'oneOf']);

/** Formats that the compiler knows. */
const formats: ReadonlySet<unknown> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);

function compile(schema: JsonObject, state: State): JsonObject {
  const out: JsonObject = {};
  const told: string[] = [];
  for (const key in schema) {
    const value = schema[key];
    if (value === undefined || key === 'additionalProperties') continue;
    if (plain.has(key)) out[key] = value;
    else if (maps.has(key) && isObject(value)) out[key] = compileMap(value, state);
    // One of several is the same to the compiler as any of them.
    else if (lists.has(key) && Array.isArray(value)) {
      out[key === 'oneOf' ? 'anyOf' : key] = value.map((inner) => compileValue(inner, state)) as Json[];
    } else if (key === 'items' && isObject(value)) out[key] = compile(value, state);
    else if (
      (key === 'minItems' && (value === 0 || value === 1)) ||
      (key === 'format' && formats.has(value))
    ) {
      out[key] = value;
    } else {
      told.push(`${key}: ${JSON.stringify(value)}`);
      state.moved.add(key);
    }
  }
  if (schema.type === 'object' || isObject(schema.properties)) {
    if (schema.additionalProperties !== false) state.closed = true;
    out.additionalProperties = false;
  }
  if (told.length > 0) {
    const said = typeof out.description === 'string' ? `${out.description}\n\n` : '';
    out.description = `${said}{${told.join(', ')}}`;
  }
  return out;
}

const compileMap = (members: JsonObject, state: State): JsonObject =>
  Object.fromEntries(Object.entries(members).map(([name, inner]) => [name, compileValue(inner, state)]));

const compileValue = (value: Json | undefined, state: State): Json | undefined =>
  isObject(value) ? compile(value, state) : value;

/** Whether all references lead to definitions of this schema and none comes back to itself. */
function resolves(schema: JsonObject): boolean {
  const open = new Set<string>();
  const done = new Set<string>();
  const visit = (value: Json | undefined): boolean => {
    if (Array.isArray(value)) return value.every(visit);
    if (!isObject(value)) return true;
    const ref = value.$ref;
    if (typeof ref === 'string' && !follow(ref)) return false;
    return Object.values(value).every(visit);
  };
  const follow = (ref: string): boolean => {
    if (done.has(ref)) return true;
    if (open.has(ref)) return false;
    const target = pointed(schema, ref);
    if (target === undefined) return false;
    open.add(ref);
    const fine = visit(target);
    open.delete(ref);
    done.add(ref);
    return fine;
  };
  return visit(schema);
}

/** What a local reference such as `#/$defs/Node` stands for; `#` is the whole, which holds the reference itself. */
function pointed(schema: JsonObject, ref: string): Json | undefined {
  if (!ref.startsWith('#/')) return undefined;
  let at: Json | undefined = schema;
  for (const step of ref.slice(2).split('/')) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    at = Array.isArray(at) ? asArray(at)[Number(name)] : isObject(at) ? at[name] : undefined;
  }
  return at;
}
