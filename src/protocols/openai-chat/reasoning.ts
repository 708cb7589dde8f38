import { asArray, asString, isObject } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { ReasoningPart, Seal } from '../../turn/part.ts';
import { packSeal, unpackSeal } from '../seal.ts';
import { own } from './fields.ts';

/**
 * Reasoning has no place in OpenAI's own Chat schema. Compatible servers use `reasoning_content`, `reasoning` or
 * `reasoning_text` for the text, `reasoning_details` (entries `reasoning.text` with a `signature`,
 * `reasoning.summary`, `reasoning.encrypted` with `data`) or `reasoning_opaque` for what must come back unread.
 */
export const textKeys = ['reasoning_content', 'reasoning', 'reasoning_text'] as const;

/** The reasoning text of a message or delta: the first of the known members that is not empty. */
export function plainReasoning(from: JsonObject): string {
  const content = from.reasoning_content;
  if (typeof content === 'string' && content !== '') return content;
  const reasoning = from.reasoning;
  if (typeof reasoning === 'string' && reasoning !== '') return reasoning;
  const text = from.reasoning_text;
  return typeof text === 'string' ? text : '';
}

/** The text in `reasoning_details` entries. */
export function detailsText(details: readonly Json[]): string {
  let text = '';
  for (const entry of details) {
    if (isObject(entry)) text += asString(entry.text) ?? asString(entry.summary) ?? '';
  }
  return text;
}

/** Adds streamed `reasoning_details`: pieces of one text or summary are joined, all else is a new entry. */
export function mergeDetails(entries: JsonObject[], piece: JsonObject): void {
  const last = entries.at(-1);
  const joins =
    last !== undefined &&
    last.type === piece.type &&
    last.index === piece.index &&
    (piece.type === 'reasoning.text' || piece.type === 'reasoning.summary') &&
    (piece.id === undefined || piece.id === null || last.id === piece.id) &&
    !(typeof last.signature === 'string' && typeof piece.text === 'string');
  if (!joins) {
    entries.push({ ...piece });
    return;
  }
  for (const key in piece) {
    const value = piece[key];
    if (value === undefined || value === null) continue;
    const before = last[key];
    const grows = (key === 'text' || key === 'summary') && typeof before === 'string';
    last[key] = grows && typeof value === 'string' ? before + value : value;
  }
}

/** This protocol's seal: the entries, or the members of the message, that go back as they came. */
export function ownSeal(
  details: readonly JsonObject[],
  opaque: string | undefined,
  issuer?: string,
): Seal | undefined {
  if (opaque === undefined) {
    if (details.length === 0) return undefined;
    return { protocol: own, issuer, value: JSON.stringify(details) };
  }
  const members: JsonObject = { reasoning_opaque: opaque };
  if (details.length > 0) members.reasoning_details = [...details];
  return { protocol: own, issuer, value: JSON.stringify(members) };
}

/** The message members that an own seal stands for. */
export function openOwnSeal(value: string): { details: Json[]; opaque?: string } {
  let members: Json;
  try {
    members = JSON.parse(value) as Json;
  } catch {
    return { details: [] };
  }
  if (Array.isArray(members)) return { details: members };
  if (!isObject(members)) return { details: [] };
  return { details: asArray(members.reasoning_details), opaque: asString(members.reasoning_opaque) };
}

/**
 * The `reasoning_details` and `reasoning_opaque` of a reply, from its reasoning parts in order. Without any seal
 * there are none: the text alone went out as `reasoning_content`.
 */
