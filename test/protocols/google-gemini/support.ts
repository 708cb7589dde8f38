import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import type { DecodeSource, EncodeTarget, SurfaceContext } from '../../../src/protocols/protocol.ts';
import { sseReader, type SseFrame } from '../../../src/protocols/sse.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { replyFold, type Reply } from '../../../src/turn/reply.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';
import { corpusAvailable, corpusRoot } from '../../support/corpus.ts';

export const source: DecodeSource = { issuer: 'here' };

export const target: EncodeTarget = { model: 'gemini-2.5-flash', issuer: 'here', abilities: {} };

/** A request of another protocol, to be written for an upstream of this one. */
export const foreignRequest = (more: Partial<TurnRequest> = {}): TurnRequest => ({
  protocol: 'anthropic-messages',
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

/** What the gateway makes of a path and a body. */
export const decodeRequest = (body: JsonObject): TurnRequest =>
  googleGemini.decodeRequest({ model: 'm', stream: false, ...body });

/** One user text, with more members of the request. */
export const ask = (more: JsonObject): TurnRequest =>
  decodeRequest({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }], ...more });

/** A request that came in this protocol, written for an upstream that speaks it. */
export const there = (body: JsonObject, to: EncodeTarget = target): JsonObject =>
  JSON.parse(
    JSON.stringify(googleGemini.encodeRequest(decodeRequest(structuredClone(body)), to).body),
  ) as JsonObject;

export const framesOf = (text: string): SseFrame[] => {
  const reader = sseReader();
  return [...reader.push(new TextEncoder().encode(text)), ...reader.end()];
};

/** Chunks as a recorder kept them. */
export const framesOfChunks = (chunks: readonly unknown[]): SseFrame[] =>
  chunks.map((chunk) => ({ event: undefined, data: JSON.stringify(chunk) }));

/** A chunk with some parts of the first candidate. */
export const chunk = (parts: readonly unknown[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { role: 'model', parts: parts as JsonObject[] }, index: 0, ...more }],
  modelVersion: 'gemini-test',
  responseId: 'r1',
});

export function decodeStream(frames: readonly SseFrame[], from: DecodeSource = source): TurnEvent[] {
  const decoder = googleGemini.streamDecoder(from);
  const out: TurnEvent[] = [];
  for (const frame of frames) decoder.decode(frame, out);
  decoder.end(out);
  return out;
}

/** The reply that a stream of these chunks folds to. */
export const replyOf = (chunks: readonly unknown[], from: DecodeSource = source): Reply =>
  fold(decodeStream(framesOfChunks(chunks), from));

export function encodeStream(events: readonly TurnEvent[], on: SurfaceContext = context): string {
  const encoder = googleGemini.streamEncoder(on);
  let out = '';
  for (const event of events) out += encoder.encode(event);
  return out + encoder.end();
}

export function fold(events: readonly TurnEvent[]): Reply {
  const folding = replyFold();
  for (const event of events) folding.push(event);
  return folding.reply();
}

/** The chunks in a text that our encoder wrote. */
export const chunksOf = (text: string): JsonObject[] =>
  framesOf(text).map((frame) => JSON.parse(frame.data) as JsonObject);

/** The parts of the first candidate in some chunks. */
export const partsOf = (chunks: readonly JsonObject[]): JsonObject[] =>
  chunks.flatMap((one) => {
    const [candidate] = (one.candidates ?? []) as JsonObject[];
    return ((candidate?.content as JsonObject | undefined)?.parts ?? []) as JsonObject[];
  });

/** Bodies that real clients were captured to post to `…:generateContent` and `…:streamGenerateContent`. */
export function capturedRequests(): { name: string; body: JsonObject }[] {
  const out: { name: string; body: JsonObject }[] = [];
  if (!corpusAvailable) return out;
  for (const client of ['genai-sdk', 'genai-sdk/v3', 'gemini-cli', 'opencode', 'ai-sdk']) {
    const folder = join(corpusRoot, 'captures', client);
    for (const file of readdirSync(folder)) {
      if (!file.endsWith('.json')) continue;
      const capture = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
        requests?: { path?: string; body?: unknown }[];
      };
      capture.requests?.forEach(({ path, body }, i) => {
        if (!path?.endsWith('enerateContent') || typeof body !== 'object' || body === null) return;
        out.push({ name: `${client}/${file}#${i + 1}`, body: body as JsonObject });
      });
    }
  }
  return out;
}
