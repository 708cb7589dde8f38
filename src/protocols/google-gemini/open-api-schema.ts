import { asArray, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import { camel } from './names.ts';

/** Counts come as strings: they are 64-bit integers there. */
const counts: ReadonlySet<string> = new Set([
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
]);

/**
 * JSON Schema from the API's own `Schema`, which is OpenAPI 3.0 with its types in capitals: `nullable` becomes a
 * second type, `example` an entry of `examples`, counts become numbers.
 */
export function jsonSchemaOf(schema: JsonObject): JsonObject {
  const { nullable, example, ...members } = camel(schema);
  const out: JsonObject = {};
  for (const key in members) {
    const value = members[key]!;
    if (key === 'type') out.type = typeof value === 'string' ? value.toLowerCase() : value;
    else if (key === 'properties' && isObject(value)) out.properties = mapped(value);
    else if (key === 'items' || key === 'additionalProperties')
      out[key] = isObject(value) ? jsonSchemaOf(value) : value;
    else if (key === 'anyOf' || key === 'prefixItems') {
      out[key] = asArray(value).map((one) => (isObject(one) ? jsonSchemaOf(one) : one));
    } else if (counts.has(key) && typeof value === 'string') out[key] = Number(value);
    else if (key === 'format' && value === 'enum') continue;
    else out[key] = value;
  }
  if (example !== undefined) out.examples = [example];
  if (out.type === 'type_unspecified') delete out.type;
  if (nullable === true) allowNull(out);
  return out;
}

function mapped(properties: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const name in properties) {
    const value = properties[name];
    out[name] = isObject(value) ? jsonSchemaOf(value) : value;
  }
  return out;
}

function allowNull(schema: JsonObject): void {
  const type = asString(schema.type);
  if (type !== undefined && type !== 'null') schema.type = [type, 'null'];
  if (Array.isArray(schema.enum)) schema.enum = [...schema.enum, null] satisfies Json[];
  if (type === undefined && Array.isArray(schema.anyOf)) schema.anyOf = [...schema.anyOf, { type: 'null' }];
}
