import type { Json } from '../../turn/json.ts';
import { EditError, type Format } from './format.ts';

/**
 * TOML, changed in its text. What is written in other ways than a plain table or pair (inline tables around the
 * setting, dotted keys of a parent) is found out when the result is read again, and refused.
 *
 * @example
 * toml.set('[a]\nb = 1 # mine\n', ['a', 'b'], 2); // '[a]\nb = 2 # mine\n'
 */
export const toml: Format = {
  name: 'TOML',
  parse: (text) => Bun.TOML.parse(text.replace(/^\ufeff/, '')) as Record<string, unknown>,

  set(text, path, value) {
    const statements = scan(text);
    const known = statements.findLast((each) => each.kind === 'pair' && same(each.path, path));
    if (known?.kind === 'pair')
      return text.slice(0, known.valueFrom) + written(value) + text.slice(known.valueTo);
    const newline = newlineOf(text);
    const pair = `${keyText(path.at(-1)!)} = ${written(value)}${newline}`;
    const table = path.slice(0, -1);
    const at = endOf(statements, table);
    if (at !== undefined) return insertLine(text, at, pair, newline);
    if (table.length > 0) {
      const body = text === '' || text.endsWith('\n') ? text : text + newline;
      const gap = body === '' ? '' : newline;
      return `${body}${gap}[${table.map(keyText).join('.')}]${newline}${pair}`;
    }
    // The file's own settings come before its first table, whatever remarks stand above that one.
    const bom = text.startsWith('\ufeff') ? 1 : 0;
    const rest = text.slice(bom);
    return text.slice(0, bom) + pair + (rest === '' ? '' : newline) + rest;
  },

  remove(text, path) {
    const statements = scan(text);
    const found = statements.findLast((each) => same(each.path, path) && each.kind !== 'list');
    if (found === undefined)
      throw new EditError(`${path.join('.')} is not written as a line of its own there`);
    // The empty line that was put before a table goes with it.
    const gap = found.kind === 'table' ? /(?<=\n)\r?\n$/.exec(text.slice(0, found.from)) : null;
    return text.slice(0, found.from - (gap?.[0].length ?? 0)) + text.slice(found.to);
  },
};

type Statement = {
  readonly path: readonly string[];
  /** Its lines, the end of the last one included. */
  readonly from: number;
  readonly to: number;
} & (
  | { readonly kind: 'table' | 'list' }
  | {
      readonly kind: 'pair';
      readonly table: readonly string[];
      readonly valueFrom: number;
      readonly valueTo: number;
    }
);

const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');
const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((step, i) => step === other[i]);

/** The tables and pairs of a text that is valid TOML, in their order. */
function scan(text: string): Statement[] {
  const statements: Statement[] = [];
  let table: readonly string[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    const from = at;
    at = blank(text, at);
    if (text[at] === '[') {
      const isList = text[at + 1] === '[';
      const key = readKey(text, at + (isList ? 2 : 1));
      table = key.path;
      at = lineEnd(text, text.indexOf(']', key.to));
      statements.push({ kind: isList ? 'list' : 'table', path: table, from, to: at });
    } else if (at < text.length && !/[#\r\n]/.test(text[at]!)) {
      const key = readKey(text, at);
      const valueFrom = blank(text, text.indexOf('=', key.to) + 1);
      const valueTo = valueEnd(text, valueFrom);
      at = lineEnd(text, valueTo);
      statements.push({
        kind: 'pair',
        path: [...table, ...key.path],
        table,
        from,
        to: at,
        valueFrom,
        valueTo,
      });
    } else {
      at = lineEnd(text, at);
    }
  }
  return statements;
}

/** Where a table's own pairs end: behind the last of them, or behind its head. */
function endOf(statements: readonly Statement[], table: readonly string[]): number | undefined {
  return statements.findLast((each) =>
    each.kind === 'pair' ? same(each.table, table) : each.kind === 'table' && same(each.path, table),
  )?.to;
}

function insertLine(text: string, at: number, line: string, newline: string): string {
  const gap = at > 0 && text[at - 1] !== '\n' ? newline : '';
  return text.slice(0, at) + gap + line + text.slice(at);
}

const blank = (text: string, at: number): number => {
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
};

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
}

function readKey(text: string, from: number): { path: string[]; to: number } {
  const path: string[] = [];
  let at = from;
  for (;;) {
    at = blank(text, at);
    const part = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\w-]+/y;
    part.lastIndex = at;
    const found = part.exec(text)?.[0];
    if (found === undefined) throw new EditError('it has a key that cannot be read');
    at = blank(text, at + found.length);
    path.push(found.startsWith('"') ? (JSON.parse(found) as string) : found.replace(/^'|'$/g, ''));
    if (text[at] !== '.') return { path, to: at };
    at++;
  }
}

/** Strings of every kind, a comment, a bracket, or one other character. */
const token =
  /"""[\s\S]*?"""(?:"{0,2})|'''[\s\S]*?'''(?:'{0,2})|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[\s\S]/y;

function valueEnd(text: string, from: number): number {
  let depth = 0;
  let end = from;
  token.lastIndex = from;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    if (depth === 0 && (found === '\n' || found === '\r' || found.startsWith('#'))) break;
    if (found === '[' || found === '{') depth++;
    if (found === ']' || found === '}') depth--;
    if (found.trim() !== '') end = match.index + found.length;
  }
  return end;
}

const keyText = (key: string): string => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));

/** JSON is TOML for strings, numbers, truth and lists of them. */
function written(value: Json): string {
  if (value === null || (typeof value === 'object' && !Array.isArray(value)))
    throw new EditError('a table is not written in one piece');
  return JSON.stringify(value);
}
