import type { Payload } from '../canonical.ts';
import { list, string } from '../canonical/read.ts';
import type { CanonicalRequest } from './canonical.ts';
import { media } from './conversation.ts';

type Turns = CanonicalRequest['turns'];

/** A way in which a conversation may read otherwise after a translation: what is left when it is taken out. */
interface Rule {
  readonly why: string;
  readonly plain: (part: string, source: Payload) => string | undefined;
}

const rules: readonly Rule[] = [
  {
    why: 'The call of a tool in a namespace goes up under the flat name.',
    plain: (part) => part.replace(/^(call \d+:)\w+?__/, '$1'),
  },
  {
    why: 'Instructions in mid conversation, and results that are media alone, go up with a word on what they are.',
    plain: (part) =>
      part
        .replace(/^text:<system-reminder>\n([^]*)\n<\/system-reminder>$/, 'text:$1')
        .replace(/^(result \d+:)The result is the attached media\.$/, '$1'),
  },
  {
    why: 'A document of text goes up as that text.',
    plain(part, source) {
      const isDocument = documentsOf(source).some(
        ({ data, title }) =>
          part === `document:${media(`data:text/plain;base64,${data}`)}` ||
          part === `text:${title}` ||
          (data !== '' && part.startsWith('text:') && part.includes(data)),
      );
      return isDocument ? undefined : part;
    },
  },
  {
    why: 'What a hosted tool did is told to its own vendor only; a found tool is told by its name.',
    // Kinds that mean nothing elsewhere stand without words of their own.
    plain: (part, source) =>
      /^[a-z_]+$/.test(part)
        ? undefined
        : JSON.stringify(source).includes('"tool_reference"')
          ? part.replace(/^(result \d+:)[^]*$/, '$1')
          : part,
  },
];

/** The documents of plain text anywhere in a request. */
function documentsOf(source: Payload): { data: string; title: string }[] {
  const found: { data: string; title: string }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { type, source: from, title } = value as Payload;
    const { data, media_type } = (from ?? {}) as Payload;
    if (type === 'document' && media_type === 'text/plain')
      found.push({ data: string(data), title: string(title) });
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(list(source['messages']));
  return found;
}

/**
 * Why two conversations that differ say the same, or `undefined` if they do not.
 *
 * @example
 * turnsWhy([{ role: 'user', parts: ['text:<system-reminder>\nHi\n</system-reminder>'] }], [{ role: 'user', parts: ['text:Hi'] }], {})
 * // ['Instructions in mid conversation, and …']
 */
export function turnsWhy(got: Turns, asked: Turns, source: Payload): string[] | undefined {
  const all = (turns: Turns): Turns => rules.reduce((left, rule) => applied(left, rule, source), turns);
  if (!Bun.deepEquals(all(got), all(asked))) return undefined;
  return rules
    .filter((rule) => [got, asked].some((turns) => !Bun.deepEquals(applied(turns, rule, source), turns)))
    .map(({ why }) => why);
}

const applied = (turns: Turns, { plain }: Rule, source: Payload): Turns =>
  turns.flatMap(({ role, parts }) => {
    const left = parts.map((part) => plain(part, source)).filter((part) => part !== undefined);
    return left.length === 0 ? [] : [{ role, parts: left }];
  });
