import type { TurnEvent } from '../../turn/event.ts';
import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Usage } from '../../turn/usage.ts';
import type { StreamEncoder, SurfaceContext } from '../protocol.ts';
import { blockStream, write, type Wire } from './block-stream.ts';
import { failureFrames } from './failure.ts';
import { protocolId } from './names.ts';
import { encodeStop } from './stops.ts';
import { noteChoices, replyId, replyTier } from './surface.ts';
import { encodeDeltaUsage, encodeUsage } from './usage.ts';

/** Writes a Messages stream. */
export function streamEncoder(context: SurfaceContext): StreamEncoder {
  const notes: Note[] = [];
  const wire: Wire = { out: '' };
  const blocks = blockStream(wire, notes);
  let usage: Usage = {};
  let start: Extract<TurnEvent, { kind: 'start' }> | undefined;
  let startUsage: JsonObject = {};
  let started = false;
  let over = false;

  function encode(event: TurnEvent): string {
    if (over) return '';
    wire.out = '';
    switch (event.kind) {
      case 'start':
        start ??= event;
        break;
      case 'usage':
        usage = { ...usage, ...event.usage };
        break;
      case 'part_delta':
        if (event.choice === 0) blocks.delta(event.index, event.delta);
        break;
      case 'part_start':
        begin();
        if (event.choice === 0) blocks.start(event.index, event.part);
        else if (!notes.some((note) => note.path === 'choices')) noteChoices(notes);
        break;
      case 'part_end':
        if (event.choice === 0) blocks.end(event.index, event.part);
        break;
      case 'keepalive':
        if (start !== undefined) begin();
        wire.out += 'event: ping\ndata: {"type":"ping"}\n\n';
        break;
      case 'native':
        if (event.protocol === protocolId) onNative(event.type, event.value);
        break;
      case 'status':
        if (start !== undefined) begin();
        break;
      case 'stop':
        if (event.choice === 0) onStop(event);
        break;
      case 'error':
        over = true;
        return failureFrames(event.failure, { requestId: context.requestId, lastData: undefined });
    }
    return wire.out;
  }

  /** `message_start` waits for the event after `start`, which often is the usage that it should hold. */
  function begin(): void {
    if (started) return;
    started = true;
    startUsage = encodeUsage(usage);
    const tier = replyTier(start?.tier, notes);
    if (tier !== undefined) startUsage.service_tier ??= tier;
    write(wire, 'message_start', {
      type: 'message_start',
      message: {
        id: replyId(start?.id, context),
        type: 'message',
        role: 'assistant',
        model: start?.model ?? context.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        stop_details: null,
        usage: startUsage,
        ...start?.extras?.[protocolId],
      },
    });
  }

  /** A delta that is not understood belongs to the block that is open. */
  function onNative(type: string, value: JsonObject): void {
    if (start !== undefined) begin();
    if (type !== 'content_block_delta') write(wire, type, value);
    else if (blocks.open !== undefined) write(wire, type, { ...value, index: blocks.open });
  }

  function onStop(event: Extract<TurnEvent, { kind: 'stop' }>): void {
    begin();
    blocks.finish();
    const { stop_reason: _, container, ...extras } = event.extras?.[protocolId] ?? {};
    const delta = encodeStop(event, blocks.refused, notes);
    if (container !== undefined) delta.container = container;
    write(wire, 'message_delta', {
      type: 'message_delta',
      delta,
      usage: encodeDeltaUsage(usage, startUsage),
      ...extras,
    });
    wire.out += 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
    over = true;
  }

  return { encode, end: () => '', notes };
}
