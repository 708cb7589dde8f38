import type { TurnEvent } from '../../turn/event.ts';
import { asObject, type JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Reply } from '../../turn/reply.ts';
import type { DecodeSource, SurfaceContext } from '../protocol.ts';
import { encodeBlock } from './block-encode.ts';
import { errorFailure } from './failure.ts';
import { protocolId } from './names.ts';
import { encodeStop } from './stops.ts';
import { readMessage } from './stream-decode.ts';
import { noteChoices, replyId, replyTier, replyWriter } from './surface.ts';
import { encodeUsage } from './usage.ts';

/** Reads a whole message. */
export function decodeResult(body: JsonObject, source: DecodeSource): TurnEvent[] {
  const error = asObject(body.error);
  if (error !== undefined && body.content === undefined) {
    return [{ kind: 'error', failure: errorFailure(error) }];
  }
  return readMessage(body, source);
}

/** Writes a whole message. */
export function encodeResult(reply: Reply, context: SurfaceContext): { body: JsonObject; notes: Note[] } {
  const notes: Note[] = [];
  const writer = replyWriter(notes);
  const choice = reply.choices[0] ?? { parts: [] };
  const content: JsonObject[] = [];
  choice.parts.forEach((part, i) => {
    writer.path = `content[${i}]`;
    const block = encodeBlock(part, writer);
    if (block) content.push(block);
  });
  if (reply.choices.length > 1) noteChoices(notes);
  const usage = encodeUsage(reply.usage);
  const tier = replyTier(reply.tier, notes);
  if (tier !== undefined) usage.service_tier ??= tier;
  const { stop_reason: _, ...extras } = choice.extras?.[protocolId] ?? {};
  const body: JsonObject = {
    id: replyId(reply.id, context),
    type: 'message',
    role: 'assistant',
    model: reply.model ?? context.model,
    content,
    ...encodeStop(
      { stop: choice.stop ?? { reason: 'end' }, extras: choice.extras },
      choice.parts.some((part) => part.kind === 'refusal'),
      notes,
    ),
    usage,
    ...reply.extras?.[protocolId],
    ...extras,
  };
  return { body, notes };
}
