import { createHash } from 'node:crypto';
import { asObject, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import { uuidOf } from './uuid.ts';

/** What the items of a request say about the turn they are of. */
export interface Conversation {
  /** Hash of everything through the first message of the user; absent without one. */
  readonly opening: string | undefined;
  /** Hash of everything through the last message of the user, which begins a turn; absent without one. */
  readonly asked: string | undefined;
  /** Tool results follow that message: the turn has begun with an earlier request. */
  readonly continues: boolean;
  /** Something of the model stands in it: it is not the conversation's first request. */
  readonly goesOn: boolean;
  /** The history is to be compacted and nothing else. */
  readonly compacts: boolean;
  /** Its tools stand among the items, as models of the light form want them. */
  readonly light: boolean;
}

/** Between the parts of a hash, so that no text can move from one into the other. */
const separator = '\u0001';

/**
 * Reads a conversation. Both hashes hold the instructions and the items, so that a client that sends its history again
 * each time is in the same session each time; and the caller, so that two callers with the same prompt are not.
 */
export function readConversation(
  caller: string,
  instructions: Json | undefined,
  items: readonly Json[],
): Conversation {
  const hash = createHash('sha256').update(caller).update(separator);
  hash.update(typeof instructions === 'string' ? instructions : '').update(separator);
  const firstAt = items.findIndex(isByUser);
  const lastAt = items.findLastIndex(isByUser);
  let opening: string | undefined;
  let asked: string | undefined;
  for (let i = 0; i <= lastAt; i++) {
    hash.update(JSON.stringify(lasting(items[i]!)) + separator);
    if (i === firstAt) opening = uuidOf(hash.copy().digest());
    if (i === lastAt) asked = uuidOf(hash.digest());
  }
  return {
    opening,
    asked,
    continues: items.findLastIndex(isResult) > lastAt,
    goesOn: items.some(isByModel),
    compacts: items.some((item) => asObject(item)?.type === 'compaction_trigger'),
    light: asObject(items[0])?.type === 'additional_tools',
  };
}

/** Ids are given anew, and the notes of a client on its items are not the conversation. */
function lasting(item: Json): Json {
  if (!isObject(item)) return item;
  const { id: _, internal_chat_message_metadata_passthrough: __, ...rest } = item;
  return rest;
}

const isByUser = (item: Json): item is JsonObject =>
  isObject(item) && item.role === 'user' && (item.type === undefined || item.type === 'message');

const isByModel = (item: Json): boolean => {
  const { role, type } = asObject(item) ?? {};
  return role === 'assistant' || type === 'reasoning' || (typeof type === 'string' && type.endsWith('_call'));
};

const isResult = (item: Json): boolean => {
  const type = asObject(item)?.type;
  return typeof type === 'string' && type.endsWith('_output');
};
