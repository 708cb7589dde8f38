import { randomBytes } from 'node:crypto';
import type { Context, Hono } from 'hono';
import type { Caller } from '../access/gatekeeper.ts';
import { retentionMsOf } from '../access/rules.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import {
  storeAway,
  type Conversation,
  type FinishedTurn,
  type Sessions,
  type Snapshot,
} from '../sessions/sessions.ts';
import { SessionTooLarge } from '../sessions/written.ts';
import { FailureError, refuse } from '../turn/failure.ts';
import { asObject, isObject, parseObject, type Json, type JsonObject } from '../turn/json.ts';
import { pageAsked, pageOf } from './paging.ts';
import { readBody } from './body.ts';
import { answerStored, type Answer } from './responses-routes.ts';

/**
 * OpenAI's Conversations: a name under which a conversation goes on from turn to turn, for requests that say
 * `conversation`; what is told of it; and its items. Everything is the caller's own.
 */
export function conversationRoutes(app: Hono, deps: PipelineDeps): void {
  const at = (template: string, answer: Answer) => (c: Context) => answerStored(deps, c, template, answer);
  for (const prefix of ['/v1', '/:provider/v1']) {
    const all = `${prefix}/conversations`;
    app.post(all, at('/v1/conversations', create));
    app.get(`${all}/:id`, at('/v1/conversations/{id}', retrieve));
    app.post(`${all}/:id`, at('/v1/conversations/{id}', update));
    app.delete(`${all}/:id`, at('/v1/conversations/{id}', remove));
    app.get(`${all}/:id/items`, at('/v1/conversations/{id}/items', listItems));
    app.post(`${all}/:id/items`, at('/v1/conversations/{id}/items', addItems));
    app.get(`${all}/:id/items/:item`, at('/v1/conversations/{id}/items/{item}', retrieveItem));
    app.delete(`${all}/:id/items/:item`, at('/v1/conversations/{id}/items/{item}', removeItem));
  }
}

/** Items that may be given at a time; OpenAI's own bound, as are those of the metadata. */
const givenItemsMax = 20;
const metadataMax = { pairs: 16, nameChars: 64, valueChars: 512 };
const bodyBytesMax = 16 * 1024 * 1024;

const create: Answer = async (sessions, caller, _, c) => {
  const body = await bodyOf(c);
  const conversation: Conversation = {
    id: `conv_${randomBytes(24).toString('hex')}`,
    createdAt: Math.floor(Date.now() / 1000),
    metadata: metadataOf(body.metadata ?? {}),
  };
  const inputs = givenItems(body.items ?? []);
  await store(sessions, caller, { parent: undefined, conversation, inputs });
  return shown(conversation);
};

const retrieve: Answer = async (sessions, caller, id) =>
  shown((await named(sessions, caller, id)).conversation);

const update: Answer = async (sessions, caller, id, c) => {
  const { metadata } = await bodyOf(c);
  if (metadata === undefined) refuse("Missing required parameter: 'metadata'.", 'metadata');
  const { conversation } = await named(sessions, caller, id);
  const told = { ...conversation, metadata: metadataOf(metadata) };
  return (await sessions!.describe(caller.id, told)) ? shown(told) : notFound(id);
};

const remove: Answer = async (sessions, caller, id) => {
  const removed = await sessions?.remove(caller.id, id, 'conversation').catch(away);
  return removed ? { id, object: 'conversation.deleted', deleted: true } : notFound(id);
};

const listItems: Answer = async (sessions, caller, id, c) => {
  const asked = pageAsked(c);
  return pageOf(await itemsOf(sessions, caller, id), asked);
};

const addItems: Answer = async (sessions, caller, id, c) => {
  const { items } = await bodyOf(c);
  if (items === undefined) refuse("Missing required parameter: 'items'.", 'items');
  const inputs = givenItems(items);
  const { snapshot, conversation } = await named(sessions, caller, id);
  if (inputs.length > 0) await store(sessions, caller, { parent: snapshot, conversation, inputs });
  const all = await itemsOf(sessions, caller, id);
  const data = inputs.length === 0 ? [] : all.slice(-inputs.length);
  return pageOf(data, { limit: givenItemsMax, order: 'asc', after: undefined });
};

