/** Keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];

/** One thing wrong with a configuration. `message` is for people and never holds a secret. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  /** The file, flag or environment variable at fault. */
  readonly source?: string;
  /** From 1; only for files. */
  readonly line?: number;
  readonly column?: number;
}

/**
 * A problem on one line, as compilers write them.
 *
 * @example
 * formatProblem({ source: 'dragoman.yaml', line: 12, column: 5, path: ['providers', 1, 'base_url'], message: 'not a URL' });
 * // 'dragoman.yaml:12:5: providers[1].base_url: not a URL'
 */
export function formatProblem({ source, line, column, path, message }: Problem): string {
  const place = [source, line, column].filter((part) => part !== undefined).join(':');
  return [place, formatPath(path), message].filter(Boolean).join(': ');
}

/** `providers[1].base_url`; keys that are not plain words are quoted. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
