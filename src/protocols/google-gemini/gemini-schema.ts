import { asArray, asNumber, isObject, type Json, type JsonObject } from '../../turn/json.ts';

/**
 * What was done to a schema: a keyword or a format was left out, recursion was ended, the branches of a union were
 * put together, another type became that of an object, or what is too large was cut off.
 */
export interface SchemaChange {
  readonly name: 'keyword' | 'format' | 'recursion' | 'union' | 'object' | 'size';
  readonly detail?: string;
}

const words = (text: string): ReadonlySet<unknown> => new Set(text.split(' '));

/**
 * Keywords that stay as they are. The API's documents list those of `responseJsonSchema` and
 * `parametersJsonSchema`; those from `default` on are members of its own `Schema`, into which both are read.
 */
const kept = words(
  'type title description minItems maxItems minimum maximum propertyOrdering' +
    ' default pattern minLength maxLength minProperties maxProperties nullable',
);

/** Keywords that say nothing about a value. */
const silent = words(
  '$schema $id $anchor $comment $vocabulary $dynamicAnchor' +
    ' $defs definitions id examples deprecated readOnly writeOnly',
);

const bounds = words('minimum maximum');

/** Formats that the API knows; others are refused. */
const formats = words('date-time date time int32 int64 float double');

/** A schema of more nodes, each reference counted with all behind it, is cut off. */
const nodesMax = 20_000;

/**
 * Reduces a JSON Schema to what the API takes: references are written out and recursion is ended, `const` is an
 * `enum` of one, `allOf` is put together, exclusive bounds become inclusive ones, and what else is not known there
 * is left out. A schema that needs none of it stays as it is.
 */
export function geminiSchema(schema: JsonObject): { schema: JsonObject; changes: SchemaChange[] } {
  const reducer = new Reducer(schema);
  return { schema: reducer.reduce(schema), changes: reducer.changes };
}

/**
 * The same for the arguments of a function, which must be an object; nothing where it has no members, since the API
 * refuses an object without any.
 */
export function geminiParameters(schema: JsonObject): { schema?: JsonObject; changes: SchemaChange[] } {
  const { schema: reduced, changes } = geminiSchema(schema);
  const { anyOf, oneOf, ...out } = reduced;
  const branches = [...asArray(anyOf), ...asArray(oneOf)].filter(isObject);
  if (branches.length > 0) {
    changes.push({ name: 'union' });
    const properties: JsonObject = { ...(out.properties as JsonObject | undefined) };
    for (const branch of branches)
      if (isObject(branch.properties)) Object.assign(properties, branch.properties);
    out.properties = properties;
  }
  const isOpen = out.additionalProperties === true || isObject(out.additionalProperties);
  const isEmpty = !isObject(out.properties) || Object.keys(out.properties).length === 0;
  if (isEmpty && !isOpen) {
    if (out.minProperties !== undefined) changes.push({ name: 'keyword', detail: 'minProperties' });
    return { changes };
  }
  if (out.type === 'object') return { schema: out, changes };
  if (out.type !== undefined) changes.push({ name: 'object' });
  return { schema: { ...out, type: 'object' }, changes };
}

class Reducer {
  readonly changes: SchemaChange[] = [];
  readonly #root: JsonObject;
  readonly #stack: string[] = [];
  #nodes = 0;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  reduce(schema: JsonObject): JsonObject {
    if (++this.#nodes > nodesMax) {
      if (this.#nodes === nodesMax + 1) this.#change('size');
      return {};
    }
    if (typeof schema.$ref === 'string') return this.#followed(schema.$ref, schema);
    if (Array.isArray(schema.allOf)) return this.reduce(this.#together(schema));
    const out: JsonObject = {};
    for (const key in schema) {
      const value = schema[key];
      if (value !== undefined) this.#keyword(key, value, schema, out);
    }
    settleType(out);
    if (settleRequired(out)) this.#change('keyword', 'required members that are not described');
    return out;
  }

  #keyword(key: string, value: Json, schema: JsonObject, out: JsonObject): void {
    switch (key) {
      case 'properties':
        if (isObject(value)) out.properties = this.#properties(value);
        return;
      case 'items':
        if (Array.isArray(value)) out.prefixItems = this.#list(value);
        else if (isObject(value)) out.items = this.reduce(value);
        return;
      case 'prefixItems':
      case 'anyOf':
      case 'oneOf':
        out[key] = this.#list(asArray(value));
        return;
      case 'additionalProperties':
        out[key] = isObject(value) ? this.reduce(value) : value;
        return;
      case 'required':
        out.required = value;
        return;
      case 'const':
        this.#enum([value], 'const', out);
        return;
      case 'enum':
        this.#enum(asArray(value), 'enum', out);
        return;
      case 'exclusiveMinimum':
      case 'exclusiveMaximum':
        this.#bound(key, value, schema, out);
        return;
      case 'format':
        if (formats.has(value)) out.format = value;
        else this.#change('format', String(value));
        return;
      default:
        // A bound may stand there already: the exclusive one beside it says more.
        if (kept.has(key)) out[key] = bounds.has(key) ? (out[key] ?? value) : value;
        else if (!silent.has(key)) this.#change('keyword', key);
    }
  }