const retrieveItem: Answer = async (sessions, caller, id, c) => {
  const item = c.req.param('item')!;
  const found = (await itemsOf(sessions, caller, id)).find((each) => each.id === item);
  return found ?? noItem(item);
};

const removeItem: Answer = async (sessions, caller, id, c) => {
  const item = c.req.param('item')!;
  const { snapshot, conversation } = await named(sessions, caller, id);
  const taken = await sessions!.takeOut(snapshot, conversation, item).catch(away);
  return taken ? shown(conversation) : noItem(item);
};

async function named(
  sessions: Sessions | undefined,
  { id: caller }: Caller,
  id: string,
): Promise<{ snapshot: Snapshot; conversation: Conversation }> {
  const snapshot = await sessions?.find(caller, id, 'conversation');
  const conversation = snapshot?.conversation;
  return snapshot === undefined || conversation === undefined ? notFound(id) : { snapshot, conversation };
}

async function itemsOf(sessions: Sessions | undefined, caller: Caller, id: string): Promise<JsonObject[]> {
  const { snapshot } = await named(sessions, caller, id);
  return (await sessions!.items(snapshot)) ?? notFound(id);
}

/** Writes what is said of a conversation without asking a model. */
async function store(
  sessions: Sessions | undefined,
  caller: Caller,
  said: Pick<FinishedTurn, 'parent' | 'conversation' | 'inputs'>,
): Promise<void> {
  const retentionMs = retentionMsOf(caller.key?.rules);
  if (sessions === undefined || !sessions.limits.isOn || retentionMs === 0) {
    refuse('This gateway keeps no conversations for you.', undefined, noStore);
  }
  await sessions.commit({ ...said, caller: caller.id, response: {}, native: false, retentionMs }).catch(away);
}

const noStore = { status: 404, kind: 'not_found', code: 'not_found' } as const;

function away(error: unknown): never {
  if (error instanceof SessionTooLarge) {
    refuse('The items are larger than what is kept of one turn.', 'items', {
      status: 413,
      kind: 'too_large',
    });
  }
  if (error instanceof FailureError) throw error;
  throw new FailureError(storeAway(error));
}

const shown = ({ id, createdAt, metadata }: Conversation): JsonObject => ({
  id,
  object: 'conversation',
  created_at: createdAt,
  metadata,
});

function givenItems(items: Json): JsonObject[] {
  if (!Array.isArray(items)) refuse("Invalid type for 'items': expected an array.", 'items', invalid);
  if (items.length > givenItemsMax) {
    refuse(`Invalid 'items': at most ${givenItemsMax} items may be given.`, 'items', {
      code: 'invalid_value',
    });
  }
  return items.map((item, i) => {
    if (!isObject(item))
      refuse(`Invalid type for 'items[${i}]': expected an object.`, `items[${i}]`, invalid);
    return item;
  });
}

function metadataOf(value: Json): JsonObject {
  const metadata = asObject(value);
  if (metadata === undefined) refuse("Invalid type for 'metadata': expected an object.", 'metadata', invalid);
  const { pairs, nameChars, valueChars } = metadataMax;
  const entries = Object.entries(metadata);
  if (entries.length > pairs) refuse(`Invalid 'metadata': at most ${pairs} pairs may be given.`, 'metadata');
  for (const [name, text] of entries) {
    if (typeof text !== 'string' || text.length > valueChars || name.length > nameChars) {
      const path = `metadata.${name.slice(0, nameChars)}`;
      refuse(
        `Invalid '${path}': names have up to ${nameChars} characters, values up to ${valueChars}.`,
        path,
        invalid,
      );
    }
  }
  return metadata;
}

const invalid = { code: 'invalid_type' } as const;

async function bodyOf(c: Context): Promise<JsonObject> {
  const bytes = await readBody(c.req.raw, bodyBytesMax);
  if (bytes.length === 0) return {};
  return parseObject(bytes) ?? refuse('the request body is not a JSON object');
}

const notFound = (id: string): never =>
  refuse(`Conversation with id '${id.slice(0, 200)}' not found.`, undefined, {
    status: 404,
    kind: 'not_found',
  });

const noItem = (id: string): never =>
  refuse(`Item with id '${id.slice(0, 200)}' not found.`, undefined, { status: 404, kind: 'not_found' });
