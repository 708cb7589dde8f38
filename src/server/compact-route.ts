import { failureReply } from '../pipeline/answer.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import { compactionItem, lastUserMessages, summaryWish } from '../sessions/compaction.ts';
import { inputItems, shownItem, storedItem } from '../sessions/items.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { FailureError, invalidRequest, refuse, type Failure } from '../turn/failure.ts';
import { asArray, asObject, asString, isObject, type Json, type JsonObject } from '../turn/json.ts';
import { readBody } from './body.ts';
import { requestId } from './request-id.ts';

export interface CompactDeps extends PipelineDeps {
  readonly bodyBytesMax: number;
}

/**
 * `POST /v1/responses/compact` on any upstream: the model writes a summary in a turn of its own, which goes back
 * sealed in a `compaction` item behind the user's last messages. A later turn that brings the item has it opened.
 *
 * @param ask carries the summarising turn
 */
export async function compact(
  deps: CompactDeps,
  request: Request,
  ask: (request: Request) => Promise<Response>,
): Promise<Response> {
  const id = requestId(request.headers.get('x-request-id'));
  try {
    const { sessions } = deps;
    if (sessions?.sealing === undefined) throw new FailureError(noStore);
    const caller = deps.gatekeeper.identify(request.headers);
    const wanted = objectIn(await readBody(request, deps.bodyBytesMax));
    const items = [...(await past(sessions, caller.id, wanted)), ...inputItems(wanted.input)];
    const reply = await ask(summaryRequest(request, wanted));
    if (!reply.ok) return reply;
    const response = (await reply.json()) as JsonObject;
    const summary = textOf(response);
    if (summary === '') throw new FailureError(noSummary);
    const body: JsonObject = {
      id: response.id,
      object: 'response.compaction',
      created_at: response.created_at,
      output: [
        ...lastUserMessages(items).map((item, place) => {
          const { text, hash } = storedItem(item);
          return shownItem(text, hash, place);
        }),
        compactionItem(sessions.sealing, caller.id, `cmp_${id}`, summary),
      ],
      usage: response.usage,
    };
    const headers = new Headers(reply.headers);
    headers.delete('content-length');
    return Response.json(body, { headers });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return failureReply(deps.protocols.get('openai-responses')!, error.failure, id);
  }
}

/** The turn in which the summary is written: the same conversation, so that its prompt cache serves. */
function summaryRequest(request: Request, wanted: JsonObject): Request {
  const wish: JsonObject = {
    type: 'message',
    role: 'user',
    content: [{ type: 'input_text', text: summaryWish }],
  };
  const body: JsonObject = {
    ...wanted,
    input: [...inputItems(wanted.input), wish],
    store: false,
    stream: false,
  };
  if (asArray(wanted.tools).length > 0) body.tool_choice = 'none';
  const headers = new Headers(request.headers);
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name);
  const url = request.url.replace(/\/compact(?=\?|$)/, '');
  return new Request(url, { method: 'POST', headers, body: JSON.stringify(body), signal: request.signal });
}

/** What was said before; nothing when it is not known here, which the turn itself then refuses. */
async function past(sessions: Sessions, caller: string, wanted: JsonObject): Promise<JsonObject[]> {
  const previous = asString(wanted.previous_response_id);
  const snapshot = previous ? await sessions.find(caller, previous) : undefined;
  const history = snapshot && (await sessions.history(snapshot));
  return (history ?? []).map((text) => JSON.parse(text) as JsonObject);
}

function objectIn(bytes: Uint8Array): JsonObject {
  let body: Json | undefined;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes)) as Json;
  } catch {
    // Told below.
  }
  return asObject(body) ?? refuse('the request body is not a JSON object');
}

const textOf = ({ output }: JsonObject): string =>
  asArray(output)
    .filter((item) => isObject(item) && item.type === 'message')
    .flatMap((item) => asArray((item as JsonObject).content))
    .map((part) => asString(asObject(part)?.text) ?? '')
    .join('');

const noStore = invalidRequest('a gateway without a store compacts nothing', undefined, {
  status: 404,
  kind: 'not_found',
  code: 'not_found',
});

const noSummary: Failure = {
  kind: 'upstream',
  scope: 'model',
  status: 502,
  message: 'the model answered the wish for a summary with no text',
  retryable: true,
};
