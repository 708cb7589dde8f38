import type { Labels } from '../protocols/opaque-stream.ts';
import type { Sight } from '../protocols/tap.ts';
import { dropCharge } from '../telemetry/charges.ts';
import { FailureError, type Failure } from '../turn/failure.ts';
import { isObject, parseJson, parseObject, type JsonObject } from '../turn/json.ts';
import { joinNotes, noNotes, type Note } from '../turn/note.ts';
import type { Reply } from '../turn/reply.ts';
import { arrayContentType, arrayText, asJsonArray } from './array-framing.ts';
import { readBounded, sniff, sourceOf, type ByteSource } from './byte-source.ts';
import { failureReply, UpstreamRefusal } from './failure-reply.ts';
import { finishRecord } from './finish-record.ts';
import { nativeStream } from './native-lane.ts';
import { strangeFailure } from './network-failure.ts';
import { readRefusal, reading } from './reading.ts';
import { bodyOf, relay, type LaneStream } from './relay.ts';
import { errorHeaders, eventStream, replyHeaders, streamHeaders } from './reply-headers.ts';
import { firstContent } from './first-content.ts';
import { maskedBytes, maskedFailure, maskedLane, maskFor, type Mask } from './mask.ts';
import { foldEvents, foldStream, sealingOf, see, translatedStream } from './translated-lane.ts';
import type { Exchange } from './exchange.ts';

/** A whole result, images included. */
const resultBytesMax = 256 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Turns the upstream's answer into the client's, in whichever form the client asked for. */
export async function answer(exchange: Exchange): Promise<Response> {
  const { response, stream } = exchange;
  if (response.status < 200 || response.status >= 300) return failedAnswer(exchange);
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    const source = sourceOf(response.body);
    if (!stream) return foldedAnswer(exchange, source);
    return streamAnswer(exchange, await begun(exchange, source));
  }
  if (!stream) return wholeAnswer(exchange, await reading(exchange, () => readResult(response)));
  // A stream was asked for and something else is announced: some servers mislabel their streams.
  const { first, source } = await reading(exchange, () => sniff(response.body));
  return '{[<'.includes(first)
    ? wholeAnswer(exchange, await reading(exchange, () => readBounded(source, resultBytesMax)))
    : streamAnswer(exchange, await begun(exchange, source));
}

/** The beginning of a stream, of which the client has nothing yet, where another account may serve it. */
async function begun(exchange: Exchange, source: ByteSource): Promise<ByteSource> {
  if (!exchange.mayMove) return source;
  const { source: whole, failure, usage } = await reading(exchange, () => firstContent(exchange, source));
  if (failure === undefined) return whole;
  const { record } = exchange.inbound;
  record.usage = usage;
  // An upstream that says so before it has counted anything charges nothing.
  if (failure.kind !== 'cut' && usage === undefined) dropCharge(record);
  throw new FailureError(maskedFailure(classified(exchange, failure), maskOf(exchange)));
}

interface Told {
  readonly provider: Exchange['provider'];
  readonly response: Pick<Response, 'status' | 'headers'>;
}

/** A failure that the upstream has told of, as its provider understands it; the gateway's own stay as they are. */
const classified = ({ provider, response }: Told, failure: Failure): Failure =>
  failure.upstream === undefined ? failure : (provider.classify?.(failure, response) ?? failure);

