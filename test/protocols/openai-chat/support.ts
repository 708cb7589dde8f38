import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import type { DecodeSource, EncodeTarget, SurfaceContext } from '../../../src/protocols/protocol.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { replyFold, type Reply } from '../../../src/turn/reply.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';

export const source: DecodeSource = { issuer: 'upstream' };
export const modern: EncodeTarget = { model: 'm', issuer: 'upstream', abilities: { modernChat: true } };
export const plain: EncodeTarget = { model: 'm', issuer: 'upstream', abilities: {} };

export function foldOf(events: readonly TurnEvent[]): Reply {
  const fold = replyFold();
  for (const event of events) fold.push(event);
  return fold.reply();
}

/** Decodes chunks, each an object or the data of a frame as it stands; the body then ends. */
export function decodeChunks(
  chunks: readonly (JsonObject | string)[],
  from: DecodeSource = source,
): TurnEvent[] {
  const decoder = openaiChat.streamDecoder(from);
  const out: TurnEvent[] = [];
  for (const chunk of chunks) {
    decoder.decode(
      { event: undefined, data: typeof chunk === 'string' ? chunk : JSON.stringify(chunk) },
      out,
    );
  }
  decoder.end(out);
  return out;
}

/** A chunk of one choice. */
export const chunk = (delta: JsonObject, finish?: string, more: JsonObject = {}): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1700000000,
  model: 'm-1',
  choices: [{ index: 0, delta, finish_reason: finish ?? null }],
  ...more,
});

export const context = (options: { usage?: boolean; body?: JsonObject } = {}): SurfaceContext => ({
  requestId: 'req_1',
  createdSeconds: 1700000000,
  model: 'asked-model',
  includeUsage: options.usage === true,
  body: options.body ?? {},
});

/** What a client reads: the encoder's whole text. */
export function encodeEvents(events: readonly TurnEvent[], at: SurfaceContext = context()): string {
  const encoder = openaiChat.streamEncoder(at);
  let text = '';
  for (const event of events) text += encoder.encode(event);
  return text + encoder.end();
}

/** The chunks in an encoded stream, `[DONE]` as it stands. */
export const chunksOf = (text: string): (JsonObject | string)[] =>
  text
    .split('\n\n')
    .filter((block) => block.startsWith('data: '))
    .map((block) => block.slice(6))
    .map((data) => (data === '[DONE]' ? data : (JSON.parse(data) as JsonObject)));

export const decode = (body: JsonObject): TurnRequest => openaiChat.decodeRequest(body);

export const asked = (messages: JsonObject[], more: JsonObject = {}): TurnRequest =>
  decode({ model: 'm', messages, ...more });
