import type { Contract, Fate, Field, Treatment } from '../../src/protocols/contract.ts';
import { contracts, treatment } from '../../src/protocols/contracts.ts';
import type { ProtocolId } from '../../src/turn/part.ts';
import { narrowings } from './narrowings.ts';

const nameOf: Readonly<Record<ProtocolId, string>> = {
  'openai-chat': 'Chat Completions',
  'openai-responses': 'Responses',
  'anthropic-messages': 'Messages',
  'google-gemini': 'Gemini',
};

const wordOf: Readonly<Record<Fate, string>> = {
  carry: '●',
  translate: 'translated',
  emulate: 'emulated',
  clamp: 'clamped',
  drop: 'dropped',
  refuse: 'refused',
  moot: '·',
};

/** docs/parity.md, from the contracts alone: the same tables make the same text. */
export async function parity(): Promise<string> {
  const all = [...contracts.values()];
  return `# Parity

Made by \`npm run parity\`; do not edit. What becomes of every field of a request when its upstream speaks another
protocol than the client. Where both speak the same one nothing is looked at: the body passes as it came, but for
the name of the model and what a provider narrows (at the end).

The encoders read the same tables. A test holds these against the types of the official SDKs and the vendors' OpenAPI
documents, and fails on a field that is missing here.

| sign | what becomes of the field |
| --- | --- |
| ● | carried: said by the field of that protocol that says the same |
| translated | said in other words with the same meaning |
| emulated | done by other means, with a note |
| clamped | carried, but brought within that protocol's bounds, with a note where that changes it |
| dropped | left out, with a note |
| **dropped** | the same, where the reply may differ for it: \`fidelity: strict\` answers 400 instead. So with the other words |
| refused | the request makes no sense without it: a 400 that names it |
| · | says nothing that the other side could hear or miss; left out without a note |

Notes reach the client in the header \`dragoman-notes\`, the log and a metric. The small numbers point to the reasons
under the tables of each client's protocol; a ● with a number is carried but for the case that is named there. Fields marked *beyond* are not in the vendor's
documents; servers that speak its protocol take them. \`[]\` is any entry of a list, \`[type=a|b]\` entries of these
types, \`*\` whatever is below.

## In numbers

Rows of the tables below, by what becomes of them: carried or translated, emulated or clamped, dropped, refused, of
no consequence.

${overview(all)}

${all.map((source) => section(source, all)).join('\n')}
## What providers narrow

Further to the tables, a provider may take no more than a list of members at the top of a request. The model, the
conversation and \`stream\` always pass; all others are left out with a note. Lists of what is allowed, not of what is
known to fail: a strict server refuses what it does not know.

${await narrowings()}
`;
}

/** The tables of one protocol as the client's, and the reasons that they point to. */
function section(source: Contract, all: readonly Contract[]): string {
  const reasons = new Reasons();
  const targets = all.filter((target) => target !== source).map(({ protocol }) => protocol);
  const head = row(['field', ...targets.map((target) => `→ ${nameOf[target]}`)]);
  const rule = `| --- |${' --- |'.repeat(targets.length)}`;
  const tables = subjects.flatMap((subject) => {
    const fields = source.fields.filter((field) => subjectOf(field, source) === subject);
    const rows = fields.map((field) => row([place(field), ...cells(field)]));
    return rows.length === 0 ? [] : [`### ${subject}\n\n${[head, rule, ...rows].join('\n')}\n`];
  });
  const name = nameOf[source.protocol];
  return `## From ${name}\n\n${tables.join('\n')}\n### Reasons, from ${name}\n\n${reasons.list()}\n`;

  function cells(field: Field): string[] {
    const { like, is, elsewhere, at } = field;
    if (like !== undefined && !is && !elsewhere && !at) return targets.map(() => `as \`${like}\``);
    return targets.map((target) => reasons.cell(treatment(field, source.protocol, target)));
  }
}

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** A field and the members inside it that share its fate. */
function place({ path, inside: all = [], beyond }: Field): string {
  // What holds a member that is named goes without saying.
  const inside = all.filter(
    (name) => !all.some((other) => other.startsWith(`${name}.`) || other.startsWith(`${name}[`)),
  );
  const own = `\`${path}\`${beyond ? ' *beyond*' : ''}`;
  if (inside.length === 0) return own;
  if (inside.length === 1 && inside[0] === '*') return `${own} and all in it`;
  return `${own} with ${inside.map((name) => `\`${name}\``).join(', ')}`;
}

const subjects = [
  'Conversation',
  'Tools',
  'Sampling and limits',
  'Reasoning',
  'Output',
  'Model, delivery, state and cache',
  'Known to this protocol only',
] as const;

type Subject = (typeof subjects)[number];

/** A field without a neutral member stands with the others under the same name at the top of the request. */
function subjectOf(field: Field, { fields }: Contract): Subject {
  const top = (path: string): string => /^\w+/.exec(path)![0];
  const member = field.is ?? fields.find((other) => other.is && top(other.path) === top(field.path))?.is;
  switch (member?.split('.')[0]) {
    case undefined:
      return 'Known to this protocol only';
    case 'instructions':
    case 'turns':
    case 'parts':
      return 'Conversation';
    case 'tools':
    case 'toolChoice':
    case 'parallelTools':
      return 'Tools';
    case 'sampling':
    case 'outputTokensMax':
      return 'Sampling and limits';
    case 'reasoning':
      return 'Reasoning';
    case 'output':
    case 'format':
      return 'Output';
    default:
      return 'Model, delivery, state and cache';
  }
}

/** Numbers the reasons in the order in which the tables first need them. */
class Reasons {
  readonly #numbers = new Map<string, number>();

  cell({ fate, why, weight, cases = {} }: Treatment): string {
    const word = weight === 'degrade' ? `**${wordOf[fate]}**` : wordOf[fate];
    const texts = [
      ...(why === undefined ? [] : [why]),
      ...Object.values(cases).map((one) => {
        const exception = one.weight === 'degrade' ? `**${wordOf[one.fate]}**` : wordOf[one.fate];
        return one.why === one.when
          ? `${exception} when ${one.when}`
          : `${exception} when ${one.when}: ${one.why}`;
      }),
    ];
    return texts.length === 0
      ? word
      : `${word} <sup>${texts.map((text) => this.#number(text)).join(', ')}</sup>`;
  }

  list(): string {
    return [...this.#numbers].map(([text, number]) => `${number}. ${text}`).join('\n');
  }

  #number(text: string): number {
    const number = this.#numbers.get(text) ?? this.#numbers.size + 1;
    this.#numbers.set(text, number);
    return number;
  }
}

function overview(all: readonly Contract[]): string {
  const head = row(['client ↓ upstream →', ...all.map(({ protocol }) => nameOf[protocol])]);
  const rows = all.map((source) => {
    const cells = all.map((target) => (target === source ? 'as it came' : counts(source, target.protocol)));
    return row([`${nameOf[source.protocol]} (${source.fields.length})`, ...cells]);
  });
  return [head, `| --- |${' --- |'.repeat(all.length)}`, ...rows].join('\n');
}

function counts(source: Contract, target: ProtocolId): string {
  const fates = source.fields.map((field) => treatment(field, source.protocol, target).fate);
  const classes: readonly (readonly Fate[])[] = [
    ['carry', 'translate'],
    ['emulate', 'clamp'],
    ['drop'],
    ['refuse'],
    ['moot'],
  ];
  return classes.map((class_) => fates.filter((fate) => class_.includes(fate)).length).join(' / ');
}
