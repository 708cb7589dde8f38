import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { sseReader } from '../../src/protocols/sse.ts';
import type { TurnEvent } from '../../src/turn/event.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { replyFold } from '../../src/turn/reply.ts';
import type { SurfaceName } from './setup.ts';

export const protocolOf: Record<SurfaceName, Protocol> = {
  chat: openaiChat,
  responses: openaiResponses,
  messages: anthropicMessages,
  gemini: googleGemini,
};

/** What a client makes of an answer. */
export interface ReadReply {
  readonly status: number;
  /** All text of the reply, in the order it came. */
  readonly text: string;
  /** An error answer, or a reply that ended in one. */
  readonly failed: boolean;
}

/** Reads an answer to its end as a client of that protocol does. */
export async function readReply(
  surface: SurfaceName,
  response: Response,
  stream: boolean,
): Promise<ReadReply> {
  const { status } = response;
  const body = await response.text();
  if (status !== 200) return { status, text: '', failed: true };
  const events = stream
    ? eventsOf(protocolOf[surface], body)
    : protocolOf[surface].decodeResult(JSON.parse(body) as JsonObject, { issuer: 'test' });
  const fold = replyFold();
  for (const event of events) fold.push(event);
  const { choices, failure } = fold.reply();
  const text = (choices[0]?.parts ?? []).map((part) => (part.kind === 'text' ? part.text : '')).join('');
  return { status, text, failed: failure !== undefined };
}

function eventsOf(protocol: Protocol, body: string): TurnEvent[] {
  const reader = sseReader();
  const decoder = protocol.streamDecoder({ issuer: 'test' });
  const events: TurnEvent[] = [];
  for (const frame of [...reader.push(new TextEncoder().encode(body)), ...reader.end()])
    decoder.decode(frame, events);
  decoder.end(events);
  return events;
}
