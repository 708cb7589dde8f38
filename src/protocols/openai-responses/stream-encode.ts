import type { JsonObject } from '../../turn/json.ts';
import type { Stop, TurnEvent } from '../../turn/event.ts';
import type { Failure } from '../../turn/failure.ts';
import type { Note } from '../../turn/note.ts';
import type { Extras, Part } from '../../turn/part.ts';
import type { Usage } from '../../turn/usage.ts';
import type { StreamEncoder, SurfaceContext } from '../protocol.ts';
import { sseText } from '../sse.ts';
import { failureText, responseError } from './failure.ts';
import {
  audioWriter,
  compactionWriter,
  fusing,
  fusingWriter,
  imageWriter,
  wholeWriter,
  wireOf,
  type FusingCall,
} from './hosted-writers.ts';
import { callWriter, lost, reasoningWriter, type ItemSink, type PartWriter } from './item-writers.ts';
import { closeMessage, nativeContent, openMessage, textWriter, type MessageItem } from './message-writer.ts';
import { echoOf } from './response.ts';
import { encodeStop } from './stop.ts';
import { encodeUsage } from './usage.ts';
import { isFused, own } from './wire.ts';

/** Writes a reply as a stream of Responses events. */
export const streamEncoder = (context: SurfaceContext): StreamEncoder => responseWriter(context);

