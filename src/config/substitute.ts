/** The environment; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substitution {
  readonly text: string;
  /** The variables the text was made from, in order. */
  readonly from: readonly string[];
  /** What went wrong, for people; names variables, never values. */
  readonly problems: readonly string[];
}

const reference = /\$\$\{|\$\{([^}]*)(\}?)/g;
const inside = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Replaces `${NAME}` and `${NAME:-default}` from the environment; the default also stands in for an empty
 * value. `$${` is a plain `${`.
 *
 * @example
 * substitute('${HOST:-localhost}:$${x}', {}).text; // 'localhost:${x}'
 */
export function substitute(text: string, env: Environment): Substitution {
  if (!text.includes('${')) return { text, from: [], problems: [] };
  const from: string[] = [];
  const problems: string[] = [];
  const result = text.replace(reference, (whole, body: string | undefined, close: string | undefined) => {
    if (whole === '$${') return '${';
    const [, name, fallback] = (close && inside.exec(body ?? '')) || [];
    if (name === undefined) {
      problems.push(
        'a reference to the environment is written ${NAME} or ${NAME:-default}; a plain "${" is "$${"',
      );
      return '';
    }
    from.push(name);
    const value = env[name];
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) problems.push(`the environment variable ${name} is not set`);
    return value ?? '';
  });
  return { text: result, from, problems };
}
