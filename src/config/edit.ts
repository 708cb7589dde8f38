import { isMap, isScalar, isSeq, parse, parseDocument, type Document } from 'yaml';
import type { Path } from './problem.ts';

/**
 * Changes one value in the text of a configuration. What was a plain value before is changed in its place and no
 * other character with it; what is added, taken out or a list keeps comments and order. `value` is read as YAML, so
 * that `4300` is a number and `[a, b]` a list; `undefined` takes the value out.
 *
 * A path is written as problems are told: `server.port`, `models["gpt-5.4"]`. Entries of a list are found by their
 * number or their `name`; `-` is the place after the last one.
 *
 * @example
 * setInText('server:\n  port: 1 # mine\n', 'server.port', '2'); // 'server:\n  port: 2 # mine\n'
 */
export function setInText(text: string, dotted: string, value: string | undefined): string {
  const document = open(text);
  const path = resolvePath(document, dotted);
  const known = document.getIn(path, true);
  const wanted: unknown = value === undefined ? undefined : parse(value);
  if (isScalar(known) && known.range && wanted !== undefined && !(wanted instanceof Object)) {
    const written = isPlain(value!, wanted) ? value!.trim() : JSON.stringify(wanted);
    return text.slice(0, known.range[0]) + written + text.slice(known.range[1]);
  }
  if (wanted === undefined) {
    if (known === undefined) throw new Error(`nothing is set at ${dotted}`);
    document.deleteIn(path);
  } else if (path.at(-1) === end) {
    document.setIn(path.slice(0, -1), document.createNode([wanted]));
  } else {
    document.setIn(path, document.createNode(wanted));
  }
  return document.toString({ lineWidth: 0 });
}

/** Whether a value can stand in the file as it was typed, inside brackets too; else JSON is YAML as well. */
const isPlain = (typed: string, wanted: unknown): boolean => {
  try {
    const [one, ...more] = parse(`[${typed}]`) as unknown[];
    return one === wanted && more.length === 0 && !/[\n#]/.test(typed);
  } catch {
    return false;
  }
};

/** The value at a dotted path of plain data. Entries of a list are found by their number or their `name`. */
export function getIn(data: unknown, dotted: string): unknown {
  let value = data;
  for (const step of steps(dotted)) {
    if (Array.isArray(value)) {
      value = /^\d+$/.test(step)
        ? value[Number(step)]
        : value.find((entry) => (entry as { name?: unknown } | null)?.name === step);
    } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, step)) {
      value = (value as Record<string, unknown>)[step];
    } else {
      return undefined;
    }
  }
  return value;
}

function open(text: string): Document {
  const document = parseDocument(text);
  if (document.errors.length > 0)
    throw new Error('the file is not valid YAML; `dragoman config check` says where');
  if (document.contents === null) document.contents = document.createNode({}) as never;
  return document;
}

/** The place after the last entry of a list. */
const end = '-';

const step = /\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[]+)/g;

const steps = (dotted: string): string[] =>
  [...dotted.matchAll(step)].map(([, quoted, number, plain]) =>
    quoted === undefined ? (number ?? plain!) : quoted.replace(/\\(.)/g, '$1'),
  );

/** `providers.claude.api_key` as the document has it: `['providers', 1, 'api_key']`. */
function resolvePath(document: Document, dotted: string): Path {
  const path: (string | number)[] = [];
  let node: unknown = document.contents;
  for (const step of steps(dotted)) {
    if (isSeq(node)) {
      const { items } = node;
      const index = /^\d+$/.test(step)
        ? Number(step)
        : step === end
          ? items.length
          : items.findIndex((item) => isMap(item) && item.get('name') === step);
      if (index < 0 || index > items.length)
        throw new Error(`there is no entry named ${JSON.stringify(step)} in ${path.join('.')}`);
      path.push(index);
      node = items[index];
    } else {
      path.push(step);
      node = isMap(node) ? node.get(step, true) : undefined;
    }
  }
  if (path.length === 0) throw new Error('say what to change, such as server.port');
  return path;
}
