import { parseJson, type JsonObject } from '../../turn/json.ts';
import type { Delta } from '../../turn/event.ts';
import type { Note } from '../../turn/note.ts';
import type { Part, ReasoningPart, Seal, ToolCallPart } from '../../turn/part.ts';
import { packSeal } from '../seal.ts';
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

const isJson = (text: string): boolean => parseJson(text) !== undefined;
