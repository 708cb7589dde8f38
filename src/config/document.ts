import {
  Alias,
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml';
import type { Path, Problem } from './problem.ts';
import { substitute, type Environment } from './substitute.ts';

/** A place in the file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as plain data, and the way back from a path in the data to its place in the text. */
export interface ConfigDocument {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Where the value at `path` stands, or else the nearest thing around it. */
  position(path: Path): Position;
  /** Where the key stands that `path` ends with. */
  keyPosition(path: Path): Position;
  /** The environment variables that the value at `path` was made from. */
  variables(path: Path): readonly string[];
}

/** Reads a YAML text and replaces `${NAME}` in its strings, but not in its keys. */
export function readDocument(text: string, env: Environment): ConfigDocument {
  const lines = new LineCounter();
  // Pretty errors quote the source, which may hold a key.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: Problem[] = document.errors.map((error) => ({
    ...at(error.pos[0]),
    path: [],
    message: syntaxProblem(error.code, error.message, lineAt(text, error.pos[0])),
  }));

  const madeFrom = new Map<Node, readonly string[]>();
  visit(document, {
    Alias(_, node, parents) {
      const target = node.resolve(document);
      if (target && !parents.includes(target)) return;
      const message = target ? 'an alias cannot stand within what it refers to' : 'no anchor has that name';
      problems.push({ ...at(node.range?.[0] ?? 0), path: pathOf(document, node), message });
    },
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return;
      const result = substitute(node.value, env);
      node.value = result.text;
      if (result.from.length > 0) madeFrom.set(node, result.from);
      for (const message of result.problems) {
        problems.push({ ...at(node.range?.[0] ?? 0), path: pathOf(document, node), message });
      }
    },
  });

  let value: unknown = {};
  if (problems.length === 0) {
    try {
      value = document.toJS() ?? {};
    } catch {
      problems.push({ line: 1, column: 1, path: [], message: 'too many aliases' });
    }
  }
  return {
    value,
    problems,
    position: (path) => at(find(document, path).value),
    keyPosition: (path) => at(find(document, path).key),
    variables: (path) => {
      const { node, whole } = find(document, path);
      return (whole && node && madeFrom.get(node)) || [];
    },
  };
}

interface Found {
  readonly node: Node | null;
  /** Whether the whole path exists. */
  readonly whole: boolean;
  /** Offsets in the text. */
  readonly value: number;
  readonly key: number;
}

function find(document: Document, path: Path): Found {
  let node = document.contents as Node | null;
  let value = node?.range?.[0] ?? 0;
  let key = value;
  for (const step of path) {
    if (isAlias(node)) node = (node as Alias).resolve(document) ?? null;
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => String(isScalar(item.key) ? item.key.value : item.key) === String(step),
      );
      if (pair === undefined) return { node, whole: false, value, key };
      key = (pair.key as Node | null)?.range?.[0] ?? value;
      next = pair.value;
      value = (next as Node | null)?.range?.[0] ?? key;
    } else if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) {
      next = node.items[step];
      value = key = (next as Node | null)?.range?.[0] ?? value;
    } else {
      return { node, whole: false, value, key };
    }
    node = (next ?? null) as Node | null;
  }
  if (isAlias(node)) node = (node as Alias).resolve(document) ?? null;
  return { node, whole: true, value, key };
}

/** The path at which a scalar stands; only asked for when there is something to complain about. */
function pathOf(document: Document, wanted: Node): Path {
  const search = (node: unknown, path: Path): Path | undefined => {
    if (node === wanted) return path;
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const found = search(value, [...path, String(isScalar(key) ? key.value : key)]);
        if (found) return found;
      }
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) {
        const found = search(item, [...path, index]);
        if (found) return found;
      }
    }
    return undefined;
  };
  return search(document.contents, []) ?? [];
}

function lineAt(text: string, offset: number): string {
  const end = text.indexOf('\n', offset);
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, end < 0 ? undefined : end);
}

/** What the parser complains of, without the pieces of source that some of its messages quote. */
function syntaxProblem(code: string, message: string, line: string): string {
  const bracket = line.search(/[{,[]/);
  if (bracket >= 0 && line.includes('${', bracket + 1))
    return 'between { } and [ ] a reference must be quoted: "${NAME}"';
  const known: Record<string, string> = {
    DUPLICATE_KEY: 'this key is given twice',
    MULTIPLE_DOCS: 'only one document is allowed in the file',
    TAB_AS_INDENT: 'tabs cannot indent; use spaces',
    BAD_INDENT: 'the indentation does not fit what is around it',
    MISSING_CHAR: 'something is missing here: a quote, a comma or a closing bracket',
    UNEXPECTED_TOKEN: 'this does not belong here',
  };
  return known[code] ?? `not valid YAML: ${message.replace(/[:"'`].*$/s, '').trim()}`;
}
