import type { Json, JsonObject } from '../../turn/json.ts';
import type { Citation, Part } from '../../turn/part.ts';
import { encodeAnnotation, encodeContent } from './content.ts';
import { beyond, lost, type ItemSink, type PartWriter } from './item-writers.ts';
import { itemExtras, own } from './wire.ts';

/** A message item that takes pieces of content until it is closed. */
export interface MessageItem {
  readonly id: string;
  readonly index: number;
  /** The upstream item whose parts belong here; absent for parts that are a message each. */
  readonly origin: number | undefined;
  readonly content: Json[];
  /** Pieces that are still being written. */
  open: number;
  /** The latest part, which knows the item's status and phase. */
  part: Part;
}

/** Begins a message item for its first part. */
export function openMessage(
  part: Part,
  partIndex: number,
  sink: ItemSink,
): { item: MessageItem; text: string } {
  const origin = part.item;
  const id = origin?.id ?? sink.id('msg_', partIndex);
  const head: JsonObject = { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
  if (origin?.phase !== undefined) head.phase = origin.phase;
  const { index, text } = sink.open(head, origin?.index);
  return { item: { id, index, origin: origin?.index, content: [], open: 0, part }, text };
}

/** Ends a message item. */
export function closeMessage(item: MessageItem, cut: boolean, sink: ItemSink): string {
  const origin = item.part.item;
  const whole: JsonObject = {
    id: item.id,
    type: 'message',
    status: messageStatus(origin?.status, cut),
    role: 'assistant',
    content: item.content,
  };
  if (origin?.phase !== undefined) whole.phase = origin.phase;
  return sink.close(item.index, { ...whole, ...itemExtras(item.part) });
}

function messageStatus(told: string | undefined, cut: boolean): string {
  if (told === 'completed' || told === 'incomplete') return told;
  return cut ? 'incomplete' : 'completed';
}

/** Writes a text or refusal as a piece of content of `item`. */
export function textWriter(
  part: Extract<Part, { kind: 'text' | 'refusal' }>,
  item: MessageItem,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const refusal = part.kind === 'refusal';
  const place = item.content.length;
  item.content.push(null);
  item.open++;
  const at = `"item_id":${JSON.stringify(item.id)},"output_index":${item.index},"content_index":${place}`;
  const type = refusal ? 'response.refusal' : 'response.output_text';
  const deltaType = `${type}.delta`;
  const empty: JsonObject = refusal
    ? { type: 'refusal', refusal: '' }
    : { type: 'output_text', text: '', annotations: [], logprobs: [] };
  let text = '';
  let citations: Citation[] = [];
  let read = 0;
  let annotated = 0;
  let logprobs: Json[] = [];
  let pending: Json[] = [];

  const write = (value: string): string => {
    text += value;
    if (refusal) return sink.event(deltaType, `${at},"delta":${JSON.stringify(value)}`);
    if (pending.length === 0) {
      return sink.event(deltaType, `${at},"delta":${JSON.stringify(value)},"logprobs":[]`);
    }
    const told = JSON.stringify(pending);
    pending = [];
    return sink.event(deltaType, `${at},"delta":${JSON.stringify(value)},"logprobs":${told}`);
  };

  /** Annotations whose span is known go out at once, the others when the text is whole. */
  const annotate = (atEnd: boolean): string => {
    let out = '';
    while (read < citations.length) {
      const citation = citations[read]!;
      if (!atEnd && citation.wire.protocol !== own && citation.end === undefined) break;
      read++;
      const annotation = encodeAnnotation(citation, text.length);
      if (annotation === undefined) {
        sink.note(lost('citations', 'the citation names neither an address nor a file'));
        continue;
      }
      const members = `${at},"annotation_index":${annotated},"annotation":${JSON.stringify(annotation)}`;
      out += sink.event('response.output_text.annotation.added', members);
      annotated++;
    }
    return out;
  };

  const writer: PartWriter = {
    delta(delta) {
      switch (delta.field) {
        case 'text':
          return write(delta.value);
        case 'logprobs':
          logprobs.push(...delta.value);
          pending.push(...delta.value);
          return '';
        case 'citation':
          citations.push(delta.value);
          return annotate(false);
        default:
          sink.note(lost(`${part.kind}.${delta.field}`, 'message content has no place for it'));
          return '';
      }
    },
    end(last) {
      let out = '';
      if (last?.kind === part.kind) {
        const more = beyond(text, last.text);
        if (more !== '') out += write(more);
        if (last.kind === 'text') {
          citations = [...citations, ...(last.citations ?? []).slice(citations.length)];
          if (last.logprobs !== undefined) logprobs = last.logprobs;
        }
        item.part = last;
      }
      if (!refusal) out += annotate(true);
      const from = last?.kind === part.kind ? last : part;
      const written = encodeContent({ ...from, text, citations, logprobs } as Part, true) ?? empty;
      item.content[place] = written;
      item.open--;
      const ended = JSON.stringify(text);
      out += refusal
        ? sink.event('response.refusal.done', `${at},"refusal":${ended}`)
        : sink.event(
            'response.output_text.done',
            `${at},"text":${ended},"logprobs":${JSON.stringify(logprobs)}`,
          );
      return out + sink.event('response.content_part.done', `${at},"part":${JSON.stringify(written)}`);
    },
  };
  let out = sink.event('response.content_part.added', `${at},"part":${JSON.stringify(empty)}`);
  if (part.text !== '') out += write(part.text);
  if (part.kind === 'text' && part.citations !== undefined) {
    citations.push(...part.citations);
    out += annotate(false);
  }
  if (part.logprobs !== undefined) logprobs.push(...part.logprobs);
  return { writer, text: out };
}

/** Writes a piece of content that the turn does not model. */
export function nativeContent(value: JsonObject, item: MessageItem, sink: ItemSink): string {
  const place = item.content.length;
  item.content.push(value);
  const at = `"item_id":${JSON.stringify(item.id)},"output_index":${item.index},"content_index":${place}`;
  const part = `${at},"part":${JSON.stringify(value)}`;
  return sink.event('response.content_part.added', part) + sink.event('response.content_part.done', part);
}