  #properties(properties: JsonObject): JsonObject {
    const out: JsonObject = {};
    for (const name in properties) {
      const value = properties[name];
      if (value !== false) out[name] = isObject(value) ? this.reduce(value) : {};
      else this.#change('keyword', `the property ${name} that is false`);
    }
    return out;
  }

  #list(schemas: readonly Json[]): Json[] {
    return schemas.filter((one) => one !== false).map((one) => (isObject(one) ? this.reduce(one) : {}));
  }

  /** Values are strings that are not empty, or numbers; `null` is a type. */
  #enum(values: readonly Json[], key: 'const' | 'enum', out: JsonObject): void {
    const usable = values.filter(
      (value) => (typeof value === 'string' && value !== '') || typeof value === 'number',
    );
    const rest = values.filter((value) => value !== null && !usable.includes(value));
    if (rest.length > 0) {
      const isBoolean = rest.every((value) => typeof value === 'boolean');
      if (isBoolean && usable.length === 0) out.type ??= 'boolean';
      // Both truth values are what the type says.
      if (!isBoolean || rest.length < 2)
        this.#change('keyword', key === 'const' ? 'const' : 'some values of enum');
      // A list with a value that cannot be written would forbid that value.
      if (!rest.every((value) => value === '')) return;
    }
    if (usable.length > 0) out.enum = usable;
    if (values.includes(null)) out.type = withNull(out.type, usable);
  }

  #bound(
    key: 'exclusiveMinimum' | 'exclusiveMaximum',
    value: Json,
    schema: JsonObject,
    out: JsonObject,
  ): void {
    const isLow = key === 'exclusiveMinimum';
    const inclusive = isLow ? 'minimum' : 'maximum';
    const bound = asNumber(value);
    if (bound === undefined) {
      if (value !== false) this.#change('keyword', key);
      return;
    }
    const isWhole = schema.type === 'integer' && Number.isInteger(bound);
    if (!isWhole) this.#change('keyword', key);
    const fit = isWhole ? bound + (isLow ? 1 : -1) : bound;
    const other = asNumber(schema[inclusive]);
    out[inclusive] = other === undefined ? fit : isLow ? Math.max(other, fit) : Math.min(other, fit);
  }

  /** The schema that a reference means, with what stands beside the reference. */
  #followed(ref: string, { $ref: _ref, ...beside }: JsonObject): JsonObject {
    const found = pointed(this.#root, ref);
    if (found === undefined) {
      this.#change('keyword', `$ref ${ref}`);
      return this.reduce(beside);
    }
    if (this.#stack.includes(ref)) {
      this.#change('recursion', ref);
      const end: JsonObject = {};
      for (const key of ['type', 'title', 'description']) {
        const value = beside[key] ?? found[key];
        if (typeof value === 'string') end[key] = value;
      }
      if (end.type === 'array') end.items = {};
      return end;
    }
    this.#stack.push(ref);
    const out = this.reduce({ ...found, ...beside });
    this.#stack.pop();
    return out;
  }

  /** All of several schemas as one: their properties side by side, of any other keyword the first. */
  #together({ allOf, ...schema }: JsonObject): JsonObject {
    const out: JsonObject = { ...schema };
    const closes = schema.additionalProperties;
    // Beside a list of schemas it is about the properties that are described beside it alone.
    if (closes !== undefined && closes !== true) this.#change('keyword', 'additionalProperties beside allOf');
    for (const branch of asArray(allOf)) {
      if (!isObject(branch)) continue;
      const one = typeof branch.$ref === 'string' ? this.#shallow(branch) : branch;
      if (one === undefined) continue;
      const { properties, required, ...members } = Array.isArray(one.allOf) ? this.#together(one) : one;
      if (isObject(properties))
        out.properties = { ...(out.properties as JsonObject | undefined), ...properties };
      if (Array.isArray(required)) out.required = [...new Set([...asArray(out.required), ...required])];
      for (const key in members) {
        if (out[key] === undefined) out[key] = members[key];
        else if (
          JSON.stringify(out[key]) !== JSON.stringify(members[key]) &&
          !silent.has(key) &&
          key !== 'description'
        ) {
          this.#change('keyword', `allOf with two of ${key}`);
        }
      }
    }
    return out;
  }

  #shallow({ $ref, ...beside }: JsonObject): JsonObject | undefined {
    const ref = $ref as string;
    const found = pointed(this.#root, ref);
    if (found === undefined || this.#stack.includes(ref)) {
      this.#change(found === undefined ? 'keyword' : 'recursion', found === undefined ? `$ref ${ref}` : ref);
      return undefined;
    }
    // What the branch refers to is now inside the schema that is being read.
    this.#stack.push(ref);
    const whole: JsonObject = { ...found, ...beside };
    const out = typeof whole.$ref === 'string' ? this.#shallow(whole) : whole;
    this.#stack.pop();
    return out;
  }

  #change(name: SchemaChange['name'], detail?: string): void {
    if (this.changes.some((change) => change.name === name && change.detail === detail)) return;
    this.changes.push(detail === undefined ? { name } : { name, detail });
  }
}

