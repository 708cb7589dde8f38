import { replyLabels } from '../protocols/opaque-stream.ts';
import { lastUserMessages } from '../sessions/compaction.ts';
import { inputItems, shownItem, storedItem } from '../sessions/items.ts';
import type { TurnScope } from '../providers/provider.ts';
import { FailureError } from '../turn/failure.ts';
import { asArray, isObject, parseObject, type JsonObject } from '../turn/json.ts';
import { answer } from './answer.ts';
import { readAsked } from './asked.ts';
import { attempts, served, type Attempt } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { isMissing, isMissingRoute, rememberMissing, withBody } from './missing-route.ts';
import { openRequest, type Opened } from './opening.ts';
import { refuseLosses } from './outgoing.ts';
import { sealedOrigin } from './origins.ts';
import { ownRequest, type OwnRequest } from './own-opaque.ts';
import { summaryOf, withTrigger } from './summary.ts';
import { scopeOf, tryAt, withoutRefused } from './turn.ts';
import { exchangeWhole, passOwn, readWhole, wholeReply } from './whole-call.ts';

/** A compaction with the user's messages beside it, images included. */
const answerBytesMax = 64 * 1024 * 1024;

/**
 * `POST /v1/responses/compact` on any upstream: its own route where it has one, else a turn that ends in the wish for a
 * compaction, which an upstream either fulfils itself or writes a summary for. Every end is recorded exactly once.
 */
export const serveCompact = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, compact);

async function compact(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const opened = await openRequest(deps, inbound);
  const turn = asTurn(deps, inbound, opened);
  const scope = scopeOf(deps, inbound);
  return attempts(deps, inbound, opened.routes, opened.body, async (attempt) => {
    const own = await askRoute(deps, inbound, opened, scope, attempt);
    if (own !== undefined) return own;
    return resource(await tryAt(deps, inbound, turn(), scope, attempt), opened.body);
  });
}

/** The same as a turn, made when it is needed. */
function asTurn(deps: PipelineDeps, inbound: Inbound, opened: Opened): () => Opened {
  let made: Opened | undefined;
  return () => {
    if (made !== undefined) return made;
    const body = withTrigger(opened.body);
    const sealing = deps.sessions?.sealing;
    const summary = sealing && summaryOf(sealing, inbound, body);
    return (made = { ...opened, body, asked: readAsked(body, inbound), summary });
  };
}

/** By the upstream's own route; `undefined` when there is none. */
async function askRoute(
  deps: PipelineDeps,
  inbound: Inbound,
  opened: Opened,
  scope: TurnScope,
  attempt: Attempt,
  bare?: OwnRequest,
): Promise<Response | undefined> {
  const { surface } = inbound;
  const { body, asked, routes, continuation } = opened;
  const { provider, options } = attempt.route;
  const isOffered = options === undefined && provider.offers?.('compact', surface.id) === true;
  if (!isOffered || isMissing(attempt.route, 'compact', deps.nowMs())) return undefined;
  const own = bare ?? ownRequest(deps, inbound, body, asked, attempt, false)!;
  refuseLosses(own.notes, deps.strict, true);
  const outgoing = passOwn(deps, inbound, own, attempt.route);
  const exchange = await exchangeWhole(deps, inbound, attempt, surface, 'compact', outgoing, {
    scope,
    state: continuation?.state.of(provider.name),
  });
  if (!exchange.response.ok) {
    const { refused, body: words } = await withBody(exchange);
    if (!isMissingRoute(exchange, words)) {
      return answer(refused).catch((error: unknown) => {
        const again =
          bare === undefined ? withoutRefused(deps, inbound, body, asked, attempt, error) : undefined;
        if (again === undefined) throw error;
        return askRoute(deps, inbound, opened, scope, attempt, again);
      });
    }
    rememberMissing(attempt.route, 'compact', deps.nowMs());
    return undefined;
  }
  const sealed = sealedOrigin(deps, inbound, routes, attempt, true);
  const sent = await readWhole(exchange, answerBytesMax);
  const bytes = sealed === undefined ? sent : replyLabels(surface.opaque, sealed).whole(sent);
  const sight: Parameters<typeof surface.tap.observeResult>[1] = { done: true };
  const told = objectOf(bytes);
  surface.tap.observeResult(told, sight);
  const head = {
    id: `resp_${inbound.requestId}`,
    object: 'response.compaction',
    created_at: Math.floor(deps.nowMs() / 1000),
  };
  return wholeReply(exchange, told.object === undefined ? { ...head, ...told } : bytes, {}, sight.usage);
}

/** A finished Response as the resource that this route answers: the user's last words, and what stands for the rest. */
async function resource(reply: Response, asked: Uint8Array): Promise<Response> {
  const { id, created_at, output, usage } = objectOf(await reply.bytes());
  const own = asArray(output).filter(isObject);
  const said = lastUserMessages(inputItems(objectOf(asked).input));
  const body: JsonObject = {
    id: id!,
    object: 'response.compaction',
    created_at: created_at!,
    output: [
      ...said.map((item, place) => {
        const { text, hash } = storedItem(item);
        return shownItem(text, hash, place);
      }),
      ...own,
    ],
    usage: usage ?? null,
  };
  const headers = new Headers(reply.headers);
  headers.delete('content-length');
  return Response.json(body, { headers });
}

function objectOf(bytes: Uint8Array): JsonObject {
  const body = parseObject(bytes);
  if (body !== undefined) return body;
  throw new FailureError({
    kind: 'upstream',
    scope: 'provider',
    status: 502,
    message: 'the upstream answered with something that is not JSON',
    retryable: true,
  });
}