/** Streams on, in the native or the translated lane. */
function streamAnswer(exchange: Exchange, source: ByteSource): Response {
  const { deps, inbound, native } = exchange;
  const { record } = inbound;
  let lane: LaneStream & { readonly notes?: readonly Note[] };
  if (native) lane = nativeStream(exchange.upstream, inbound.requestId, exchange.hideUsage);
  else lane = translatedStream(exchange.upstream, exchange.source, inbound.surface, exchange.context());
  const labelled = exchange.labels ? labelledLane(lane, exchange.labels) : lane;
  let passed = maskedLane(labelled, maskOf(exchange));
  if (exchange.keeper) passed = exchange.keeper.lane(passed, exchange);
  const asArray = inbound.asked?.asArray === true;
  deps.recorder.streamsOpen(1);
  // Not the whole exchange, which an open stream would hold.
  const { status, headers } = exchange.response;
  const told = { provider: exchange.provider, response: { status, headers } };
  const relayed = relay(
    source,
    asArray ? asJsonArray(passed) : passed,
    inbound.client,
    exchange.abort,
    deps.watch,
    {
      waited(ms) {
        record.upstreamMs += ms;
      },
      sent(bytes) {
        record.bytesOut += bytes;
        record.firstTokenMs ??= performance.now();
      },
      ended(end) {
        deps.recorder.streamsOpen(-1);
        if (lane.notes) record.notes = joinNotes(record.notes, lane.notes);
        finishRecord(deps, record, end && classified(told, end), lane.sight);
      },
    },
    inbound.keepAlive,
  );
  inbound.take?.(relayed);
  const body = inbound.take === undefined ? bodyOf(relayed) : null;
  return succeed(exchange, body, asArray ? arrayContentType : eventStream);
}

const sealing = ({ native, inbound, context }: Exchange): ReturnType<typeof sealingOf> =>
  native ? (events) => events : sealingOf(inbound.surface, context());

/** The lane with every opaque value labelled before it gets there. */
function labelledLane(lane: LaneStream, labels: Labels): LaneStream {
  return {
    sight: lane.sight,
    push: (chunk) => lane.push(labels.push(chunk)),
    end: (failure) => Buffer.concat([lane.push(labels.end()), lane.end(failure)]),
  };
}

/** The upstream streams though the client wants it whole. */
async function foldedAnswer(exchange: Exchange, source: ByteSource): Promise<Response> {
  const { labels } = exchange;
  const seal = sealing(exchange);
  const fold = foldStream(exchange.upstream, exchange.source, seal);
  let failure: Failure | undefined;
  try {
    await reading(exchange, async () => {
      for (;;) {
        const { value, done } = await source.read();
        if (value !== undefined) fold.push(labels?.push(value) ?? value);
        if (done || fold.done) break;
      }
      if (labels) fold.push(labels.end());
    });
  } catch (error) {
    failure = (error as FailureError).failure;
  }
  return replyAnswer(exchange, fold.end(failure));
}

/** The upstream has sent a whole result. */
function wholeAnswer(exchange: Exchange, sent: Uint8Array): Response {
  const { inbound, native, stream, upstream, labels } = exchange;
  const bytes = labels?.whole(sent) ?? sent;
  const body = parseResult(exchange, bytes);
  if (native && !stream) {
    const sight: Sight = { done: true };
    upstream.tap.observeResult(body, sight);
    if (sight.failure) sight.failure = maskedFailure(classified(exchange, sight.failure), maskOf(exchange));
    if (sight.failure && exchange.mayMove) throw new FailureError(sight.failure);
    return succeedWhole(exchange, bytes, 'application/json', sight);
  }
  const seal = sealing(exchange);
  const events = seal(upstream.decodeResult(body, exchange.source));
  if (!stream) return replyAnswer(exchange, foldEvents(events));
  const out = inbound.surface.streamEncoder(exchange.context());
  const sight: Sight = { done: true };
  let text = '';
  for (const event of events) {
    see(event, sight);
    text += out.encode(event);
  }
  text += out.end();
  return inbound.asked?.asArray
    ? succeedWhole(exchange, encoder.encode(arrayText(text)), arrayContentType, sight, out.notes)
    : succeedWhole(exchange, encoder.encode(text), eventStream, sight, out.notes);
}

/** A whole reply in the client's protocol; a reply that ended in a failure is an error answer. */
function replyAnswer(exchange: Exchange, reply: Reply): Response {
  if (reply.failure) {
    // What was counted until it failed is charged for.
    exchange.inbound.record.usage = reply.usage;
    throw new FailureError(maskedFailure(classified(exchange, reply.failure), maskOf(exchange)));
  }
  const { body, notes } = exchange.inbound.surface.encodeResult(reply, exchange.context());
  const { id, model, usage, choices } = reply;
  const sight: Sight = { done: true, id, model, usage, stop: choices[0]?.stop };
  return succeedWhole(exchange, encoder.encode(JSON.stringify(body)), 'application/json', sight, notes);
}

