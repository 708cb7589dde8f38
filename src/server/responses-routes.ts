import type { Context, Hono } from 'hono';
import type { Caller } from '../access/gatekeeper.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { refuse } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import { pageAsked, pageOf } from './paging.ts';
import { recorded } from './recorded.ts';

/**
 * What is stored of the caller's responses: `GET` and `DELETE /v1/responses/{id}`, and
 * `GET /v1/responses/{id}/input_items`. Errors are worded as OpenAI words them.
 */
export function responsesRoutes(app: Hono, deps: PipelineDeps): void {
  for (const prefix of ['/v1', '/:provider/v1']) {
    const one = `${prefix}/responses/:id`;
    app.get(one, (c) => answerStored(deps, c, '/v1/responses/{id}', retrieve));
    app.delete(one, (c) => answerStored(deps, c, '/v1/responses/{id}', remove));
    app.get(`${one}/input_items`, (c) => answerStored(deps, c, '/v1/responses/{id}/input_items', inputItems));
  }
}

export type Answer = (
  sessions: Sessions | undefined,
  caller: Caller,
  id: string,
  c: Context,
) => Promise<JsonObject>;

/** Answers from what is stored, as the Responses protocol writes it. */
export function answerStored(
  deps: PipelineDeps,
  c: Context,
  route: string,
  answer: Answer,
): Promise<Response> {
  const surface = deps.protocols.get('openai-responses')!;
  return recorded(deps, c, { name: 'responses', route, surface }, async (caller) =>
    c.json(await answer(deps.sessions, caller, c.req.param('id') ?? '', c)),
  );
}

const retrieve: Answer = async (sessions, caller, id, c) => {
  if (c.req.query('stream') === 'true') {
    refuse('A stored response is not streamed again.', 'stream', { code: 'unsupported_value' });
  }
  return (await sessions?.response(caller.id, id)) ?? notFound(id);
};

const remove: Answer = async (sessions, caller, id) => {
  const removed = await sessions?.remove(caller.id, id);
  return removed ? { id, object: 'response', deleted: true } : notFound(id);
};

const inputItems: Answer = async (sessions, caller, id, c) => {
  const asked = pageAsked(c);
  return pageOf((await sessions?.inputItems(caller.id, id)) ?? notFound(id), asked);
};

const notFound = (id: string): never =>
  refuse(`Response with id '${id.slice(0, 200)}' not found.`, undefined, { status: 404, kind: 'not_found' });
