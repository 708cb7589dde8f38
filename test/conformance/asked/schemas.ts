import Ajv2020 from 'ajv/dist/2020.js';
import type { Payload } from '../canonical.ts';
import { has, list, object, string } from '../canonical/read.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import { jsonSchema } from './gemini.ts';

/** The schemas of the functions on offer, by name; `undefined` for a function that takes nothing. */
export function offeredSchemas(surface: Surface, body: Payload): Map<string, unknown> {
  const tools = list(body['tools']);
  switch (surface) {
    case 'openai-chat':
      return named(
        tools.map((tool) => object(tool['function'])),
        'parameters',
      );
    case 'openai-responses':
      return named(tools, 'parameters');
    case 'anthropic-messages':
      return named(tools, 'input_schema');
    case 'google-gemini':
      return new Map(
        tools
          .flatMap((tool) => list(tool['functionDeclarations']))
          .map((tool) => [string(tool['name']), declaredSchema(tool)]),
      );
  }
}

const declaredSchema = ({ parametersJsonSchema, parameters }: Payload): unknown =>
  parametersJsonSchema ?? (has(parameters) ? jsonSchema(parameters) : undefined);

const named = (tools: readonly Payload[], key: string): Map<string, unknown> =>
  new Map(tools.map((tool) => [string(tool['name']), tool[key]]));

/**
 * Q2: a schema arrives as it was offered, or in other words that take the same arguments, or the gateway says that
 * it changed it. `notes` is the answer's `dragoman-notes`.
 */
export function schemaMisses(
  offered: ReadonlyMap<string, unknown>,
  sent: ReadonlyMap<string, unknown>,
  notes: string,
): Miss[] {
  const misses: Miss[] = [];
  for (const [name, schema] of offered) {
    if (!sent.has(name)) {
      misses.push({ check: 'Q2', detail: `${name} is not on offer` });
      continue;
    }
    if (Bun.deepEquals(sent.get(name), schema) || /(^|, )tools[.[]/.test(notes)) continue;
    const unlike = unlikeArguments(schema, sent.get(name));
    if (unlike === undefined) continue;
    misses.push({
      check: 'Q2',
      detail: `changed without a word: ${excerpt(schema)} → ${excerpt(sent.get(name))}; ${unlike}`,
    });
  }
  return misses;
}

const excerpt = (schema: unknown): string => JSON.stringify(schema)?.slice(0, 120) ?? 'nothing';

const compared = new Map<string, string | undefined>();

/** Arguments that one schema takes and the other does not, if there are some among those that are tried. */
export function unlikeArguments(offered: unknown, sent: unknown): string | undefined {
  const key = `${JSON.stringify(offered)} ${JSON.stringify(sent)}`;
  if (!compared.has(key)) compared.set(key, unlike(offered, sent));
  return compared.get(key);
}

function unlike(offered: unknown, sent: unknown): string | undefined {
  const [before, after] = [validator(offered), validator(sent)];
  if (!before || !after) return 'one of them cannot be read';
  // A function without a schema has no arguments to describe.
  const tried = sent === undefined ? [{}] : [...samples(offered), ...samples(sent)];
  // What no object satisfies does not describe arguments.
  if (![...samples(offered)].some(before)) return undefined;
  const found = tried.find((sample) => before(sample) !== after(sample));
  return found === undefined ? undefined : `${before(found) ? 'no longer' : 'now'} takes ${excerpt(found)}`;
}

function validator(schema: unknown): ((value: unknown) => boolean) | undefined {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, allErrors: false });
  try {
    const { $schema: _version, ...rest } = object(schema);
    const check = ajv.compile(rest);
    return (value) => check(value) as boolean;
  } catch {
    return undefined;
  }
}

/** Objects that a function with this schema might be called with, legal ones and others. */
const samples = (schema: unknown): Payload[] =>
  [{}, { unheardOf: 1 }, ...samplesOf(schema, schema, 0)].filter(
    (value): value is Payload => typeof value === 'object' && value !== null && !Array.isArray(value),
  );

/** How many values are tried in the place of one schema. */
const samplesMax = 60;

const plainValues: readonly unknown[] = [null, true, 0, 1, 1.5, -3, '', 'a', [], ['a'], {}];

/** Values at the edges of a schema: what it names, what its bounds just allow and just forbid. */
function samplesOf(schema: unknown, root: unknown, depth: number): unknown[] {
  if (depth > 5) return [null, 'a'];
  const node = object(schema);
  const inner = (one: unknown): unknown[] => samplesOf(one, root, depth + 1);
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => list(node[key]).flatMap(inner));
  const referred = has(node['$ref']) ? inner(pointed(root, string(node['$ref']))) : [];
  return [
    ...toldBy(node),
    ...bounds(node),
    ...objectsOf(node, inner),
    ...listsOf(node, inner),
    ...branches,
    ...referred,
    ...plainValues,
  ].slice(0, samplesMax);
}

const toldBy = (node: Payload): unknown[] => [
  ...('const' in node ? [node['const']] : []),
  ...(Array.isArray(node['enum']) ? (node['enum'] as unknown[]) : []),
];

function bounds(node: Payload): unknown[] {
  const about = (key: string): number[] =>
    typeof node[key] === 'number' ? [node[key] - 1, node[key], node[key] + 1] : [];
  const numbers = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'].flatMap(about);
  const sizes = ['minLength', 'maxLength'].flatMap(about).filter((size) => size >= 0 && size < 10_000);
  const counts = ['minItems', 'maxItems'].flatMap(about).filter((size) => size >= 0 && size < 100);
  return [
    ...numbers,
    ...sizes.map((size) => 'a'.repeat(size)),
    ...counts.map((size) => Array.from({ length: size }, (_, i) => i)),
  ];
}

/** All members, then all but one, then with each member in each of its forms. */
function objectsOf(node: Payload, inner: (schema: unknown) => unknown[]): Payload[] {
  const members = Object.entries(object(node['properties'])).slice(0, 12);
  const values = new Map(members.map(([name, schema]) => [name, inner(schema)]));
  const whole: Payload = Object.fromEntries(members.map(([name]) => [name, values.get(name)![0]]));
  const without = members.map(([name]) => {
    const { [name]: _gone, ...rest } = whole;
    return rest;
  });
  const each = members.flatMap(([name]) => values.get(name)!.map((value) => ({ ...whole, [name]: value })));
  const alone = members.flatMap(([name]) =>
    values
      .get(name)!
      .slice(0, 3)
      .map((value) => ({ [name]: value })),
  );
  return [whole, { ...whole, unheardOf: 1 }, { ...whole, unheardOf: 'a' }, ...without, ...alone, ...each];
}

const listsOf = (node: Payload, inner: (schema: unknown) => unknown[]): unknown[][] =>
  has(node['items']) ? inner(node['items']).map((value) => [value]) : [];

/** What a JSON pointer within the schema points at. */
function pointed(root: unknown, ref: string): unknown {
  let at = root;
  for (const step of ref
    .replace(/^#\/?/, '')
    .split('/')
    .filter((one) => one !== '')) {
    at = object(at)[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return ref.startsWith('#') ? at : undefined;
}
