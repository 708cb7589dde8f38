import { corpusJson } from '../support/corpus.ts';
import { type ObjectShape, type Shape, walk, type WalkedField } from './walk.ts';

type Schema = Readonly<Record<string, unknown>>;

/**
 * The fields of a request as an OpenAPI document describes it.
 *
 * @example
 * openApiFields('openai.openapi.json', 'CreateResponse') // [{ path: 'model', leaf: true }, …]
 */
export function openApiFields(file: string, name: string): WalkedField[] {
  const document = corpusJson(`specs/${file}`) as { components: { schemas: Record<string, Schema> } };
  const { schemas } = document.components;
  if (!schemas[name]) throw new Error(`${file} has no schema ${name}`);
  return walk(schemas[name], (schema) => shapeOf(schema, schemas));
}

/** Descriptions of schemas, whose members are named by the client. */
const schemaNames: readonly string[] = ['Schema'];

function shapeOf(given: Schema, schemas: Readonly<Record<string, Schema>>): Shape<Schema> {
  const schema = resolved(given, schemas);
  const name = refName(given);
  if (name !== undefined && schemaNames.includes(name)) return { ...nothing, free: true };
  const branches = [...schemasIn(schema, 'anyOf'), ...schemasIn(schema, 'oneOf')].map((branch) =>
    shapeOf(branch, schemas),
  );
  const all = schemasIn(schema, 'allOf').map((part) => shapeOf(part, schemas));
  const own = ownShape(schema);
  const joined = all.length === 0 ? own : join(schema, [own, ...all]);
  // A branch that only says what is required describes no value.
  const real = branches.filter(
    (shape) => shape.plain || shape.free || shape.constants.length > 0 || holdsMore(shape),
  );
  return {
    plain: joined.plain || real.some((shape) => shape.plain),
    constants: [...joined.constants, ...real.flatMap((shape) => shape.constants)],
    free: real.some((shape) => shape.free) || (joined.free && real.length === 0),
    items: [...joined.items, ...real.flatMap((shape) => shape.items)],
    values: [...joined.values, ...real.flatMap((shape) => shape.values)],
    objects: withCommon(
      joined.objects,
      real.flatMap((shape) => shape.objects),
    ),
  };
}

/** Members that stand beside a union belong to each of its branches. */
function withCommon(
  common: Shape<Schema>['objects'],
  branches: Shape<Schema>['objects'],
): ObjectShape<Schema>[] {
  if (common.length === 0 || branches.length === 0) return [...common, ...branches];
  return branches.map((branch) => ({
    id: branch.id,
    members: new Map([...common.flatMap((object) => [...object.members]), ...branch.members]),
  }));
}

/** What one schema says without its unions. */
function ownShape(schema: Schema): Shape<Schema> {
  const types = [schema['type'] ?? []].flat() as string[];
  const constants = (
    schema['const'] !== undefined ? [schema['const']] : ((schema['enum'] ?? []) as unknown[])
  ).filter((each) => typeof each === 'string');
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  const further = schema['additionalProperties'];
  const union = ['anyOf', 'oneOf', 'allOf'].some((key) => key in schema);
  const typedFurther = typeof further === 'object' && further !== null && Object.keys(further).length > 0;
  const object = types.includes('object') || properties.length > 0;
  const nothingSaid =
    types.length === 0 && constants.length === 0 && properties.length === 0 && !schema['items'];
  return {
    plain:
      constants.length === 0 &&
      types.some((type) => ['string', 'number', 'integer', 'boolean'].includes(type)),
    constants,
    free: (object && properties.length === 0 && !typedFurther && !union) || (nothingSaid && !union),
    items: schema['items'] ? [schema['items'] as Schema] : [],
    values: typedFurther ? [further as Schema] : [],
    objects:
      properties.length === 0
        ? []
        : [{ id: schema, members: new Map(properties.map(([name, member]) => [name, [member]])) }],
  };
}

/** `allOf`: every combination of the parts' objects is an object. */
function join(schema: Schema, parts: readonly Shape<Schema>[]): Shape<Schema> {
  const said = parts.filter((part) => part.plain || part.constants.length > 0 || holdsMore(part));
  if (said.length === 0) return { ...nothing, free: true };
  let objects: readonly ObjectShape<Schema>[] = [];
  for (const part of said) {
    if (part.objects.length === 0) continue;
    objects =
      objects.length === 0
        ? part.objects
        : objects.flatMap((a) =>
            part.objects.map((b) => ({
              id: part.objects.length > 1 ? b.id : a.id,
              members: mergeMembers(a.members, b.members),
            })),
          );
  }
  return {
    plain: said.some((part) => part.plain),
    constants: said.flatMap((part) => part.constants),
    free: false,
    items: said.flatMap((part) => part.items),
    values: said.flatMap((part) => part.values),
    objects: objects.length === 1 ? [{ id: schema, members: objects[0]!.members }] : objects,
  };
}

type Members = ObjectShape<Schema>['members'];

const mergeMembers = (a: Members, b: Members): Members => {
  const merged = new Map(a);
  for (const [name, types] of b) {
    // The narrower constant of `type` tells the variant.
    const narrower =
      name === 'type' && types.some((type) => type['const'] !== undefined || type['enum'] !== undefined);
    merged.set(name, narrower ? types : [...(merged.get(name) ?? []), ...types]);
  }
  return merged;
};

const nothing: Shape<Schema> = {
  plain: false,
  constants: [],
  free: false,
  items: [],
  values: [],
  objects: [],
};

const holdsMore = (shape: Shape<Schema>): boolean =>
  shape.items.length + shape.values.length + shape.objects.length > 0;

const schemasIn = (schema: Schema, key: string): Schema[] =>
  ((schema[key] ?? []) as Schema[]).filter((branch) => branch['type'] !== 'null');

const refName = (schema: Schema): string | undefined =>
  /^#\/components\/schemas\/(.+)$/.exec(String(schema['$ref'] ?? ''))?.[1];

function resolved(schema: Schema, schemas: Readonly<Record<string, Schema>>): Schema {
  const name = refName(schema);
  return name === undefined ? schema : resolved(schemas[name] ?? {}, schemas);
}
