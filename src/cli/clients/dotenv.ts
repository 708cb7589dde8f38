import type { Json } from '../../turn/json.ts';
import { EditError, type Format } from './format.ts';

/** A file of `NAME=value` lines. */
export const dotenv: Format = {
  name: 'a list of variables',

  parse(text) {
    const found: Record<string, unknown> = {};
    for (const { name, value } of variables(text)) found[name] = value;
    return found;
  },

  set(text, [name], value) {
    const written = plainValue(value);
    const known = variables(text).findLast((variable) => variable.name === name);
    if (known) return text.slice(0, known.valueFrom) + written + text.slice(known.valueTo);
    const newline = newlineOf(text);
    const gap = text === '' || text.endsWith('\n') ? '' : newline;
    return `${text}${gap}${name}=${written}${newline}`;
  },

  remove(text, [name]) {
    for (;;) {
      const known = variables(text).findLast((variable) => variable.name === name);
      if (known === undefined) return text;
      text = text.slice(0, known.from) + text.slice(known.to);
    }
  },
};

interface Variable {
  readonly name: string;
  readonly value: string;
  /** Its line, the line's end included. */
  readonly from: number;
  readonly to: number;
  readonly valueFrom: number;
  readonly valueTo: number;
}

const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

const line =
  /^([ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*)('(?:[^'])*'|"(?:[^"\\]|\\.)*"|`[^`]*`|[^#\r\n]*?)[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)/gm;

function variables(text: string): Variable[] {
  return [...text.matchAll(line)].map((match) => {
    const [whole, head, name, written] = match as unknown as [string, string, string, string];
    const from = match.index;
    const valueFrom = from + head.length;
    const value = /^(['"`])[\s\S]*\1$/.test(written) ? written.slice(1, -1) : written;
    return { name, value, from, to: from + whole.length, valueFrom, valueTo: valueFrom + written.length };
  });
}

/** With the fewest quotes, so that every reader of such files takes it alike. */
function plainValue(value: Json): string {
  if (typeof value === 'string') {
    if (/^[\w./:@%+,()-]*$/.test(value)) return value;
    if (!/['\r\n]/.test(value)) return `'${value}'`;
    if (!/["\\$\r\n]/.test(value)) return `"${value}"`;
  }
  throw new EditError(`${JSON.stringify(value)} cannot be written into such a file`);
}
