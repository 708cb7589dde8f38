import type { Payload } from '../canonical.ts';
import { has, string } from './read.ts';

/** Arguments that arrive as pieces, each with the JSONPath of the value that it sets or goes on with. */
export interface GrowingArguments {
  assign(whole: Payload): void;
  /** One of `partialArgs`: `{jsonPath, stringValue | numberValue | boolValue | nullValue, willContinue?}`. */
  add(piece: Payload): void;
  json(): string;
}

/**
 * @example
 * const args = growingArguments();
 * args.add({ jsonPath: '$.a[0].b', stringValue: 'Bos', willContinue: true });
 * args.add({ jsonPath: '$.a[0].b', stringValue: 'ton' });
 * args.json() // '{"a":[{"b":"Boston"}]}'
 */
export function growingArguments(): GrowingArguments {
  const root: Payload = {};
  /** Path of the string that the last piece left open. */
  let unfinished: string | undefined;
  return {
    assign: (whole) => void Object.assign(root, whole),
    add(piece) {
      const path = string(piece['jsonPath']);
      const { at, key } = place(root, stepsOf(path));
      const text = piece['stringValue'];
      const known = at[key];
      at[key] =
        typeof text === 'string'
          ? (unfinished === path && typeof known === 'string' ? known : '') + text
          : (piece['numberValue'] ?? piece['boolValue'] ?? null);
      unfinished = piece['willContinue'] === true ? path : undefined;
    },
    json: () => JSON.stringify(root),
  };
}

/** `$.a[0]['b c']` as `['a', 0, 'b c']`. */
const stepsOf = (path: string): (string | number)[] =>
  [...path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[['"](.*?)['"]\]/g)].map(([, name, index, quoted]) =>
    index === undefined ? (name ?? quoted ?? '') : Number(index),
  );

function place(
  root: Payload,
  steps: readonly (string | number)[],
): { at: Record<string | number, unknown>; key: string | number } {
  let at = root as Record<string | number, unknown>;
  steps.slice(0, -1).forEach((step, i) => {
    if (!has(at[step])) at[step] = typeof steps[i + 1] === 'number' ? [] : {};
    at = at[step] as Record<string | number, unknown>;
  });
  return { at, key: steps.at(-1) ?? '' };
}
