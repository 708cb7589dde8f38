import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import type { DecodeSource, EncodeTarget, SurfaceContext } from '../../../src/protocols/protocol.ts';
import { sseReader, type SseFrame } from '../../../src/protocols/sse.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { replyFold, type Reply } from '../../../src/turn/reply.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';
import { corpusAvailable, corpusRoot } from '../../support/corpus.ts';

export const source: DecodeSource = { issuer: 'here' };

export const target: EncodeTarget = { model: 'm', issuer: 'here', abilities: {} };

/** A request of another protocol, to be written for an upstream of this one. */
export const foreignRequest = (more: Partial<TurnRequest> = {}): TurnRequest => ({
  protocol: 'openai-responses',
  model: 'm',
  instructions: [],
  turns: [{ role: 'user', parts: [{ kind: 'text', text: 'hi' }] }],
  tools: [],
  sampling: {},
  delivery: { stream: false },
  meta: {},
  extras: {},
  ...more,
});

export const context: SurfaceContext = {
  requestId: 'req1',
  createdSeconds: 1,
  model: 'asked',
  includeUsage: false,
  body: {},
};

export const framesOf = (text: string): SseFrame[] => {
  const reader = sseReader();
  return [...reader.push(new TextEncoder().encode(text)), ...reader.end()];
};

/** Frames as a recorder kept them: the JSON of each event. */
export const framesOfEvents = (events: readonly unknown[]): SseFrame[] =>
  events.map((event) => ({ event: (event as { type: string }).type, data: JSON.stringify(event) }));

export function decodeStream(frames: readonly SseFrame[], from: DecodeSource = source): TurnEvent[] {
  const decoder = anthropicMessages.streamDecoder(from);
  const out: TurnEvent[] = [];
  for (const frame of frames) decoder.decode(frame, out);
  decoder.end(out);
  return out;
}

export function encodeStream(events: readonly TurnEvent[], on: SurfaceContext = context): string {
  const encoder = anthropicMessages.streamEncoder(on);
  let out = '';
  for (const event of events) out += encoder.encode(event);
  return out + encoder.end();
}

export function fold(events: readonly TurnEvent[]): Reply {
  const folding = replyFold();
  for (const event of events) folding.push(event);
  return folding.reply();
}

/** The data of the events in a text that our encoder wrote. */
export const eventsOf = (text: string): JsonObject[] =>
  framesOf(text).map((frame) => JSON.parse(frame.data) as JsonObject);

/** Bodies that real clients were captured to post to `/v1/messages`. */
export function capturedRequests(): { name: string; body: JsonObject }[] {
  const out: { name: string; body: JsonObject }[] = [];
  if (!corpusAvailable) return out;
  for (const client of ['claude-code', 'anthropic-sdk', 'opencode', 'ai-sdk']) {
    const folder = join(corpusRoot, 'captures', client);
    for (const file of readdirSync(folder)) {
      if (!file.endsWith('.json')) continue;
      const capture = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
        requests?: { path?: string; body?: unknown }[];
      };
      capture.requests?.forEach(({ path, body }, i) => {
        if (!path?.includes('/messages') || typeof body !== 'object' || body === null) return;
        out.push({ name: `${client}/${file}#${i + 1}`, body: body as JsonObject });
      });
    }
  }
  return out;
}
