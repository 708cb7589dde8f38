import { corpusAvailable, corpusJson } from '../support/corpus.ts';
import { object } from './canonical/read.ts';
import type { Surface } from './finish.ts';

type Schema = Record<string, unknown>;

/**
 * Paths of members that the vendor's description does not know. Its own API refuses them ("Unrecognized request
 * argument", "Extra inputs are not permitted"), though not every description closes its objects.
 *
 * @example
 * unknownMembers('openai-chat', { model: 'm', messages: [], top_k: 3 }) // ['top_k']
 */
export function unknownMembers(protocol: Surface, body: unknown): string[] {
  if (!corpusAvailable) return [];
  const found: string[] = [];
  const { schemas, root } = description(protocol);
  look(body, flat({ $ref: `#/components/schemas/${root}` }, schemas), schemas, '', found);
  return found;
}

const roots: Readonly<Record<Surface, readonly [file: string, schema: string]>> = {
  'openai-chat': ['openai.openapi.json', 'CreateChatCompletionRequest'],
  'openai-responses': ['openai.openapi.json', 'CreateResponse'],
  'anthropic-messages': ['anthropic.openapi.json', 'CreateMessageParams'],
  'google-gemini': ['gemini.openapi.json', 'GenerateContentRequest'],
};

const loaded = new Map<string, Record<string, Schema>>();

function description(protocol: Surface): { schemas: Record<string, Schema>; root: string } {
  const [file, root] = roots[protocol];
  let schemas = loaded.get(file);
  if (!schemas) {
    const document = corpusJson(`specs/${file}`) as { components: { schemas: Record<string, Schema> } };
    loaded.set(file, (schemas = document.components.schemas));
  }
  return { schemas, root };
}

/** A way in which a value may be described: the members of all schemas that hold together. */
interface Shape {
  readonly members: Readonly<Record<string, readonly Schema[]>>;
  readonly items: readonly Schema[];
  /** Any further members are welcome. */
  readonly open: boolean;
}

function look(
  value: unknown,
  shapes: readonly Shape[],
  schemas: Record<string, Schema>,
  path: string,
  found: string[],
): void {
  if (Array.isArray(value)) {
    const items = shapes.flatMap((shape) => shape.items).flatMap((schema) => flat(schema, schemas));
    value.forEach((item, i) => look(item, items, schemas, `${path}[${i}]`, found));
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const fitting = shapes.filter((shape) => fits(value as Schema, shape, schemas));
  // A value of an unknown kind is the schema check's matter.
  if (fitting.length === 0 || fitting.some((shape) => shape.open)) return;
  for (const [key, member] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    const known = fitting.flatMap((shape) => shape.members[key] ?? []);
    if (known.length === 0) found.push(at);
    else
      look(
        member,
        known.flatMap((schema) => flat(schema, schemas)),
        schemas,
        at,
        found,
      );
  }
}

/** Whether the constants of a shape, its `type` or `role`, are those of the value. */
function fits(value: Schema, shape: Shape, schemas: Record<string, Schema>): boolean {
  return ['type', 'role'].every((key) => {
    const words = (shape.members[key] ?? []).flatMap((schema) => constants(resolve(schema, schemas)));
    return words.length === 0 || value[key] === undefined || words.includes(value[key]);
  });
}

/** The values that a schema names; a nullable constant is a union. */
const constants = (schema: Schema): unknown[] =>
  schema['const'] !== undefined
    ? [schema['const']]
    : [
        ...((schema['enum'] as unknown[] | undefined) ?? []),
        ...((schema['anyOf'] as Schema[] | undefined) ?? []).flatMap(constants),
      ];

const refName = /^#\/components\/schemas\/(.+)$/;

function resolve(schema: Schema, schemas: Record<string, Schema>): Schema {
  const name = refName.exec(String(schema['$ref'] ?? ''))?.[1];
  return name === undefined ? schema : resolve(schemas[name] ?? {}, schemas);
}

/** Every way in which a schema may be met: unions give one shape a branch, `allOf` joins. */
function flat(given: Schema, schemas: Record<string, Schema>, depth = 0): Shape[] {
  if (depth > 12) return [];
  const schema = resolve(given, schemas);
  const properties = object(schema['properties']) as Record<string, Schema>;
  const free = schema['additionalProperties'];
  const bare =
    Object.keys(properties).length === 0 && !['anyOf', 'oneOf', 'allOf'].some((key) => key in schema);
  let shapes: Shape[] = [
    {
      members: Object.fromEntries(Object.entries(properties).map(([key, member]) => [key, [member]])),
      items: schema['items'] ? [schema['items'] as Schema] : [],
      open:
        free === true ||
        typeof free === 'object' ||
        (schema['type'] === 'object' && bare) ||
        saysNothing(schema),
    },
  ];
  for (const key of ['anyOf', 'oneOf'] as const) {
    const branches = schema[key] as Schema[] | undefined;
    if (!branches) continue;
    const ways = branches.flatMap((branch) => flat(branch, schemas, depth + 1));
    shapes = shapes.flatMap((shape) => ways.map((way) => joined(shape, way)));
  }
  for (const part of (schema['allOf'] as Schema[] | undefined) ?? []) {
    const ways = flat(part, schemas, depth + 1);
    shapes = shapes.flatMap((shape) => ways.map((way) => joined(shape, way)));
  }
  return shapes;
}

/** A member that is described without any schema may be anything. */
const saysNothing = (schema: Schema): boolean =>
  Object.keys(schema).every((key) => key === 'description' || key === 'deprecated' || key === 'default');

function joined(a: Shape, b: Shape): Shape {
  const members: Record<string, Schema[]> = {};
  for (const shape of [a, b]) {
    for (const [key, known] of Object.entries(shape.members))
      members[key] = [...(members[key] ?? []), ...known];
  }
  return { members, items: [...a.items, ...b.items], open: a.open || b.open };
}
