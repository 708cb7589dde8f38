import type { JsonObject } from '../../turn/json.ts';
import type { Tool } from '../../turn/part.ts';

/** The one argument through which a free-text tool speaks where only functions exist. */
const argument = 'input';

/** The schema under which a custom tool goes up as a function of one string. */
export function customSchema(tool: Tool): JsonObject {
  const grammar = tool.format?.type === 'grammar' ? tool.format : undefined;
  const description =
    grammar === undefined
      ? 'The whole input of the tool, as plain text.'
      : `The whole input of the tool, as plain text that follows this ${String(grammar.syntax ?? '')} grammar:\n${String(grammar.definition ?? '')}`;
  return {
    type: 'object',
    properties: { [argument]: { type: 'string', description } },
    required: [argument],
    additionalProperties: false,
  };
}

/** Free text as the arguments of such a function. */
export const wrapInput = (text: string): string => JSON.stringify({ [argument]: text });

/** The free text in such arguments; arguments of another shape come back as they are. */
export function unwrapInput(json: string): string {
  try {
    const value = JSON.parse(json) as JsonObject;
    const text = value?.[argument];
    return typeof text === 'string' ? text : json;
  } catch {
    return json;
  }
}

/**
 * Unwraps streamed arguments piece by piece: `{"input":"free text"}` in any splits gives the free text as it
 * comes. Escapes that are cut by a split wait for their rest. Arguments of another shape are passed on as they
 * are, from the first character that does not fit.
 */
export function inputUnwrapper(): { push(piece: string): string; end(): string } {
  let head = '';
  let tail = '';
  let state: 'head' | 'text' | 'over' | 'raw' = 'head';

  return {
    push(piece) {
      if (state === 'raw') return piece;
      if (state === 'over') return '';
      if (state === 'head') {
        head += piece;
        const opening = /^\s*\{\s*"input"\s*:\s*"/.exec(head);
        if (!opening) {
          if (couldOpen(head)) return '';
          state = 'raw';
          return head;
        }
        state = 'text';
        piece = head.slice(opening[0].length);
      }
      tail += piece;
      const { text, left, closed } = unescape(tail);
      tail = left;
      if (closed) state = 'over';
      return text;
    },
    end() {
      return state === 'head' ? head : '';
    },
  };
}

const opener = '{"input":"';

function couldOpen(text: string): boolean {
  const dense = text.replace(/\s+/g, '');
  return opener.startsWith(dense);
}

/** Reads a JSON string's inside up to its closing quote, or up to an unfinished escape. */
function unescape(text: string): { text: string; left: string; closed: boolean } {
  let to = 0;
  for (;;) {
    const next = text.charCodeAt(to);
    if (Number.isNaN(next)) break;
    if (next === 34) return { text: decode(text.slice(0, to)), left: '', closed: true };
    if (next !== 92) {
      to += 1;
      continue;
    }
    const size = text[to + 1] === 'u' ? 6 : 2;
    if (to + size > text.length) break;
    // A high surrogate waits for its partner, so that no half character leaves.
    if (/^\\u[dD][89abAB]/.test(text.slice(to, to + 4)) && to + 12 > text.length) break;
    to += size;
  }
  return { text: decode(text.slice(0, to)), left: text.slice(to), closed: false };
}

const decode = (inside: string): string => {
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside;
  }
};
