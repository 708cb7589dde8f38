import type { ProtocolId } from '../turn/part.ts';
import { contract as anthropicMessages } from './anthropic-messages/contract.ts';
import type { Contract, Field, Member, Treatment } from './contract.ts';
import { contract as googleGemini } from './google-gemini/contract.ts';
import { contract as openaiChat } from './openai-chat/contract.ts';
import { contract as openaiResponses } from './openai-responses/contract.ts';

/** The table of parity: one half for each protocol. */
export const contracts: ReadonlyMap<ProtocolId, Contract> = new Map(
  [openaiChat, openaiResponses, anthropicMessages, googleGemini].map((contract) => [
    contract.protocol,
    contract,
  ]),
);

/** The field by which a protocol's clients say what a member holds; the first where there are several. */
export const fieldOf = (protocol: ProtocolId, member: Member): Field | undefined =>
  indexes.get(protocol)?.byMember.get(member);

/**
 * The field that stands at a place of a request or of its description. A place names its variants as a field's
 * path does, or has indexes or nothing in their stead, which fit any.
 *
 * @example
 * fieldAt('anthropic-messages', 'tools[2].max_uses')?.path // 'tools[type=web_search_*].max_uses'
 */
export function fieldAt(protocol: ProtocolId, place: string): Field | undefined {
  const index = indexes.get(protocol);
  return index && lookUp(index, stepsOf(place));
}

/** Whether fields stand below this place, so that it is no more than their container. */
export const holdsFields = (protocol: ProtocolId, place: string): boolean =>
  indexes.get(protocol)?.holders.has(plainPath(place)) === true;

/** What becomes of a field of `from` at an upstream that speaks `to`. */
export function treatment(field: Field, from: ProtocolId, to: ProtocolId): Treatment {
  if (from === to) return { fate: 'carry' };
  const stated = field.at?.[to] ?? (field.is && memberTreatment(to, field.is)) ?? field.elsewhere;
  return stated ?? unknown;
}

const unknown: Treatment = { fate: 'drop', why: 'not known to this upstream' };

/** What a protocol makes of a neutral member. */
export const memberTreatment = (to: ProtocolId, member: Member): Treatment | undefined =>
  contracts.get(to)?.members[member];

/** A path without variants and indexes: `tools[type=custom].name` and `tools[3].name` are `tools[].name`. */
export const plainPath = (path: string): string => path.replace(/\[[^[\]]*\]/g, '[]');

interface Index {
  readonly byMember: ReadonlyMap<Member, Field>;
  /** By the plain path, or for all below a path by the path before the star. */
  readonly byPath: ReadonlyMap<string, readonly Entry[]>;
  readonly likes: readonly { readonly entry: Entry; readonly target: readonly string[] }[];
  readonly holders: ReadonlySet<string>;
}

interface Entry {
  readonly field: Field;
  readonly steps: readonly string[];
  /** All below belongs to it too. */
  readonly open: boolean;
}

const indexes: ReadonlyMap<ProtocolId, Index> = new Map(
  [...contracts].map(([protocol, { fields }]) => [protocol, indexOf(fields)]),
);

function indexOf(fields: readonly Field[]): Index {
  const byMember = new Map<Member, Field>();
  const byPath = new Map<string, Entry[]>();
  const likes: { entry: Entry; target: string[] }[] = [];
  const holders = new Set<string>();
  for (const field of fields) {
    if (field.is && !byMember.has(field.is)) byMember.set(field.is, field);
    if (field.like !== undefined) {
      likes.push({ entry: { field, steps: stepsOf(field.path), open: false }, target: stepsOf(field.like) });
    }
    for (const name of ['', ...(field.inside ?? [])]) {
      const open = name.endsWith('*');
      const inner = open ? name.replace(/\.?\*$/, '') : name;
      const path = inner === '' ? field.path : `${field.path}${inner.startsWith('[') ? '' : '.'}${inner}`;
      const plain = plainPath(path);
      const entry = { field, steps: stepsOf(path), open };
      byPath.set(plain, [...(byPath.get(plain) ?? []), entry]);
      for (let at = plain.lastIndexOf('.'); at > 0; at = plain.lastIndexOf('.', at - 1)) {
        holders.add(plain.slice(0, at));
        holders.add(plain.slice(0, at).replace(/(\[\])+$/, ''));
      }
    }
  }
  return { byMember, byPath, likes, holders };
}

/** `messages[2].content[type=text].text` as `messages`, `[2]`, `content`, `[type=text]`, `text`. */
function stepsOf(path: string): string[] {
  return path.match(/\[[^[\]]*\]|[^.[\]]+/g) ?? [];
}

/** What stands there itself, or where the same members are declared. */
function lookUp(index: Index, steps: readonly string[], deep = 0): Field | undefined {
  const found = search(index, steps);
  if (found || deep > likesDeepMax) return found;
  for (const { entry, target } of index.likes) {
    const { length } = entry.steps;
    if (length > steps.length || !fits(entry, steps.slice(0, length))) continue;
    const there = lookUp(index, [...target, ...steps.slice(length)], deep + 1);
    if (there) return there;
  }
  return undefined;
}

/** How often things of a kind may stand in one another: results in results. */
const likesDeepMax = 6;

/** The closest entry: the whole place, else what is open above it; of several variants, the one that is named. */
function search(index: Index, steps: readonly string[]): Field | undefined {
  for (let length = steps.length; length > 0; length--) {
    const plain = plainPath(joined(steps.slice(0, length)));
    const entries = index.byPath
      .get(plain)
      ?.filter((entry) => (length === steps.length || entry.open) && fits(entry, steps.slice(0, length)));
    const best = entries?.reduce((a, b) => (closeness(b, steps) > closeness(a, steps) ? b : a), entries[0]!);
    if (best) return best.field;
  }
  return undefined;
}

const joined = (steps: readonly string[]): string =>
  steps.map((step, i) => (i === 0 || step.startsWith('[') ? step : `.${step}`)).join('');

/** How well the variants of an entry are those of the place: the same word is more than any. */
function closeness({ steps }: Entry, place: readonly string[]): number {
  let sum = 0;
  steps.forEach((step, i) => {
    if (!step.startsWith('[') || step === '[]') return;
    const key = (text: string | undefined): string | undefined => text?.match(/^\[(\w+)=/)?.[1];
    sum += key(step) !== undefined && key(step) === key(place[i]) ? 2 : 1;
  });
  return sum;
}

const fits = ({ steps }: Entry, place: readonly string[]): boolean =>
  steps.length === place.length && steps.every((step, i) => fitsStep(step, place[i]!));

function fitsStep(step: string, given: string): boolean {
  if (!step.startsWith('[') || !given.startsWith('[')) return step === given;
  const [wanted, got] = [step.slice(1, -1), given.slice(1, -1)];
  if (wanted === '' || got === '' || /^\d+$/.test(got) || wanted === got) return true;
  const [key, words] = wanted.split('=', 2);
  const [gotKey, gotWords] = got.split('=', 2);
  if (words === undefined || gotWords === undefined) return false;
  // A description may tell a variant by another member than the table does.
  if (key !== gotKey) return true;
  return gotWords.split('|').every((word) => words.split('|').some((one) => isWord(one, word)));
}

const isWord = (pattern: string, word: string): boolean =>
  pattern.endsWith('*') ? word.startsWith(pattern.slice(0, -1)) : pattern === word;
