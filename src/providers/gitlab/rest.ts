import { anthropicMessages } from '../../protocols/anthropic-messages/index.ts';
import { openaiChat } from '../../protocols/openai-chat/index.ts';
import { openaiResponses } from '../../protocols/openai-responses/index.ts';
import type { Protocol, SurfaceContext } from '../../protocols/protocol.ts';
import { sseReader } from '../../protocols/sse.ts';
import type { TurnEvent } from '../../turn/event.ts';
import { FailureError } from '../../turn/failure.ts';
import { asArray, asObject, asString, type Json } from '../../turn/json.ts';
import { replyFold } from '../../turn/reply.ts';
import type { Note } from '../../turn/note.ts';
import type { RestService } from './capabilities.ts';
import { readText } from '../http.ts';
import { objectOf, type Instance } from './instance.ts';
import { broken, declined, notText, restFailure } from './rest-failures.ts';
import { restLosses } from './rest-losses.ts';
import { chatBody, suggestionBody, unfit } from './rest-request.ts';
import type { GatewayRequest } from './transport.ts';

const protocols: readonly Protocol[] = [anthropicMessages, openaiChat, openaiResponses];
const paths: Readonly<Record<RestService, string>> = {
  'code-suggestions': '/api/v4/code_suggestions/completions',
  chat: '/api/v4/chat/completions',
};
const answerBytesMax = 4 * 1024 * 1024;

/**
 * Asks one of GitLab's REST services for a text, and answers in the words of the protocol that the request is written
 * in. Throws a failure that names the field for what is more than text.
 * @param told takes what is lost on this way, before anything is sent; it throws where that is refused
 */
export async function askRest(
  instance: Instance,
  service: RestService,
  { account, asked, protocol: id, body }: GatewayRequest,
  signal: AbortSignal,
  told: (notes: readonly Note[]) => void,
): Promise<Response> {
  const protocol = protocols.find((each) => each.id === id)!;
  const json = asObject(
    JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body)) as Json,
  )!;
  const request = protocol.decodeRequest(json);
  const why = unfit(request, service);
  if (why !== undefined) throw new FailureError(notText(why.message, why.param));
  told(restLosses(json, request, service));

  const response = await instance.fetch(instance.url + paths[service], {
    method: 'POST',
    headers: {
      authorization: `Bearer ${account.secret.token}`,
      'content-type': 'application/json',
      'user-agent': instance.userAgent,
      'accept-encoding': 'identity',
      // Older instances stream events only to those who say that they can read them.
      'x-supports-sse-streaming': 'true',
    },
    body: JSON.stringify(service === 'chat' ? chatBody(request) : suggestionBody(request)),
    signal,
    redirect: 'manual',
  });
  if (!response.ok) {
    const { status, headers } = response;
    const answer = { status, headers, body: objectOf(await readText(response, answerBytesMax)) };
    throw new FailureError(restFailure(account, service, answer));
  }
  const context: SurfaceContext = {
    requestId: `rest_${crypto.randomUUID()}`,
    createdSeconds: Math.floor(Date.now() / 1000),
    model: asked.model,
    includeUsage: false,
    body: {},
  };
  const served = { 'dragoman-transport': `rest-${service}` };
  if (request.delivery.stream && response.body !== null) {
    const isEvents = response.headers.get('x-streaming-format') === 'sse';
    const stream = response.body.pipeThrough(
      encoding(protocol, context, isEvents ? eventTexts() : plainTexts()),
    );
    return new Response(stream, { headers: { 'content-type': 'text/event-stream', ...served } });
  }
  const text = textOf(await readText(response, answerBytesMax));
  const fold = replyFold();
  for (const event of [...beginning(context), said(text), ...ending]) fold.push(event);
  return Response.json(protocol.encodeResult(fold.reply(), context).body, { headers: served });
}

/** The chat answers with one JSON string, code suggestions with an object whose choices are empty when it declines. */
function textOf(body: string): string {
  let json: Json;
  try {
    json = JSON.parse(body) as Json;
  } catch {
    throw new FailureError(broken('something that is not JSON'));
  }
  const text = asString(json) ?? asString(asObject(asArray(asObject(json)?.choices)[0])?.text);
  if (text === undefined) throw new FailureError(declined);
  return text;
}

/** Reads the pieces of text out of a stream as they come; `end` says whether it was whole. */
interface TextReader {
  push(chunk: Uint8Array): string[];
  end(): { readonly rest: string; readonly isWhole: boolean };
}

/** Server-sent events; one that ends without `stream_end` was cut. */
function eventTexts(): TextReader {
  const reader = sseReader();
  let isWhole = false;
  const read = (frames: ReturnType<typeof reader.push>): string[] =>
    frames.flatMap(({ event, data }) => {
      if (event === 'stream_end') isWhole = true;
      if (event !== 'content_chunk') return [];
      const delta = asObject(asObject(asArray(objectOf(data).choices)[0])?.delta);
      return asString(delta?.content) || [];
    });
  return {
    push: (chunk) => read(reader.push(chunk)),
    end: () => ({ rest: read(reader.end()).join(''), isWhole }),
  };
}

/** Older services send bare text under the name of events. Where it ends it was whole, for all that can be known. */
function plainTexts(): TextReader {
  const decoder = new TextDecoder();
  return {
    push(chunk) {
      const text = decoder.decode(chunk, { stream: true });
      return text === '' ? [] : [text];
    },
    end: () => ({ rest: decoder.decode(), isWhole: true }),
  };
}

/** Writes the texts of a stream as the events of a protocol, each as soon as it is there. */
function encoding(
  protocol: Protocol,
  context: SurfaceContext,
  reader: TextReader,
): TransformStream<Uint8Array, Uint8Array> {
  const out = protocol.streamEncoder(context);
  const encoder = new TextEncoder();
  const text = (events: readonly TurnEvent[]): Uint8Array =>
    encoder.encode(events.map((event) => out.encode(event)).join(''));
  return new TransformStream({
    start: (controller) => controller.enqueue(text(beginning(context))),
    transform(chunk, controller) {
      const pieces = reader.push(chunk);
      if (pieces.length > 0) controller.enqueue(text(pieces.map(said)));
    },
    flush(controller) {
      const { rest, isWhole } = reader.end();
      const last: TurnEvent[] = rest === '' ? [] : [said(rest)];
      const end: readonly TurnEvent[] = isWhole
        ? ending
        : [{ kind: 'error', failure: broken('a stream that broke off') }];
      controller.enqueue(text([...last, ...end]));
      controller.enqueue(encoder.encode(out.end()));
    },
  });
}

const beginning = ({ requestId, model, createdSeconds }: SurfaceContext): TurnEvent[] => [
  { kind: 'start', id: requestId, model, created: createdSeconds },
  { kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: '' } },
];
const said = (value: string): TurnEvent => ({
  kind: 'part_delta',
  choice: 0,
  index: 0,
  delta: { field: 'text', value },
});
const ending: readonly TurnEvent[] = [
  { kind: 'part_end', choice: 0, index: 0 },
  { kind: 'stop', choice: 0, stop: { reason: 'end' } },
];
