import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { DecodeSource, EncodeTarget, SurfaceContext } from '../../../src/protocols/protocol.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part } from '../../../src/turn/part.ts';
import { replyFold, type Reply } from '../../../src/turn/reply.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';
import { blocksOfSse, payloadsOf } from '../../support/corpus.ts';

export const source: DecodeSource = { issuer: 'upstream' };
export const target: EncodeTarget = { model: 'm', issuer: 'upstream', abilities: {} };

export function foldOf(events: readonly TurnEvent[]): Reply {
  const fold = replyFold();
  for (const event of events) fold.push(event);
  return fold.reply();
}

/** Decodes event payloads; the body then ends. */
export function decodeEvents(payloads: readonly (JsonObject | string)[]): TurnEvent[] {
  const decoder = openaiResponses.streamDecoder(source);
  const out: TurnEvent[] = [];
  for (const payload of payloads) {
    const data = typeof payload === 'string' ? payload : JSON.stringify(payload);
    decoder.decode({ event: undefined, data }, out);
  }
  decoder.end(out);
  return out;
}

const request: TurnRequest = {
  protocol: 'openai-responses',
  model: 'asked-model',
  instructions: [],
  turns: [],
  tools: [],
  sampling: {},
  delivery: { stream: true },
  meta: {},
  extras: {},
};

export const requestOf = (more: Partial<TurnRequest> = {}): TurnRequest => ({ ...request, ...more });

export const context = (body: JsonObject = {}): SurfaceContext => ({
  requestId: 'req_1',
  createdSeconds: 1700000000,
  model: 'asked-model',
  includeUsage: false,
  body,
});

/** The text that the encoder writes for these events, event by event. */
export function encodeText(events: readonly TurnEvent[], body: JsonObject = {}): string[] {
  const encoder = openaiResponses.streamEncoder(context(body));
  const texts = events.map((event) => encoder.encode(event));
  texts.push(encoder.end());
  return texts;
}

/** The payloads of the encoded stream. */
export const encodeEvents = (events: readonly TurnEvent[], body: JsonObject = {}): JsonObject[] =>
  payloadsOf(blocksOfSse(encodeText(events, body).join(''))) as JsonObject[];

/** The events of a reply that another protocol's decoder gives: start, the parts one after another, stop. */
export function replyEvents(
  parts: readonly Part[],
  reason: 'end' | 'tool_use' | 'length' = 'end',
): TurnEvent[] {
  const events: TurnEvent[] = [{ kind: 'start', id: 'msg_abc', model: 'm-1', created: 1700000001 }];
  parts.forEach((part, index) => {
    events.push({ kind: 'part_start', choice: 0, index, part });
    events.push({ kind: 'part_end', choice: 0, index });
  });
  events.push({ kind: 'usage', usage: { fresh: 10, cacheRead: 5, cacheWrite: 2, output: 7, reasoning: 3 } });
  events.push({ kind: 'stop', choice: 0, stop: { reason, raw: reason } });
  return events;
}

/** A JSON value without `undefined` members. */
export const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