/** What a JSON pointer within the schema points at. */
function pointed(root: JsonObject, ref: string): JsonObject | undefined {
  if (!ref.startsWith('#')) return undefined;
  let at: Json | undefined = root;
  for (const segment of ref.slice(1).split('/').slice(1)) {
    const key = unescaped(segment).replaceAll('~1', '/').replaceAll('~0', '~');
    at = isObject(at) ? at[key] : Array.isArray(at) ? at[Number(key)] : undefined;
  }
  return isObject(at) ? at : undefined;
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function withNull(type: Json | undefined, values: readonly Json[]): Json {
  const types = Array.isArray(type) ? type : type === undefined ? typesOf(values) : [type];
  return types.includes('null') ? types : [...types, 'null'];
}

const typesOf = (values: readonly Json[]): Json[] => [
  ...new Set(values.map((value) => (typeof value === 'number' ? 'number' : 'string'))),
];

/** A list of types may name one beside `null`; more of them are branches. An array says what it holds. */
function settleType(out: JsonObject): void {
  const { type } = out;
  if (type === undefined && Array.isArray(out.enum)) {
    const types = typesOf(out.enum);
    if (types.length === 1) out.type = types[0];
  }
  if (Array.isArray(type)) {
    const types = type.filter((one) => one !== 'null');
    if (type.length === 1) out.type = type[0];
    else if (types.length > 1 && out.anyOf === undefined && out.oneOf === undefined) {
      delete out.type;
      out.anyOf = type.map((one) =>
        one === 'array' ? { type: one, items: out.items ?? {} } : { type: one },
      );
      if (type.includes('array')) delete out.items;
    }
  }
  const isArray = out.type === 'array' || (Array.isArray(out.type) && out.type.includes('array'));
  if (isArray && out.items === undefined && out.prefixItems === undefined) out.items = {};
}

/** Leaves out names of members that are not described, which are refused; returns whether there were any. */
function settleRequired(out: JsonObject): boolean {
  if (!Array.isArray(out.required)) return false;
  const properties = isObject(out.properties) ? out.properties : {};
  const required = out.required.filter((name) => typeof name === 'string' && Object.hasOwn(properties, name));
  const isLess = required.length < out.required.length;
  if (required.length === 0) delete out.required;
  else if (isLess) out.required = required;
  return isLess;
}