export function encodeSeals(parts: readonly ReasoningPart[]): { details?: Json[]; opaque?: string } {
  if (!parts.some((part) => part.seal)) return {};
  const details: Json[] = [];
  let opaque: string | undefined;
  const foreign = parts.find(({ seal }) => seal !== undefined && seal.protocol !== own)?.seal;
  parts.forEach((part, index) => {
    if (part.seal?.protocol !== own) {
      // One that has no seal says with an empty one whose it is.
      const sealed = part.seal || !foreign ? part : { ...part, seal: { ...foreign, value: '' } };
      details.push({ type: 'reasoning.encrypted', data: packPart(sealed), index });
      return;
    }
    const opened = openOwnSeal(part.seal.value);
    details.push(...opened.details);
    opaque = opened.opaque ?? opaque;
  });
  return { details: details.length > 0 ? details : undefined, opaque };
}

const mark = 'drgr1:';

/**
 * Puts a sealed part of another protocol into one opaque member. Its text goes along, because the maker wants it
 * back to the letter and SDKs that join streams keep only the last piece of members that they do not know; as
 * a readable entry it would be shown twice.
 */
function packPart(part: ReasoningPart): string {
  const seal = part.seal && packSeal(part.seal, part.id);
  if (seal !== undefined && !part.text && !part.summary) return seal;
  return mark + JSON.stringify({ seal, text: part.text, summary: part.summary });
}

/** Reads what `packPart` wrote; none for a value that is not a packed part. */
function openPart(data: string): ReasoningPart | undefined {
  if (!data.startsWith(mark)) {
    const opened = unpackSeal(data, own);
    if (!opened || opened.seal.protocol === own) return undefined;
    return { kind: 'reasoning', hidden: true, id: opened.id, seal: opened.seal };
  }
  let packed: Json;
  try {
    packed = JSON.parse(data.slice(mark.length)) as Json;
  } catch {
    return undefined;
  }
  if (!isObject(packed)) return undefined;
  const opened = unpackSeal(asString(packed.seal) ?? '', own);
  const part: ReasoningPart = { kind: 'reasoning' };
  if (opened?.id !== undefined) part.id = opened.id;
  if (opened && opened.seal.value !== '') part.seal = opened.seal;
  if (typeof packed.text === 'string') part.text = packed.text;
  if (Array.isArray(packed.summary)) part.summary = packed.summary.filter((text) => typeof text === 'string');
  return part;
}

/**
 * Reads the reasoning of an assistant message in the history. Entries that hold another protocol's part become
 * that part again; the others together are one part with this protocol's seal. `consumed` names the message
 * members that are now in the parts.
 */
export function decodeReasoning(message: JsonObject): { parts: ReasoningPart[]; consumed: string[] } {
  const parts: ReasoningPart[] = [];
  // Members that say nothing are not worth keeping.
  const consumed: string[] = [...textKeys, 'reasoning_details', 'reasoning_opaque'].filter(
    (key) => message[key] === null || message[key] === '',
  );
  if (Array.isArray(message.reasoning_details)) {
    consumed.push('reasoning_details');
    const bare: JsonObject[] = [];
    for (const entry of message.reasoning_details) {
      if (!isObject(entry)) continue;
      const part = typeof entry.data === 'string' ? openPart(entry.data) : undefined;
      if (part) parts.push(part);
      else bare.push(entry);
    }
    const seal = ownSeal(bare, undefined);
    const text = detailsText(bare);
    if (seal) parts.push({ kind: 'reasoning', seal, ...(text === '' ? { hidden: true } : { text }) });
  }

  const plain = plainReasoning(message);
  if (plain !== '' && !parts.some((part) => part.text !== undefined || part.summary !== undefined)) {
    consumed.push(...textKeys);
    const silent = parts.find((part) => part.seal?.protocol === own);
    if (silent) {
      silent.text = plain;
      delete silent.hidden;
    } else {
      parts.push({ kind: 'reasoning', text: plain });
    }
  }
  const opaque = asString(message.reasoning_opaque);
  if (opaque) {
    consumed.push('reasoning_opaque');
    const first = parts[0];
    if (first && !first.seal) first.seal = ownSeal([], opaque);
    else parts.push({ kind: 'reasoning', hidden: true, seal: ownSeal([], opaque) });
  }
  return { parts, consumed };
}
