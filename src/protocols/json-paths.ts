/** A tree of member names, `*` for every element of an array; a leaf stands for the string that is looked for. */
export type Paths = { readonly [name: string]: Paths | true };

/** A byte range of a JSON text, `to` exclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * Where the strings at these paths begin, behind their opening quotes, in the JSON value at `start`; empty strings are
 * left out. Everything else is stepped over and not checked: of a text that is no JSON, what was found so far.
 *
 * @example
 * stringsAt(Buffer.from('{"a":[{"b":"x"}]}'), 0, { a: { '*': { b: true } } }); // [12]
 */
export function stringsAt(bytes: Uint8Array, start: number, paths: Paths): number[] {
  const found: number[] = [];
  walk(bytes, start, paths, found);
  return found;
}

/** The elements of the array that begins at `start`; none where there is no array. */
export function elementsAt(bytes: Uint8Array, start: number): Range[] {
  const elements: Range[] = [];
  let at = afterBlanks(bytes, start);
  if (bytes[at] !== openBracket) return elements;
  at = afterBlanks(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== closeBracket) {
    const to = valueEnd(bytes, at);
    elements.push({ from: at, to });
    at = afterBlanks(bytes, to);
    if (bytes[at] === comma) at = afterBlanks(bytes, at + 1);
  }
  return elements;
}

/** Returns the offset behind the value. */
function walk(bytes: Uint8Array, start: number, paths: Paths | true | undefined, found: number[]): number {
  let at = afterBlanks(bytes, start);
  const c = bytes[at];
  if (paths === true && c === quote && bytes[at + 1] !== quote) found.push(at + 1);
  if (paths === undefined || paths === true || (c !== openBrace && c !== openBracket))
    return valueEnd(bytes, at);
  const close = c === openBrace ? closeBrace : closeBracket;
  at = afterBlanks(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== close) {
    let inner = paths['*'];
    if (c === openBrace) {
      const to = valueEnd(bytes, at);
      inner = paths[text.decode(bytes.subarray(at + 1, to - 1))];
      at = afterBlanks(bytes, to);
      if (bytes[at] !== colon) return bytes.length;
      at++;
    }
    at = afterBlanks(bytes, walk(bytes, at, inner, found));
    if (bytes[at] === comma) at = afterBlanks(bytes, at + 1);
  }
  return at + 1;
}

const text = new TextDecoder();

function afterBlanks(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && bytes[at]! <= 0x20) at++;
  return at;
}

/** The offset behind the value at `at`: always further on, so that what is no JSON ends too. */
function valueEnd(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === quote) return stringEnd(bytes, at);
  if (first !== openBrace && first !== openBracket) {
    let to = at + 1;
    for (; to < bytes.length; to++) {
      const c = bytes[to]!;
      if (c === comma || c === closeBrace || c === closeBracket || c <= 0x20) break;
    }
    return to;
  }
  let depth = 0;
  while (at < bytes.length) {
    const c = bytes[at]!;
    if (c === quote) {
      at = stringEnd(bytes, at);
      continue;
    }
    at++;
    if (c === openBrace || c === openBracket) depth++;
    else if ((c === closeBrace || c === closeBracket) && --depth === 0) break;
  }
  return at;
}

function stringEnd(bytes: Uint8Array, at: number): number {
  for (at++; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at++;
  return Math.min(at + 1, bytes.length);
}