/** A 200 with all of its body, which ends the turn. */
function succeedWhole(
  exchange: Exchange,
  body: Uint8Array,
  contentType: string,
  sight: Sight,
  notes = noNotes,
): Response {
  const { record } = exchange.inbound;
  if (sight.failure) body = maskedBytes(body, maskOf(exchange));
  record.bytesOut = body.length;
  record.notes = joinNotes(record.notes, notes);
  const answered = succeed(exchange, body, contentType);
  finishRecord(exchange.deps, record, sight.failure, sight);
  return answered;
}

/** A 200 to the client; the record learns when. */
function succeed(
  exchange: Exchange,
  body: Uint8Array | ReadableStream<Uint8Array> | null,
  contentType: string,
): Response {
  const { record } = exchange.inbound;
  record.status = 200;
  record.headersMs = performance.now();
  const headers = replyHeaders(exchange, contentType);
  if (body instanceof ReadableStream) Object.assign(headers, streamHeaders(exchange.deps.nowMs()));
  return new Response(body as BodyInit, { status: 200, headers });
}

/** The upstream has refused or failed. Throws, because another account may serve the request. */
async function failedAnswer(exchange: Exchange): Promise<never> {
  const { inbound, native, upstream, response } = exchange;
  const body = maskOf(exchange)(decoder.decode(await readRefusal(exchange)));
  const redirected = response.status < 400;
  const { status, headers: head } = response;
  const read = redirected
    ? strangeFailure('a redirect, which is not followed', status)
    : upstream.decodeFailure({ status, headers: head, text: body });
  const failure = redirected ? read : classified(exchange, read);
  dropCharge(inbound.record);
  // Its credentials are the gateway's affair: a client that is told so in the vendor's words may act on them.
  const own = failure.kind === 'authentication';
  const asArray = inbound.asked?.asArray;
  // Where its provider has understood it otherwise, its words would tell the client the wrong thing.
  const isOwnWords = native && !redirected && !own && failure.status === read.status && isErrorBody(body);
  // By the time it is told, the record may speak of another account.
  const replied = replyHeaders(exchange, 'application/json');
  throw new UpstreamRefusal(failure, (told) => {
    const headers = { ...replied, ...errorHeaders(told) };
    if (told !== failure) delete headers['retry-after-ms'];
    return isOwnWords
      ? new Response(asArray ? `[${body}\n]` : body, { status: response.status, headers })
      : failureReply(inbound.surface, told, inbound.requestId, headers, asArray);
  });
}

function readResult(response: Response): Promise<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? Number.NaN);
  // A compressed one is announced as it travels, and unpacked by the runtime.
  if (announced <= resultBytesMax && !response.headers.has('content-encoding')) return response.bytes();
  return readBounded(sourceOf(response.body), resultBytesMax);
}

function parseResult(exchange: Exchange, bytes: Uint8Array): JsonObject {
  const { response, upstream } = exchange;
  const text = decoder.decode(bytes);
  const body = parseJson(text);
  if (body === undefined) {
    const what = /^\s*</.test(text) ? 'an HTML page' : 'something that is not JSON';
    throw new FailureError(strangeFailure(what, response.status));
  }
  if (!isObject(body)) throw new FailureError(strangeFailure('JSON that is not an object', response.status));
  if (isObject(body.error) && Object.keys(body).length <= 3) {
    // A failure under a success status: some gateways answer so.
    throw new FailureError(
      upstream.decodeFailure({
        status: response.status,
        headers: response.headers,
        text: maskOf(exchange)(text),
      }),
    );
  }
  return body;
}

function isErrorBody(text: string): boolean {
  const error = parseObject(text)?.error;
  return isObject(error) || typeof error === 'string';
}

const maskOf = ({ account, deps }: Exchange): Mask => maskFor(account, deps.secrets);
