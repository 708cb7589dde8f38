import { randomBytes } from 'node:crypto';
import type { Hono } from 'hono';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import { inputItems } from '../sessions/items.ts';
import type { Conversation, Sessions } from '../sessions/sessions.ts';
import { refuse } from '../turn/failure.ts';
import { asObject, type Json, type JsonObject } from '../turn/json.ts';
import { tell, type Answer } from './responses-routes.ts';

/**
 * `POST /v1/conversations`, `GET` and `DELETE /v1/conversations/{id}`: a name under which a conversation goes on from
 * turn to turn, for requests that say `conversation`.
 */
export function conversationRoutes(app: Hono, deps: PipelineDeps): void {
  for (const prefix of ['/v1', '/:provider/v1']) {
    app.post(`${prefix}/conversations`, (c) => tell(deps, c, '/v1/conversations', create));
    const one = `${prefix}/conversations/:id`;
    app.get(one, (c) => tell(deps, c, '/v1/conversations/{id}', retrieve));
    app.delete(one, (c) => tell(deps, c, '/v1/conversations/{id}', remove));
  }
}

/** Items that a conversation may begin with; OpenAI's own bound. */
const firstItemsMax = 20;
const bodyBytesMax = 16 * 1024 * 1024;

const create: Answer = async (sessions, caller, _, c) => {
  const bytes = await c.req.raw.bytes();
  if (bytes.length > bodyBytesMax) refuse('The request is too large.', undefined, { status: 413 });
  const { items, metadata } = objectIn(bytes);
  const inputs = inputItems(items ?? []);
  if (inputs.length > firstItemsMax) {
    refuse(`Invalid 'items': at most ${firstItemsMax} items may be given.`, 'items', {
      code: 'invalid_value',
    });
  }
  const conversation: Conversation = {
    id: `conv_${randomBytes(24).toString('hex')}`,
    createdAt: Math.floor(Date.now() / 1000),
    metadata: asObject(metadata) ?? {},
  };
  if (sessions === undefined) refuse('a gateway without a store keeps no conversations', undefined, noStore);
  await sessions.commit({
    caller: caller.id,
    parent: undefined,
    conversation,
    inputs,
    response: {},
    native: false,
  });
  return shown(conversation);
};

const noStore = { status: 404, kind: 'not_found', code: 'not_found' } as const;

const retrieve: Answer = async (sessions, caller, id) =>
  shown((await found(sessions, caller.id, id)) ?? notFound(id));

const remove: Answer = async (sessions, caller, id) => {
  const removed = await sessions?.remove(caller.id, id, 'conversation');
  return removed ? { id, object: 'conversation.deleted', deleted: true } : notFound(id);
};

const found = async (
  sessions: Sessions | undefined,
  caller: string,
  id: string,
): Promise<Conversation | undefined> => (await sessions?.find(caller, id, 'conversation'))?.conversation;

const shown = ({ id, createdAt, metadata }: Conversation): JsonObject => ({
  id,
  object: 'conversation',
  created_at: createdAt,
  metadata,
});

function objectIn(bytes: Uint8Array): JsonObject {
  if (bytes.length === 0) return {};
  let body: Json | undefined;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes)) as Json;
  } catch {
    // Told below.
  }
  return asObject(body) ?? refuse('the request body is not a JSON object');
}

const notFound = (id: string): never =>
  refuse(`Conversation with id '${id.slice(0, 200)}' not found.`, undefined, {
    status: 404,
    kind: 'not_found',
  });
