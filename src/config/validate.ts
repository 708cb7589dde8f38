import { z } from 'zod';
import type { Path, Problem } from './problem.ts';
import type { Config } from './schema.ts';
import { isSecretName, secretsOf } from './secrets.ts';
import { suggest } from './suggest.ts';

/** Plain data checked against the schema. */
export type Validated =
  | { readonly ok: true; readonly config: Config }
  /** At least one problem; those of unknown keys point at the key. */
  | { readonly ok: false; readonly problems: readonly (Problem & { readonly atKey?: boolean })[] };

/**
 * Checks `value` and says everything that is wrong with it. Where `isText(path)` holds, the value came from
 * a place that knows only text (the environment, a flag), so that `'4300'` serves as a number.
 */
export function validate(
  schema: z.ZodType<Config>,
  value: unknown,
  isText: (path: Path) => boolean,
): Validated {
  let result = schema.safeParse(value);
  if (!result.success) {
    const copy = structuredClone(value);
    const changed = result.error.issues.filter(
      (issue) => isText(issue.path as Path) && readAsMeant(copy, issue),
    );
    if (changed.length > 0) {
      value = copy;
      result = schema.safeParse(value);
    }
  }
  if (result.success) return { ok: true, config: result.data };
  const secrets = secretsOf(value).filter((secret) => secret.length > 3);
  const problems = result.error.issues
    .flatMap((issue) => explain(schema, value, issue))
    .map((problem) => ({ ...problem, message: without(secrets, problem.message) }));
  return { ok: false, problems };
}

type Issue = z.core.$ZodIssue;

/** Turns the text at the issue's path into the number or boolean that was expected; says whether it did. */
function readAsMeant(value: unknown, issue: Issue): boolean {
  if (issue.code !== 'invalid_type') return false;
  const parent = at(value, issue.path.slice(0, -1)) as Record<PropertyKey, unknown>;
  const text = parent[issue.path.at(-1)!];
  if (typeof text !== 'string') return false;
  const expected: string = issue.expected;
  if ((expected === 'number' || expected === 'int') && /^-?\d+(\.\d+)?$/.test(text.trim())) {
    parent[issue.path.at(-1)!] = Number(text);
    return true;
  }
  if (expected === 'boolean' && /^(true|false)$/.test(text.trim())) {
    parent[issue.path.at(-1)!] = text.trim() === 'true';
    return true;
  }
  return false;
}

function explain(schema: z.ZodType, value: unknown, issue: Issue): (Problem & { atKey?: boolean })[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, value, path);
    return issue.keys
      .map((key) => ({ path: [...path, key], atKey: true, message: unknownKey(key, known) }))
      .map(safeKey);
  }
  const found = at(value, path);
  if (issue.code === 'invalid_key') {
    return [{ path, atKey: true, message: issue.issues[0]?.message ?? issue.message }].map(safeKey);
  }
  if (found === undefined) {
    const choices = choicesOf(issue);
    return [{ path, message: choices ? `required: ${oneOf(choices)}` : 'required' }];
  }
  const secret = path.some((step) => typeof step === 'string' && isSecretName(step));
  return [{ path, message: mismatch(issue, secret ? undefined : found) }];
}

function mismatch(issue: Issue, found: unknown): string {
  const choices = choicesOf(issue);
  if (choices) {
    const near = typeof found === 'string' ? suggest(found, choices) : undefined;
    return `expected ${oneOf(choices)}${near === undefined ? '' : ` (did you mean ${JSON.stringify(near)}?)`}`;
  }
  switch (issue.code) {
    case 'invalid_type': {
      const expected = nouns[issue.expected] ?? issue.expected;
      return found === null ? `expected ${expected}, found nothing` : `expected ${expected}`;
    }
    case 'invalid_format':
      return issue.format === 'url' ? 'not a URL such as https://host/path' : issue.message;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `must be at most ${issue.maximum} characters long`
        : `must be at most ${issue.maximum}`;
    case 'invalid_union': {
      const inner = issue.errors.map((issues) => issues[0]).filter((first) => first !== undefined);
      return inner.length > 0 ? inner.map((first) => mismatch(first, found)).join(', or ') : issue.message;
    }
    default:
      return issue.message;
  }
}

const nouns: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function choicesOf(issue: Issue): string[] | undefined {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options)) {
    return issue.options.map(String);
  }
  return undefined;
}

const oneOf = (choices: readonly string[]): string =>
  choices.length === 1 ? choices[0]! : `one of ${choices.join(', ')}`;

function unknownKey(key: string, known: readonly string[]): string {
  const near = suggest(key, known);
  if (near !== undefined) return `unknown key; did you mean ${JSON.stringify(near)}?`;
  return known.length > 0 ? `unknown key; known are ${known.join(', ')}` : 'unknown key';
}

/** In `{api_key:sk-…}` the missing space makes the secret a part of the key, which then must not be shown. */
function safeKey<P extends Problem>(problem: P): P {
  const key = String(problem.path.at(-1));
  if (/^[\w.-]{1,40}$/.test(key) && !/^(sk|key|eyJ)[-_.]?/i.test(key)) return problem;
  const message = key.includes(':')
    ? 'unknown key; is there a space missing after its colon?'
    : problem.message;
  return { ...problem, path: problem.path.slice(0, -1), message };
}

/** The keys that the object at `path` may have. */
function keysAt(schema: z.ZodType, value: unknown, path: Path): string[] {
  let here: unknown = schema;
  for (let depth = 0; ; depth++) {
    here = bare(here, at(value, path.slice(0, depth)));
    if (depth === path.length) break;
    if (here instanceof z.ZodObject) here = here.shape[path[depth]!];
    else if (here instanceof z.ZodArray) here = here.element;
    else if (here instanceof z.ZodRecord) here = here.valueType;
    else return [];
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

/** A schema without its wrappers, and of several kinds the one that `value` says it is. */
function bare(schema: unknown, value: unknown): unknown {
  for (;;) {
    if (schema instanceof z.ZodPipe) schema = schema.in;
    else if (
      schema instanceof z.ZodDefault ||
      schema instanceof z.ZodPrefault ||
      schema instanceof z.ZodOptional ||
      schema instanceof z.ZodNullable
    ) {
      schema = schema.unwrap();
    } else if (schema instanceof z.ZodDiscriminatedUnion) {
      const { discriminator } = schema.def;
      const kind = at(value, [discriminator]);
      return schema.options.find(
        (option) =>
          option instanceof z.ZodObject && (option.shape[discriminator] as z.ZodType).safeParse(kind).success,
      );
    } else return schema;
  }
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

const without = (secrets: readonly string[], message: string): string =>
  secrets.reduce((text, secret) => text.replaceAll(secret, '***'), message);