/** A stream encoder that also gives the Response it arrived at. */
export function responseWriter(context: SurfaceContext): StreamEncoder & { response(): JsonObject } {
  const echo = echoOf(context);
  const echoText = JSON.stringify(echo).slice(1);
  const notes: Note[] = [];
  const noted = new Set<string>();
  const output: (JsonObject | undefined)[] = [];
  const places = new Map<number, { id: string; index: number }>();
  const writers: (PartWriter | undefined)[] = [];
  const waiting = new Map<string, FusingCall>();
  let sequence = 0;
  const messages: MessageItem[] = [];
  let head: JsonObject | undefined;
  let id = '';
  let ids = '';
  let created = context.createdSeconds;
  let tier: string | undefined;
  let usage: Usage = {};
  let final: JsonObject = {};
  let refused = false;
  let over = false;

  const sink: ItemSink = {
    event: (type, members) =>
      `event: ${type}\ndata: {"type":"${type}",${members},"sequence_number":${sequence++}}\n\n`,
    open(item, origin) {
      const index = output.push(undefined) - 1;
      if (origin !== undefined) places.set(origin, { id: item.id as string, index });
      const members = `"output_index":${index},"item":${JSON.stringify(item)}`;
      return { index, text: sink.event('response.output_item.added', members) };
    },
    close(index, item) {
      output[index] = item;
      return sink.event(
        'response.output_item.done',
        `"output_index":${index},"item":${JSON.stringify(item)}`,
      );
    },
    id: (prefix, partIndex) => `${prefix}${ids}_${partIndex}`,
    note(note) {
      if (noted.has(note.path)) return;
      noted.add(note.path);
      notes.push(note);
    },
  };

  function response(more: JsonObject): JsonObject {
    return {
      ...head,
      output: output.filter((item) => item !== undefined),
      service_tier: tierWord(tier),
      ...more,
    };
  }

  /** The repeated request is long and always the same: it is written once. */
  const textOf = (value: JsonObject): string => `${JSON.stringify(value).slice(0, -1)},${echoText}`;

  function begin(event?: Extract<TurnEvent, { kind: 'start' }>): string {
    if (head !== undefined) return '';
    const given = event?.id ?? '';
    id = given.startsWith('resp_') ? given : `resp_${given || context.requestId}`;
    ids = id
      .slice('resp_'.length)
      .replace(/[^a-zA-Z0-9_-]/g, '_')
      .slice(-40);
    created = event?.created ?? created;
    tier =
      event?.tier ?? (typeof context.body.service_tier === 'string' ? context.body.service_tier : 'auto');
    head = {
      id,
      object: 'response',
      created_at: created,
      completed_at: null,
      status: 'in_progress',
      error: null,
      incomplete_details: null,
      model: event?.model ?? context.model,
      usage: null,
    };
    const text = textOf(response({}));
    return (
      sink.event('response.created', `"response":${text}`) +
      sink.event('response.in_progress', `"response":${text}`)
    );
  }

  /** Ends the messages that waited for more parts of their item. */
  function settle(cut: boolean): string {
    let text = '';
    const open = messages.splice(0);
    for (const message of open) {
      if (message.open > 0) messages.push(message);
      else text += closeMessage(message, cut, sink);
    }
    return text;
  }

  function startPart(index: number, part: Part): string {
    if (part.kind === 'text' || part.kind === 'refusal') {
      // A text of another protocol may begin empty and stay so: it has no item before its first character.
      if (part.item === undefined && part.text === '') return lateText(index, part);
      return startText(index, part);
    }
    return startItem(index, part);
  }

  function startText(index: number, part: Extract<Part, { kind: 'text' | 'refusal' }>): string {
    if (part.kind === 'refusal') refused = true;
    const { message, opening } = messageOf(part, index);
    const { writer, text } = textWriter(part, message, sink);
    writers[index] = writer;
    return opening + text;
  }

  /** The message item of a part: the open one of the same upstream item, else a new one. */
  function messageOf(part: Part, index: number): { message: MessageItem; opening: string } {
    const origin = part.item?.index;
    const known = origin === undefined ? undefined : messages.find((message) => message.origin === origin);
    if (known !== undefined) return { message: known, opening: '' };
    const before = settle(false);
    const { item, text } = openMessage(part, index, sink);
    messages.push(item);
    return { message: item, opening: before + text };
  }

  function lateText(index: number, part: Extract<Part, { kind: 'text' | 'refusal' }>): string {
    writers[index] = {
      delta: (delta) =>
        delta.field === 'text' && delta.value === ''
          ? ''
          : startText(index, part) + writers[index]!.delta(delta),
      end(last) {
        if (last === undefined || !('text' in last) || !last.text) return '';
        return startText(index, part) + writers[index]!.end(last);
      },
    };
    return '';
  }

  function startItem(index: number, part: Part): string {
    if (isFused(part)) return '';
    if (part.kind === 'native' && part.protocol === own && part.type.startsWith('content:')) {
      const { message, opening } = messageOf(part, index);
      return opening + nativeContent(part.value, message, sink);
    }
    const before = settle(false);
    const started = writerOf(index, part);
    writers[index] = started?.writer;
    return before + (started?.text ?? '');
  }

  function writerOf(index: number, part: Part): { writer: PartWriter; text: string } | undefined {
    if (wireOf(part) !== undefined) return wholeWriter(part, index, sink);
    switch (part.kind) {
      case 'reasoning':
        return reasoningWriter(part, index, sink);
      case 'compaction':
        return compactionWriter(part, index, sink);
      case 'tool_call':
        if (part.seal !== undefined) sink.note(lost('tool_call.seal', 'a call has no place for it'));
        if (part.by === 'client') return callWriter(part, index, sink);
        if (fusing.has(part.family)) {
          const { call, text } = fusingWriter(part, index, sink);
          waiting.set(part.callId, call);
          return { writer: call.writer, text };
        }
        break;
      case 'tool_result': {
        const call = waiting.get(part.callId);
        if (call === undefined) break;
        const writer: PartWriter = {
          delta: () => '',
          end(last) {
            waiting.delete(part.callId);
            return call.result(last?.kind === 'tool_result' ? last : part);
          },
        };
        return { writer, text: '' };
      }
      case 'media':
        if (part.as === 'image' && part.source.by === 'bytes') return imageWriter(part, index, sink);
        if (part.as === 'audio') return audioWriter(part, id, sink);
        break;
      default:
        break;
    }
    const what = part.kind === 'native' ? part.type : part.kind === 'tool_call' ? part.name : part.kind;
    sink.note(lost(`reply.${what}`, `the Responses protocol has no item for ${what}`, 'degrade'));
    return undefined;
  }

  function endPart(index: number, last: Part | undefined): string {
    const text = writers[index]?.end(last) ?? '';
    writers[index] = undefined;
    return text;
  }

  function finish(stop: Stop, extras: Extras | undefined): string {
    const { status, details, stated } = encodeStop(stop, refused);
    let out = '';
    for (let index = 0; index < writers.length; index++) out += endPart(index, undefined);
    for (const call of waiting.values()) out += call.result(undefined);
    out += settle(status === 'incomplete');
    if (!stated) {
      sink.note({
        path: 'stop_reason',
        action: 'emulated',
        why: `the Responses protocol has no word for the stop reason ${stop.raw ?? stop.reason}`,
        weight: 'note',
      });
    }
    if (stop.detail !== undefined && stop.detail.protocol !== own) {
      sink.note(lost('stop_details', 'the details of a stop have no place in a response'));
    }
    if (stop.sequence !== undefined)
      sink.note(lost('stop_sequence', 'a response does not tell the sequence it met'));
    const { usage: counted, ...more } = extras?.[own] ?? {};
    const spent = encodeUsage(usage);
    const completed = status === 'completed' ? Math.max(created, context.createdSeconds) : null;
    if (tier === 'auto') tier = 'default';
    final = response({
      status,
      incomplete_details: details,
      completed_at: completed,
      usage: spent === null ? null : { ...spent, ...(counted as JsonObject | undefined) },
      ...more,
    });
    over = true;
    return out + sink.event(`response.${status}`, `"response":${textOf(final)}`);
  }

  /**
   * What was whole is done; what was not stays open, as on the real service: clients run calls and keep
   * messages as soon as they are done, and then ask again.
   */
  function fail(failure: Failure): string {
    const out = settle(false);
    if (tier === 'auto') tier = 'default';
    final = response({ status: 'failed', error: responseError(failure), usage: encodeUsage(usage) });
    over = true;
    const text = failureText(failure, textOf(final), sequence);
    sequence += 2;
    return out + text;
  }

  /** An own event outside the model: its place and id are those that the item has here. */
  function nativeEvent(type: string, value: JsonObject): string {
    const place = typeof value.output_index === 'number' ? places.get(value.output_index) : undefined;
    const event: JsonObject = { ...value, sequence_number: sequence++ };
    if (place !== undefined) {
      event.output_index = place.index;
      if (event.item_id !== undefined) event.item_id = place.id;
    }
    return sseText(type === '' ? undefined : type, JSON.stringify(event));
  }

  return {
    encode(event) {
      if (over) return '';
      switch (event.kind) {
        case 'part_delta':
          return event.choice === 0 ? (writers[event.index]?.delta(event.delta) ?? '') : '';
        case 'start':
          return begin(event);
        case 'part_start':
          if (event.choice !== 0) {
            sink.note(lost('n', 'a response holds one reply: the other choices are left out', 'degrade'));
            return '';
          }
          return begin() + startPart(event.index, event.part);
        case 'part_end':
          return event.choice === 0 ? endPart(event.index, event.part) : '';
        case 'status':
          return event.choice === 0 ? (writers[event.index]?.status?.(event.state) ?? '') : '';
        case 'usage':
          usage = mergeUsage(usage, event.usage);
          return '';
        case 'stop':
          return event.choice === 0 ? begin() + finish(event.stop, event.extras) : '';
        case 'error':
          return begin() + fail(event.failure);
        case 'keepalive':
          return ': keepalive\n\n';
        case 'native':
          return event.protocol === own ? begin() + nativeEvent(event.type, event.value) : '';
      }
    },
    end: () => '',
    notes,
    response: () => ({ ...final, ...echo }),
  };
}

const tiers = new Set(['auto', 'default', 'flex', 'scale', 'priority', 'fast', 'ultrafast']);

/** Other protocols name their tiers otherwise; theirs are ordinary service here. */
const tierWord = (tier: string | undefined): string =>
  tier !== undefined && tiers.has(tier) ? tier : 'default';

function mergeUsage(old: Usage, next: Usage): Usage {
  const out: Record<string, unknown> = { ...old };
  for (const key in next) {
    const value = next[key as keyof Usage];
    if (value !== undefined) out[key] = value;
  }
  return out as Usage;
}
