import { asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';

/**
 * Arguments that come in pieces, each with the path of the value that it belongs to:
 * `{jsonPath: '$.items[0].name', stringValue: 'Ap', willContinue: true}`. Pieces of one string are joined.
 */
export class PartialArgs {
  readonly args: JsonObject = {};
  /** The path of the string that goes on. */
  #growing: string | undefined;

  add(piece: JsonObject): void {
    const path = asString(piece.jsonPath);
    if (path === undefined) return;
    const value = valueOf(piece);
    const isMore = this.#growing === path && typeof value === 'string';
    this.#growing = piece.willContinue === true ? path : undefined;
    if (value === undefined) return;
    place(this.args, segmentsOf(path), (before) =>
      isMore && typeof before === 'string' ? before + (value as string) : value,
    );
  }
}

function valueOf(piece: JsonObject): Json | undefined {
  if (piece.stringValue !== undefined) return piece.stringValue;
  if (piece.numberValue !== undefined) return piece.numberValue;
  if (piece.boolValue !== undefined) return piece.boolValue;
  return piece.nullValue !== undefined ? null : undefined;
}

/** `$.a[0]['b c']` as `['a', 0, 'b c']` (RFC 9535). */
function segmentsOf(path: string): (string | number)[] {
  const segments: (string | number)[] = [];
  for (const match of path.matchAll(
    /\.([^.[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/g,
  )) {
    const [, name, index, single, double] = match;
    if (index !== undefined) segments.push(Number(index));
    else segments.push(name ?? (single ?? double ?? '').replace(/\\(.)/g, '$1'));
  }
  return segments;
}

/** More entries than these are not made at once for one index. */
const gapMax = 10_000;

function place(
  root: JsonObject,
  path: readonly (string | number)[],
  update: (before: Json | undefined) => Json,
): void {
  let at: Json[] | JsonObject = root;
  for (let i = 0; i < path.length; i++) {
    const key = path[i]!;
    if (typeof key === 'number') {
      if (!Array.isArray(at) || key > at.length + gapMax) return;
      while (at.length <= key) at.push(null);
    } else if (Array.isArray(at) || key === '__proto__') return;
    const holder = at as Record<string | number, Json | undefined>;
    if (i === path.length - 1) {
      holder[key] = update(holder[key]);
      return;
    }
    let next: Json | undefined = holder[key];
    if (!Array.isArray(next) && !isObject(next))
      holder[key] = next = typeof path[i + 1] === 'number' ? [] : {};
    at = next;
  }
}
