import { createHash } from 'node:crypto';
import { itemIdPrefixes } from '../protocols/openai-responses/wire.ts';
import { asArray, entryOf, isObject, type Json, type JsonObject } from '../turn/json.ts';

/** Something that is stored once for each caller: an item of a conversation, or a long member of a response. */
export interface Stored {
  /** Of the text: 128 bits, base64url. */
  readonly hash: string;
  readonly text: string;
  /** The item's own id, by which a request may refer to it. */
  readonly itemId: string | undefined;
}

/** One place in a conversation. */
export interface Entry {
  readonly hash: string;
  /** It is shown to the client and not sent again: its upstream gave nothing that another could read. */
  readonly isMute: boolean;
}

export function storedValue(value: Json): Stored {
  const text = JSON.stringify(value);
  return { hash: hashOf(text), text, itemId: undefined };
}

export function storedItem(item: JsonObject): Stored {
  const stored = storedValue(item);
  return typeof item.id === 'string' && item.id !== '' ? { ...stored, itemId: item.id } : stored;
}

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');

/**
 * Whether an item that passed in the native lane is of no use to anyone but the server that made it: reasoning that
 * came neither sealed nor in the open, which its server finds again by id.
 */
export const isMuteItem = (item: JsonObject): boolean =>
  item.type === 'reasoning' && !item.encrypted_content && asArray(item.content).length === 0;

/** Whether an item stands for the conversation before it. */
export const isCompaction = (item: Json): boolean => isObject(item) && item.type === 'compaction';

/** An item whose neighbour its server would miss if it knew the id; without one it stands alone. */
export function withoutId(item: JsonObject): JsonObject {
  const { id: _, ...others } = item;
  return others;
}

/** Entries as one column holds them: hashes with blanks between, a mute one after a tilde. */
export const entriesText = (entries: readonly Entry[]): string =>
  entries.map(({ hash, isMute }) => (isMute ? `~${hash}` : hash)).join(' ');

export function parseEntries(text: string): Entry[] {
  if (text === '') return [];
  return text
    .split(' ')
    .map((word) => (word[0] === '~' ? { hash: word.slice(1), isMute: true } : { hash: word, isMute: false }));
}

/**
 * The items of a request's `input`, of which a string is one user message. Anything else is no item and was refused
 * before.
 */
export function inputItems(input: Json | undefined): JsonObject[] {
  if (typeof input === 'string') {
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
  }
  return asArray(input).filter(isObject);
}

/** Stored items as the API shows them, each with an id that no other of them has. */
export function shownItems(texts: readonly string[], entries: readonly Entry[]): JsonObject[] {
  const seen = new Map<string, number>();
  return texts.map((text, i) => {
    const { hash } = entries[i]!;
    const count = seen.get(hash) ?? 0;
    seen.set(hash, count + 1);
    return shownItem(text, hash, count);
  });
}

/** A stored item as the API shows it: one that came without an id gets one by its hash and its place among equals. */
export function shownItem(text: string, hash: string, place: number): JsonObject {
  const item = JSON.parse(text) as JsonObject;
  if (typeof item.id === 'string' && item.id !== '') return item;
  const type = typeof item.type === 'string' ? item.type : 'message';
  const shown: JsonObject = {
    ...item,
    type,
    id: `${entryOf(itemIdPrefixes, type) ?? 'item'}_${hash}_${place}`,
  };
  if (type !== 'message') return shown;
  shown.status ??= 'completed';
  if (typeof item.content === 'string') {
    const part = item.role === 'assistant' ? 'output_text' : 'input_text';
    shown.content = [{ type: part, text: item.content }];
  }
  return shown;
}

/** The hash in an id that `shownItem` gave. */
export const hashIn = (id: string): string | undefined => /^[a-z]+_([\w-]{22})_\d+$/.exec(id)?.[1];
