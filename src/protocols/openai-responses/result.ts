import { asArray, asObject, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { TurnEvent } from '../../turn/event.ts';
import type { Note } from '../../turn/note.ts';
import type { Reply } from '../../turn/reply.ts';
import type { DecodeSource, SurfaceContext } from '../protocol.ts';
import { failureOf } from './failure.ts';
import { replyItems } from './reply-items.ts';
import { startEvent, stopEvent } from './stream-decode.ts';
import { responseWriter } from './stream-encode.ts';
import { decodeUsage } from './usage.ts';

/** Reads a whole Response. */
export function decodeResult(body: JsonObject, source: DecodeSource): TurnEvent[] {
  const out: TurnEvent[] = [startEvent(body)];
  const items = replyItems(source);
  items.replyId(asString(body.id) ?? '');
  items.settle(asArray(body.output).filter(isObject), out);
  const usage = asObject(body.usage);
  if (usage !== undefined) {
    const counts = decodeUsage(usage, asObject(body.tool_usage), body.service_tier);
    out.push({ kind: 'usage', usage: counts });
  }
  const error = asObject(body.error);
  if (body.status === 'failed' || error !== undefined || !Array.isArray(body.output)) {
    out.push({ kind: 'error', failure: failureOf(error ?? {}) });
  } else {
    out.push(stopEvent(body, items.outcome));
  }
  return out;
}

/** Writes a whole Response: the one with which the streamed form of the reply would end. */
export function encodeResult(reply: Reply, context: SurfaceContext): { body: JsonObject; notes: Note[] } {
  const writer = responseWriter(context);
  writer.encode({
    kind: 'start',
    id: reply.id,
    model: reply.model,
    created: reply.created,
    tier: reply.tier,
    extras: reply.extras,
  });
  reply.choices.forEach((choice, number) => {
    choice.parts.forEach((part, index) => {
      writer.encode({ kind: 'part_start', choice: number, index, part });
      writer.encode({ kind: 'part_end', choice: number, index, part });
    });
  });
  writer.encode({ kind: 'usage', usage: reply.usage });
  if (reply.failure !== undefined) {
    writer.encode({ kind: 'error', failure: reply.failure });
  } else {
    const [choice] = reply.choices;
    const stop = choice?.stop ?? { reason: 'other' };
    writer.encode({ kind: 'stop', choice: 0, stop, extras: choice?.extras });
  }
  return { body: writer.response(), notes: [...writer.notes] };
}
