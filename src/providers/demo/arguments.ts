import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';

/** Nesting at which optional members and array entries are no longer filled in, so that recursion ends. */
const depthMax = 6;

/**
 * A value that is valid for a JSON Schema: required members only, the first of any choice. Strings without a
 * stricter rule take the next of `words`; the first word answers the first such string.
 *
 * @example
 * sampleArguments({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }, ['Oslo']);
 * // { city: 'Oslo' }
 */
export function sampleArguments(schema: JsonObject, words: readonly string[]): JsonObject {
  const left = [...words];
  const value = sample(schema, { root: schema, words: left, name: '' }, 0);
  return isObject(value) ? value : {};
}

interface Scope {
  readonly root: JsonObject;
  readonly words: string[];
  readonly name: string;
}

function sample(schema: Json | undefined, scope: Scope, depth: number): Json {
  if (!isObject(schema)) return scope.words.shift() ?? 'example';
  if (schema.const !== undefined) return schema.const;
  const fixed = asArray(schema.enum)[0] ?? schema.default ?? asArray(schema.examples)[0];
  if (fixed !== undefined && scope.words.length === 0) return fixed;
  if (asArray(schema.enum).length > 0) return asArray(schema.enum)[0]!;
  if (typeof schema.$ref === 'string') return sample(resolve(schema.$ref, scope.root), scope, depth + 1);
  const choice = asArray(schema.anyOf)[0] ?? asArray(schema.oneOf)[0];
  if (choice !== undefined) return sample(choice, scope, depth + 1);
  if (Array.isArray(schema.allOf)) return sample(merge(schema), scope, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return text(schema, scope);
    case 'integer':
    case 'number':
      return number(schema, type === 'integer');
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array': {
      const count = depth > depthMax ? 0 : (asNumber(schema.minItems) ?? 0);
      return Array.from({ length: count }, () => sample(schema.items, scope, depth + 1));
    }
    default:
      return schema.type === undefined && !isObject(schema.properties)
        ? (scope.words.shift() ?? 'example')
        : object(schema, scope, depth);
  }
}

function object(schema: JsonObject, scope: Scope, depth: number): JsonObject {
  const properties = asObject(schema.properties) ?? {};
  const out: JsonObject = {};
  if (depth > depthMax) return out;
  for (const name of asArray(schema.required)) {
    if (typeof name === 'string') out[name] = sample(properties[name], { ...scope, name }, depth + 1);
  }
  return out;
}

/** Harmless values for arguments whose names tell what they are for. */
const byName: Record<string, string> = {
  command: 'echo hello from dragoman',
  cmd: 'echo hello from dragoman',
  url: 'http://127.0.0.1/',
};

const byFormat: Record<string, string> = {
  date: '2026-01-01',
  'date-time': '2026-01-01T00:00:00Z',
  time: '00:00:00Z',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function text(schema: JsonObject, scope: Scope): string {
  const format = byFormat[asString(schema.format) ?? ''];
  const value = format ?? scope.words.shift() ?? byName[scope.name] ?? 'example';
  const least = asNumber(schema.minLength) ?? 0;
  const most = asNumber(schema.maxLength) ?? Infinity;
  return value.padEnd(least, '.').slice(0, most);
}

function number(schema: JsonObject, whole: boolean): number {
  const step = asNumber(schema.multipleOf) ?? (whole ? 1 : undefined);
  const above = asNumber(schema.exclusiveMinimum);
  const least = asNumber(schema.minimum) ?? (above === undefined ? undefined : above + (step ?? 1e-3));
  const below = asNumber(schema.exclusiveMaximum);
  const most = asNumber(schema.maximum) ?? (below === undefined ? undefined : below - (step ?? 1e-3));
  const near = Math.min(Math.max(1, least ?? 1), most ?? Infinity);
  if (step === undefined) return near;
  const rounded = Math.ceil(near / step) * step;
  return most !== undefined && rounded > most ? Math.floor(most / step) * step : rounded;
}

/** Follows a reference within the schema, such as `#/$defs/Node`. */
function resolve(ref: string, root: JsonObject): Json | undefined {
  if (!ref.startsWith('#')) return undefined;
  let at: Json | undefined = root;
  for (const step of ref.slice(1).split('/').filter(Boolean)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    at = Array.isArray(at) ? at[Number(key)] : asObject(at)?.[key];
  }
  return at;
}

/** The members of `allOf` laid over each other; their properties and required names are joined. */
function merge(schema: JsonObject): JsonObject {
  const { allOf, ...own } = schema;
  let out: JsonObject = own;
  for (const part of asArray(allOf)) {
    if (!isObject(part)) continue;
    out = {
      ...out,
      ...part,
      properties: { ...asObject(out.properties), ...asObject(part.properties) },
      required: [...asArray(out.required), ...asArray(part.required)],
    };
  }
  return out;
}
