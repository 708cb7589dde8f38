import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setInText } from './edit.ts';
import { checkConfig, type LoadOptions } from './load.ts';
import type { Problem } from './problem.ts';
import { replaceFile, whereItIs } from './replace-file.ts';

export type Changed = { readonly ok: true } | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Changes one value of a configuration file and keeps its comments; see `setInText`. A change that would not be valid
 * is not made. A file that is not there yet is begun.
 *
 * @example
 * const changed = changeConfigFile('dragoman.yaml', 'server.port', '4300', { kinds, env: process.env });
 * if (!changed.ok) for (const problem of changed.problems) console.error(formatProblem(problem));
 */
export function changeConfigFile(
  name: string,
  dotted: string,
  value: string | undefined,
  options: LoadOptions,
): Changed {
  const file = whereItIs(resolve(options.cwd ?? process.cwd(), name));
  let text: string;
  try {
    text = setInText(file.isNew ? '' : readFileSync(file.path, 'utf8'), dotted, value);
  } catch (error) {
    return { ok: false, problems: [{ source: name, path: [], message: (error as Error).message }] };
  }
  const checked = checkConfig({ name, text }, { ...options, flags: {} });
  if (!checked.ok) return { ok: false, problems: checked.problems };
  replaceFile(file.path, text, file.isNew ? 0o600 : statSync(file.path).mode & 0o777);
  return { ok: true };
}
