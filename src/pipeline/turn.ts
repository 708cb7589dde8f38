import {
  lastMember,
  memberValue,
  overwrite,
  scanMembers,
  splice,
  type Member,
} from '../protocols/json-scan.ts';
import type { EncodedRequest, Protocol, SurfaceContext } from '../protocols/protocol.ts';
import type { UsageOption } from '../protocols/tap.ts';
import type { Call, Provider } from '../providers/provider.ts';
import type { Route, RouteResult } from '../routing/catalog.ts';
import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, invalidRequest, refuse, type Failure } from '../turn/failure.ts';
import { isObject, type JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { TurnRequest } from '../turn/request.ts';
import { answer, failureReply, finishRecord } from './answer.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { cancelledFailure, connectFailure, idleFailure } from './network-failure.ts';
import { patiently } from './idle-watch.ts';

const text = new TextDecoder();

/**
 * Carries one turn from the client's bytes to the reply. Every end is recorded exactly once; whatever goes wrong
 * becomes an answer in the client's protocol.
 */
export async function serveTurn(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { record } = inbound;
  try {
    return await carry(deps, inbound);
  } catch (error) {
    const failure = inbound.client.aborted ? cancelledFailure : failureOf(error);
    finishRecord(deps, record, failure);
    return failureReply(inbound.surface, failure, inbound.requestId);
  }
}

async function carry(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { surface, record, client } = inbound;
  const body = await inbound.body();
  record.bytesIn = body.length;
  const asked = readAsked(body, surface);
  record.model = asked.model;
  record.stream = asked.stream;

  const found = deps.catalog.resolve(asked.model, inbound.only);
  const route = routeOf(found instanceof Promise ? await found : found, asked.model);
  const { provider } = route;
  const spoken = provider.protocols(route.model);
  const native = spoken.includes(surface.id);
  const upstream = native ? surface : deps.protocols.get(spoken[0]!)!;
  record.provider = provider.name;
  record.upstreamModel = route.model;
  record.upstreamProtocol = upstream.id;
  record.lane = native ? 'native' : 'translated';

  const askUsage = native && asked.usage !== undefined;
  const encoded = native
    ? passOn(deps, inbound, body, asked, route, askUsage)
    : translate(deps, inbound, body, asked, route, upstream);
  refuseLosses(encoded.notes, deps.strict);
  record.notes = encoded.notes;

  const call: Call = {
    protocol: upstream.id,
    model: route.model,
    stream: asked.stream,
    body: encoded.body,
    inbound: inbound.headers,
    search: inbound.search,
    native,
  };
  const abort = follow(client);
  const response = await send(deps, provider, call, abort, record);
  try {
    return await answer({
      deps,
      inbound,
      provider,
      upstream,
      native,
      stream: asked.stream,
      hideUsage: askUsage,
      source: { issuer: provider.name, names: encoded.names },
      context: encoded.context,
      abort,
      response,
    });
  } catch (error) {
    // Whatever is left of the upstream's answer is not read any more.
    abort.abort();
    throw error;
  }
}

/** The members that decide where a request goes and how it comes back. */
const names = ['model', 'stream'] as const;

/** What the gateway must know of a request before it knows where it goes. */
interface Asked {
  readonly model: string;
  readonly modelMember: Member;
  readonly stream: boolean;
  /** The edit by which a stream states its usage; absent where the client made it or none is needed. */
  readonly usage: Edit | undefined;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function readAsked(body: Uint8Array, surface: Protocol): Asked {
  const option = surface.tap.usageOption;
  const scan = scanMembers(body, option === undefined ? names : [...names, option.member]);
  if (!scan.ok) refuse(`the request body is not valid JSON: ${scan.why} (byte ${scan.offset})`);
  const modelMember = lastMember(scan.members, 'model');
  if (modelMember === undefined) refuse('the request names no model', 'model');
  const model = memberValue(body, modelMember);
  if (typeof model !== 'string' || model === '') refuse('model must be a string that names one', 'model');
  const streamMember = lastMember(scan.members, 'stream');
  const stream = streamMember === undefined ? false : memberValue(body, streamMember);
  if (typeof stream !== 'boolean' && stream !== null) refuse('stream must be true or false', 'stream');
  if (stream !== true) return { model, modelMember, stream: false, usage: undefined };
  const usage = option && usageEdit(option, body, lastMember(scan.members, option.member), scan.end - 1);
  return { model, modelMember, stream, usage };
}

/** How usage is asked for; `closing` is where the body's closing brace stands. */
function usageEdit(
  { member: name, key }: UsageOption,
  body: Uint8Array,
  member: Member | undefined,
  closing: number,
): Edit | undefined {
  const value = member === undefined ? undefined : memberValue(body, member);
  const stated = isObject(value) ? value : {};
  if (stated[key] === true) return undefined;
  const text = JSON.stringify({ ...stated, [key]: true });
  return member
    ? { ...member, text }
    : { from: closing, to: closing, text: `,${JSON.stringify(name)}:${text}` };
}

function routeOf(result: RouteResult, model: string): Route {
  if (result.found) return result.route;
  const near = result.near.length > 0 ? `; near it: ${result.near.join(', ')}` : '';
  throw new FailureError(
    invalidRequest(`the model ${JSON.stringify(model.slice(0, 200))} does not exist here${near}`, 'model', {
      kind: 'not_found',
      status: 404,
      code: 'model_not_found',
    }),
  );
}

/** The client's own bytes with the named edits: the model's name, and usage asked for where it is to be. */
function nativeBody(body: Uint8Array, asked: Asked, model: string, askUsage: boolean): Uint8Array {
  const edits: Edit[] = askUsage && asked.usage ? [asked.usage] : [];
  if (asked.model !== model) {
    const text = JSON.stringify(model);
    if (!overwrite(body, asked.modelMember, text)) edits.push({ ...asked.modelMember, text });
  }
  return splice(
    body,
    edits.sort((a, b) => a.from - b.from),
  );
}

/** A request as it goes up, and what its reply must know of the client. */
interface Encoded extends Omit<EncodedRequest, 'body'> {
  readonly body: Uint8Array | string;
  readonly context: () => SurfaceContext;
}

/** The native lane: the client's own bytes. Its context is needed only when the answer comes in another form. */
function passOn(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  route: Route,
  askUsage: boolean,
): Encoded {
  const { surface } = inbound;
  return {
    body: nativeBody(body, asked, route.model, askUsage),
    notes: [],
    context() {
      const json = parseBody(body, asked);
      return surfaceContext(deps, inbound, surface.decodeRequest(json), json);
    },
  };
}

function translate(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  route: Route,
  upstream: Protocol,
): Encoded {
  const json = parseBody(body, asked);
  const request = inbound.surface.decodeRequest(json);
  const context = surfaceContext(deps, inbound, request, json);
  const left = inbound.leaveOut(request);
  const { provider, model } = route;
  const encoded = upstream.encodeRequest(request, {
    model,
    issuer: provider.name,
    abilities: provider.abilities(upstream.id, model),
  });
  return {
    body: JSON.stringify(encoded.body),
    notes: [...left, ...encoded.notes],
    names: encoded.names,
    context: () => context,
  };
}

/** The client's request; the native lane may have written the upstream's name over the model's. */
const parseBody = (body: Uint8Array, asked: Asked): JsonObject => ({
  ...(JSON.parse(text.decode(body)) as JsonObject),
  model: asked.model,
});

function surfaceContext(
  deps: PipelineDeps,
  { requestId, surface }: Inbound,
  request: TurnRequest,
  json: JsonObject,
): SurfaceContext {
  // A stream may be open for long: the conversation is let go.
  const { [surface.conversation]: _, ...body } = json;
  return {
    requestId,
    createdSeconds: Math.floor(deps.nowMs() / 1000),
    model: request.model,
    includeUsage: request.delivery.includeUsage === true,
    body,
  };
}

/** Aborts with the client. Apart from the turn, so that an open stream holds nothing else of it in memory. */
function follow(client: AbortSignal): AbortController {
  const abort = new AbortController();
  client.addEventListener('abort', () => abort.abort(), { once: true });
  return abort;
}

/** A loss without which the request makes no sense is an answer, not a note; in strict mode every loss is. */
function refuseLosses(notes: readonly Note[], strict: boolean): void {
  const loss = notes.find(
    ({ action, weight }) => weight === 'refuse' || (strict && action === 'dropped' && weight === 'degrade'),
  );
  if (loss) refuse(`${loss.path} cannot be carried to this model: ${loss.why}`, loss.path);
}

/** Sends the request; a client that leaves meanwhile is told apart further up. */
function send(
  deps: PipelineDeps,
  provider: Provider,
  call: Call,
  abort: AbortController,
  record: TurnRecord,
): Promise<Response> {
  const wire = provider.prepare(call);
  const { firstByteMs, watch } = deps;
  const timer = firstByteMs === undefined ? undefined : setTimeout(() => abort.abort(), firstByteMs);
  const sent = patiently(
    watch,
    abort,
    record,
    () => provider.send(wire, abort.signal),
    (error) =>
      abort.signal.aborted ? idleFailure(firstByteMs ?? watch.idleMs) : connectFailure(provider.name, error),
  );
  return timer === undefined ? sent : sent.finally(() => clearTimeout(timer));
}

function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  return {
    kind: 'internal',
    scope: 'gateway',
    status: 500,
    message: 'the gateway failed to carry this request; its log has the cause',
    code: 'internal_error',
    retryable: false,
    cause: error,
  };
}
