import { isRecord } from '../../config/record.ts';
import type { Json } from '../../turn/json.ts';
import { EditError, type Format } from './format.ts';

/**
 * JSON with comments and trailing commas, as editors and clients write it. A change touches the characters of its own
 * setting only, and the comma before it.
 *
 * @example
 * jsonc.set('{\n  "a": 1 // mine\n}\n', ['b'], 2); // '{\n  "a": 1, // mine\n  "b": 2\n}\n'
 */
export const jsonc: Format = {
  name: 'JSON',

  parse(text) {
    if (bare(text) === '') return {};
    const value = toData(parseRoot(text), text);
    if (!isRecord(value)) throw new Error('it is no object');
    return value;
  },

  set(text, path, value) {
    if (bare(text) === '') text += `{}${newlineOf(text)}`;
    const root = parseRoot(text);
    const unit = indentUnit(text, root);
    const { node, depth } = deepest(root, path);
    if (depth === path.length) {
      const written = pretty(value, indentAt(text, node.lineOf ?? node.from), unit, newlineOf(text));
      return text.slice(0, node.from) + written + text.slice(node.to);
    }
    if (node.kind !== 'object') throw new EditError(`${path.slice(0, depth).join('.')} is no object there`);
    const rest = path.slice(depth + 1).reduceRight<Json>((inner, key) => ({ [key]: inner }), value);
    return insert(text, node, path[depth]!, rest, unit);
  },

  remove(text, path) {
    const { node: owner } = deepest(parseRoot(text), path.slice(0, -1));
    if (owner.kind !== 'object') return text;
    const at = owner.members.findLastIndex(({ key }) => key === path.at(-1));
    return at < 0 ? text : cutMember(text, owner, at);
  },
};

interface Member {
  readonly key: string;
  /** Where its name begins. */
  readonly from: number;
  readonly value: Node;
}

type Node = { readonly from: number; readonly to: number; readonly lineOf?: number } & (
  | { readonly kind: 'object'; readonly members: readonly Member[] }
  | { readonly kind: 'array'; readonly items: readonly Node[] }
  | { readonly kind: 'scalar' }
);

const bare = (text: string): string => text.slice(skip(text, 0)).trim();
const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');
const depthMax = 200;

/** The first place from `at` that is neither white space nor comment. */
function skip(text: string, at: number): number {
  for (;;) {
    while (at < text.length && /\s|\ufeff/.test(text[at]!)) at++;
    if (text.startsWith('//', at)) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      if (end < 0) throw wrong(text, at, 'a comment without an end');
      at = end + 2;
    } else return at;
  }
}

function parseRoot(text: string): Node {
  const node = parseNode(text, skip(text, 0), 0);
  const rest = skip(text, node.to);
  if (rest < text.length) throw wrong(text, rest, 'something after the end');
  return node;
}

function parseNode(text: string, from: number, depth: number, lineOf?: number): Node {
  if (depth > depthMax) throw wrong(text, from, 'it is nested too deeply');
  if (text[from] === '{') return parseObject(text, from, depth, lineOf);
  if (text[from] === '[') return parseArray(text, from, depth, lineOf);
  const scalar = /"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/y;
  scalar.lastIndex = from;
  const found = scalar.exec(text)?.[0];
  if (found === undefined) throw wrong(text, from, 'no value');
  JSON.parse(found);
  return { kind: 'scalar', from, to: from + found.length, lineOf };
}

function parseObject(text: string, from: number, depth: number, lineOf?: number): Node {
  const members: Member[] = [];
  let at = skip(text, from + 1);
  while (text[at] !== '}') {
    if (text[at] !== '"') throw wrong(text, at, 'no name of a member');
    const name = parseNode(text, at, depth + 1);
    const colon = skip(text, name.to);
    if (text[colon] !== ':') throw wrong(text, colon, 'no colon');
    const value = parseNode(text, skip(text, colon + 1), depth + 1, at);
    members.push({ key: JSON.parse(text.slice(at, name.to)) as string, from: at, value });
    at = skip(text, value.to);
    if (text[at] === ',') at = skip(text, at + 1);
    else if (text[at] !== '}') throw wrong(text, at, 'no comma');
  }
  return { kind: 'object', from, to: at + 1, members, lineOf };
}

function parseArray(text: string, from: number, depth: number, lineOf?: number): Node {
  const items: Node[] = [];
  let at = skip(text, from + 1);
  while (text[at] !== ']') {
    const item = parseNode(text, at, depth + 1);
    items.push(item);
    at = skip(text, item.to);
    if (text[at] === ',') at = skip(text, at + 1);
    else if (text[at] !== ']') throw wrong(text, at, 'no comma');
  }
  return { kind: 'array', from, to: at + 1, items, lineOf };
}

