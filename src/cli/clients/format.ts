import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../../config/record.ts';
import type { Json } from '../../turn/json.ts';

/** Where a setting stands in a file, outermost name first. */
export type SettingPath = readonly [string, ...string[]];

/** A form of settings files: reads them, and changes single settings in their text without touching any other. */
export interface Format {
  /** What the file is called in complaints: `JSON`. */
  readonly name: string;
  /** The settings as data; throws what is wrong with the text. An empty text has none. */
  parse(text: string): Record<string, unknown>;
  set(text: string, path: SettingPath, value: Json): string;
  /** Takes out a setting that is there. */
  remove(text: string, path: SettingPath): string;
}

/** A file is written in a way in which it cannot be changed safely. */
export class EditError extends Error {
  override readonly name = 'EditError';
}

/**
 * Sets one setting, or takes it out where `value` is `undefined`, and reads the result again: it must say what it said
 * before and the change, or the file is refused.
 */
export function change(format: Format, text: string, path: SettingPath, value: Json | undefined): string {
  const before = read(format, text);
  const known = valueAt(before, path);
  if (value === undefined ? known === undefined : isDeepStrictEqual(known, value)) return text;
  const changed = value === undefined ? format.remove(text, path) : format.set(text, path, value);
  let after: Record<string, unknown>;
  try {
    after = format.parse(changed);
  } catch {
    throw odd(path);
  }
  const wanted = withValue(before, path, value);
  // What is left empty by taking something out may be gone with it.
  const shape = value === undefined ? withoutEmpty : plain;
  if (!isDeepStrictEqual(shape(after), shape(wanted))) throw odd(path);
  return changed;
}

/** Takes out what is empty around a setting that was taken out, as far as `kept` does not have it. */
export function prune(
  format: Format,
  text: string,
  path: SettingPath,
  kept: Record<string, unknown>,
): string {
  for (let length = path.length - 1; length > 0; length--) {
    const around = path.slice(0, length) as unknown as SettingPath;
    const value = valueAt(format.parse(text), around);
    if (value === undefined) continue;
    if (!isEmpty(value) || valueAt(kept, around) !== undefined) return text;
    text = change(format, text, around, undefined);
  }
  return text;
}

/** The settings of a text; throws an `EditError` that says what is wrong with it. */
export function read(format: Format, text: string): Record<string, unknown> {
  try {
    return format.parse(text);
  } catch (error) {
    throw new EditError(`it is not valid ${format.name}: ${(error as Error).message}`);
  }
}

/** The value at a path, `undefined` where there is none. */
export function valueAt(data: unknown, path: readonly string[]): unknown {
  let value = data;
  for (const step of path) {
    if (!isRecord(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

function withValue(data: Record<string, unknown>, path: SettingPath, value: Json | undefined): unknown {
  const copy = structuredClone(data);
  let at = copy;
  for (const step of path.slice(0, -1)) {
    const next = at[step];
    at = isRecord(next) ? next : ((at[step] = {}) as Record<string, unknown>);
  }
  if (value === undefined) delete at[path.at(-1)!];
  else at[path.at(-1)!] = value;
  return copy;
}

/** Without prototypes and class instances, in which parsers differ. */
const plain = (data: unknown): unknown => JSON.parse(JSON.stringify(data));

const withoutEmpty = (data: unknown): unknown =>
  JSON.parse(
    JSON.stringify(data, (_, value: unknown) => {
      if (!isRecord(value)) return value;
      const full = Object.entries(value).filter(([, member]) => !isEmpty(member));
      return Object.fromEntries(full);
    }),
  );

/** Nothing but empty objects in one another. */
const isEmpty = (value: unknown): boolean => isRecord(value) && Object.values(value).every(isEmpty);

const odd = (path: SettingPath): EditError =>
  new EditError(`${path.join('.')} is written there in a way that cannot be changed safely`);
