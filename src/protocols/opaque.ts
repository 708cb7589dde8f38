import type { Json, JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { Failure } from '../turn/failure.ts';
import type { Paths } from './json-paths.ts';

/** Where a protocol has opaque values that only their maker takes back, and how a request does without them. */
export interface OpaqueRules {
  /** Where they stand in the events and results of a reply. */
  readonly reply: Paths;
  /** Names of members, quotes included, of which an event that holds one has one. */
  readonly needles: readonly string[];
  /** Values that come in several events: `each` names those events, and `start` the one before the first of them. */
  readonly pieces?: { readonly each: string; readonly start: string };
  /** Clients take the values for bytes: what is put before one must be base64 too. */
  readonly isBase64?: boolean;
  /** Reasoning without one is refused: what others have not sealed gets a seal that says so. */
  readonly sealsAll?: boolean;
  /** The members that they stand under in a request. */
  readonly members: ReadonlySet<string>;
  /** Whether what one account of a provider has made is of no use to another one. */
  readonly accountBound: boolean;
  /** The conversation without the values that are foreign. */
  without(body: JsonObject, isForeign: IsForeign, model: string): Without;
  /** Whether the upstream has refused a value that it did not make, or misses one of its own. */
  refuses(failure: Failure): boolean;
}

/** `undefined` stands for a value that is missing where the API wants one. */
export type IsForeign = (value: string | undefined) => boolean;

/** A request without its foreign values. What is the same object as in the request was not changed. */
export interface Without {
  /** The conversation, element by element; `undefined` for what is left out. */
  readonly turns: readonly (Json | undefined)[];
  /** Other members with what they are now. */
  readonly members?: JsonObject;
  readonly notes: readonly Note[];
}

const mark = 'drgo1:';
const packedMark = btoa(mark);
/** What a value of this gateway's own making begins with, a quote before it: its origin, or another's packed seal. */
export const ownNeedle = ({ isBase64 }: OpaqueRules): Uint8Array => (isBase64 ? base64Needle : textNeedle);

const base64Needle = Buffer.from('"ZHJn');
const textNeedle = Buffer.from('"drg');

/**
 * What is put before an opaque value so that it says where it came from. `sealed` is text without colons. The value
 * itself stays as it is, to the byte; base64 before base64 is base64.
 */
export function originLabel(sealed: string, { isBase64 }: Pick<OpaqueRules, 'isBase64'>): string {
  if (!isBase64) return `${mark}${sealed}:`;
  const padded = sealed + ':'.repeat((3 - (sealed.length % 3)) % 3);
  return btoa(mark + String(padded.length / 3).padStart(3, '0') + padded);
}

/** Reads a label of either form at the start of a value; `length` is that of the label. */
export function readOriginLabel(value: string): { sealed: string; length: number } | undefined {
  if (value.startsWith(mark)) {
    const end = value.indexOf(':', mark.length);
    return end < 0 ? undefined : { sealed: value.slice(mark.length, end), length: end + 1 };
  }
  if (!value.startsWith(packedMark)) return undefined;
  const from = packedMark.length + 4;
  const groups = Number(Buffer.from(value.slice(packedMark.length, from), 'base64').toString());
  const length = from + 4 * groups;
  if (!Number.isInteger(groups) || value.length < length) return undefined;
  const sealed = Buffer.from(value.slice(from, length), 'base64')
    .toString()
    .replace(/:{1,2}$/, '');
  return { sealed, length };
}

/** Whether any of these failures' words says so. */
export const saysOneOf = ({ message, code }: Failure, words: RegExp): boolean =>
  words.test(message) || (code !== undefined && words.test(code));
