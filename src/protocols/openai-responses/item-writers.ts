import type { Json, JsonObject } from '../../turn/json.ts';
import type { Delta } from '../../turn/event.ts';
import type { Note } from '../../turn/note.ts';
import type { Citation, Part, ReasoningPart, Seal, ToolCallPart } from '../../turn/part.ts';
import { packSeal } from '../seal.ts';
import { encodeAnnotation, encodeContent } from './content.ts';
import { itemExtras, own } from './wire.ts';

/** Where the items of one reply are written. */
export interface ItemSink {
  /** One event's text; `members` is the inside of its JSON object, without type and sequence number. */
  event(type: string, members: string): string;
  /** Announces an item: its place in the output, and the text of the announcement. */
  open(item: JsonObject, origin: number | undefined): { index: number; text: string };
  /** The text that ends an item; the final output holds it as it is here. */
  close(index: number, item: JsonObject): string;
  /** An id for an item whose part brought none. */
  id(prefix: string, partIndex: number): string;
  note(note: Note): void;
}

/** Writes one part of the reply. */
export interface PartWriter {
  delta(delta: Delta): string;
  /** `last` is the authoritative form of the part, where the decoder gave one. */
  end(last: Part | undefined): string;
  /** How far a hosted tool is. */
  status?(state: string): string;
}

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
    while (annotated < citations.length) {
      const citation = citations[annotated]!;
      if (!atEnd && citation.wire.protocol !== own && citation.end === undefined) break;
      const annotation = encodeAnnotation(citation, text.length);
      if (annotation === undefined) {
        citations.splice(annotated, 1);
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

/**
 * Writes a reasoning item. Text of this protocol's own items is reasoning content; text of other protocols goes
 * out as a summary, which is what clients show.
 */
export function reasoningWriter(
  part: ReasoningPart,
  partIndex: number,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const content = part.item !== undefined;
  const id = part.item?.id ?? (content ? part.id : undefined) ?? sink.id('rs_', partIndex);
  const head: JsonObject = { id, type: 'reasoning', summary: [] };
  const { index, text: opening } = sink.open(head, part.item?.index);
  const at = `"item_id":${JSON.stringify(id)},"output_index":${index}`;
  const summary: string[] = [];
  /** Where each summary of the part stands in the item: text may take a place of its own. */
  const places = new Map<number | 'text', number>();
  let current: number | undefined;
  let text: string | undefined;
  let seal: Seal | undefined;

  const closeSection = (): string => {
    if (current === undefined) return '';
    const value = summary[current] ?? '';
    const where = `${at},"summary_index":${current}`;
    current = undefined;
    return (
      sink.event('response.reasoning_summary_text.done', `${where},"text":${JSON.stringify(value)}`) +
      sink.event(
        'response.reasoning_summary_part.done',
        `${where},"part":${JSON.stringify({ type: 'summary_text', text: value })}`,
      )
    );
  };

  const summarize = (section: number | 'text', value: string): string => {
    let out = '';
    let place = places.get(section);
    // A section that was closed for another one cannot be taken up again.
    if (place === undefined || place !== current) {
      out += closeSection();
      place = summary.push('') - 1;
      places.set(section, place);
      current = place;
      out += sink.event(
        'response.reasoning_summary_part.added',
        `${at},"summary_index":${place},"part":{"type":"summary_text","text":""}`,
      );
    }
    if (value === '') return out;
    summary[place] += value;
    const members = `${at},"summary_index":${place},"delta":${JSON.stringify(value)}`;
    return out + sink.event('response.reasoning_summary_text.delta', members);
  };

  const think = (value: string): string => {
    if (!content) return value === '' ? '' : summarize('text', value);
    let out = '';
    if (text === undefined) {
      text = '';
      out = sink.event(
        'response.content_part.added',
        `${at},"content_index":0,"part":{"type":"reasoning_text","text":""}`,
      );
    }
    text += value;
    const members = `${at},"content_index":0,"delta":${JSON.stringify(value)}`;
    return out + sink.event('response.reasoning_text.delta', members);
  };

  const writer: PartWriter = {
    delta(delta) {
      switch (delta.field) {
        case 'text':
          return think(delta.value);
        case 'summary':
          return summarize(delta.section, delta.value);
        case 'seal':
          seal = delta.value;
          return '';
        default:
          return '';
      }
    },
    end(last) {
      let out = '';
      const from = last?.kind === 'reasoning' ? last : part;
      if (last?.kind === 'reasoning') {
        const sent = content ? (text ?? '') : (summary[places.get('text') ?? -1] ?? '');
        const more = beyond(sent, last.text ?? '');
        if (more !== '') out += think(more);
        last.summary?.forEach((value, section) => {
          const had = summary[places.get(section) ?? -1];
          const rest = beyond(had ?? '', value);
          if (had === undefined || rest !== '') out += summarize(section, rest);
        });
      }
      out += closeSection();
      const item: JsonObject = {
        ...head,
        summary: summary.map((value) => ({ type: 'summary_text', text: value })),
      };
      if (text !== undefined) {
        const written = { type: 'reasoning_text', text };
        const where = `${at},"content_index":0`;
        out += sink.event('response.reasoning_text.done', `${where},"text":${JSON.stringify(text)}`);
        out += sink.event('response.content_part.done', `${where},"part":${JSON.stringify(written)}`);
        item.content = [written];
      }
      seal = from.seal ?? seal;
      if (seal !== undefined) {
        item.encrypted_content = seal.protocol === own ? seal.value : packSeal(seal, from.id);
      }
      if (from.item?.status !== undefined) item.status = from.item.status;
      return out + sink.close(index, { ...item, ...itemExtras(from) });
    },
  };
  seal = part.seal;
  let out = opening;
  if (part.text) out += think(part.text);
  part.summary?.forEach((value, section) => (out += summarize(section, value)));
  return { writer, text: out };
}

/** Writes a call of the client's own tools. */
export function callWriter(
  part: ToolCallPart,
  partIndex: number,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const custom = part.family === 'custom' || part.inputAs === 'text';
  const type = custom ? 'custom_tool_call' : 'function_call';
  const field = custom ? 'input' : 'arguments';
  const events = custom ? 'response.custom_tool_call_input' : 'response.function_call_arguments';
  const id = part.item?.id ?? sink.id(custom ? 'ctc_' : 'fc_', partIndex);
  const head: JsonObject = { id, type, status: 'in_progress', call_id: part.callId, name: part.name };
  if (part.namespace !== undefined) head.namespace = part.namespace;
  const more = itemExtras(part);
  const { index, text: opening } = sink.open({ ...head, ...more, [field]: '' }, part.item?.index);
  const at = `"item_id":${JSON.stringify(id)},"output_index":${index}`;
  let input = '';

  const write = (value: string): string => {
    input += value;
    return sink.event(`${events}.delta`, `${at},"delta":${JSON.stringify(value)}`);
  };

  const writer: PartWriter = {
    delta(delta) {
      if (delta.field === 'input') return delta.value === '' ? '' : write(delta.value);
      sink.note(lost(`tool_call.${delta.field}`, 'a call has no place for it'));
      return '';
    },
    end(last) {
      let out = '';
      const from = last?.kind === 'tool_call' ? last : part;
      const rest = beyond(input, from.input);
      if (rest !== '') out += write(rest);
      // Clients parse the arguments: none at all means an empty object.
      if (!custom && input === '') out += write('{}');
      const name = custom ? '' : `"name":${JSON.stringify(part.name)},`;
      out += sink.event(`${events}.done`, `${at},${name}"${field}":${JSON.stringify(input)}`);
      const told = from.item?.status;
      const status = told ?? (custom || isJson(input) ? 'completed' : 'incomplete');
      return out + sink.close(index, { ...head, status, [field]: input, ...itemExtras(from) });
    },
  };
  return { writer, text: part.input === '' ? opening : opening + write(part.input) };
}

/** What `whole` has after `sent`; nothing when it goes another way. */
export const beyond = (sent: string, whole: string): string =>
  whole.length > sent.length && whole.startsWith(sent) ? whole.slice(sent.length) : '';

export const lost = (path: string, why: string, weight: Note['weight'] = 'note'): Note => ({
  path,
  action: 'dropped',
  why,
  weight,
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