function wrong(text: string, at: number, what: string): Error {
  return new Error(`${what} in line ${text.slice(0, at).split('\n').length}`);
}

function toData(node: Node, text: string): unknown {
  if (node.kind === 'scalar') return JSON.parse(text.slice(node.from, node.to));
  if (node.kind === 'array') return node.items.map((item) => toData(item, text));
  return Object.fromEntries(node.members.map(({ key, value }) => [key, toData(value, text)]));
}

/** The node that a path leads to, or the last one on the way. */
function deepest(root: Node, path: readonly string[]): { node: Node; depth: number } {
  let node = root;
  for (let depth = 0; depth < path.length; depth++) {
    const next: Member | undefined =
      node.kind === 'object' ? node.members.findLast(({ key }) => key === path[depth]) : undefined;
    if (next === undefined) return { node, depth };
    node = next.value;
  }
  return { node, depth: path.length };
}

/** The white space before the first character of the line. */
const indentAt = (text: string, at: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', at - 1) + 1, at))![0];

function indentUnit(text: string, root: Node): string {
  const first = root.kind === 'object' ? root.members[0] : undefined;
  return (first && indentAt(text, first.from)) || '  ';
}

const pretty = (value: Json, indent: string, unit: string, newline: string): string =>
  JSON.stringify(value, null, unit).replaceAll('\n', newline + indent);

function insert(
  text: string,
  owner: Node & { kind: 'object' },
  key: string,
  value: Json,
  unit: string,
): string {
  const newline = newlineOf(text);
  const last = owner.members.at(-1);
  const own = indentAt(text, owner.lineOf ?? owner.from);
  const inLine = last !== undefined && !isOwnLine(text, last.from);
  const indent = last === undefined ? own + unit : inLine ? own : indentAt(text, last.from);
  const member = `${JSON.stringify(key)}: ${pretty(value, indent, unit, newline)}`;
  if (last === undefined) {
    const inside = text.slice(owner.from + 1, owner.to - 1);
    const rest = inside.trim() === '' ? newline + own : inside;
    return `${text.slice(0, owner.from + 1)}${newline}${indent}${member}${rest}${text.slice(owner.to - 1)}`;
  }
  const comma = commaAfter(text, last.value.to);
  const end = comma ?? last.value.to;
  if (inLine) return `${text.slice(0, end)}${comma === undefined ? ', ' : ' '}${member}${text.slice(end)}`;
  // A remark at the end of the line belongs to what stands before it.
  const remark = /[ \t]*(?:\/\/[^\n\r]*|\/\*[^\n]*?\*\/)/y;
  remark.lastIndex = end;
  const after = end + (remark.exec(text)?.[0].length ?? 0);
  const kept = text.slice(end, after);
  return `${text.slice(0, end)}${comma === undefined ? ',' : ''}${kept}${newline}${indent}${member}${text.slice(after)}`;
}

const isOwnLine = (text: string, at: number): boolean =>
  text.slice(text.lastIndexOf('\n', at - 1) + 1, at).trim() === '' && text.lastIndexOf('\n', at - 1) >= 0;

/** The place behind the comma that follows a value. */
function commaAfter(text: string, at: number): number | undefined {
  const found = skip(text, at);
  return text[found] === ',' ? found + 1 : undefined;
}

function cutMember(text: string, owner: Node & { kind: 'object' }, at: number): string {
  const { from, value } = owner.members[at]!;
  const comma = commaAfter(text, value.to);
  let start = from;
  let end = comma ?? value.to;
  const rest = /[ \t]*(?:\r?\n|$)/y;
  rest.lastIndex = end;
  const line = rest.exec(text);
  if (isOwnLine(text, from) && line !== null) {
    start = text.lastIndexOf('\n', from - 1) + 1;
    end += line[0].length;
  } else if (comma !== undefined) {
    end += /^[ \t]*/.exec(text.slice(end))![0].length;
  }
  const before = owner.members[at - 1];
  const isLast = at === owner.members.length - 1;
  if (!isLast || comma !== undefined || before === undefined) return text.slice(0, start) + text.slice(end);
  // The comma before it would be left hanging.
  const hanging = commaAfter(text, before.value.to)! - 1;
  const gap = isOwnLine(text, from) ? text.slice(hanging + 1, start) : '';
  return text.slice(0, hanging) + gap + text.slice(end);
}
