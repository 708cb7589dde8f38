import {
  asArray,
  asObject,
  asString,
  isObject,
  parseObject,
  type Json,
  type JsonObject,
} from '../../turn/json.ts';
import type { CompactionPart, MediaPart, Part, ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import { packSeal } from '../seal.ts';
import { beyond, lost, type ItemSink, type PartWriter } from './item-writers.ts';
import { own } from './wire.ts';

/** Writes an item that came from this protocol and goes back as it was. */
export function wholeWriter(
  part: Part,
  partIndex: number,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const first = wireOf(part) ?? {};
  const id = asString(first.id) || sink.id('item_', partIndex);
  const type = asString(first.type) ?? '';
  const opened: JsonObject = { ...required(first), id };
  if (opened.status === 'completed') opened.status = 'in_progress';
  const { index, text } = sink.open(opened, part.item?.index);
  const at = `"item_id":${JSON.stringify(id)},"output_index":${index}`;
  let input = '';

  const writer: PartWriter = {
    delta(delta) {
      if (delta.field !== 'input' || type !== 'mcp_call') return '';
      input += delta.value;
      return sink.event('response.mcp_call_arguments.delta', `${at},"delta":${JSON.stringify(delta.value)}`);
    },
    status: (state) => sink.event(`response.${type}.${state}`, at),
    end(last) {
      const value = (last === undefined ? undefined : wireOf(last)) ?? first;
      const whole = asString(value.arguments) ?? input;
      const done =
        type === 'mcp_call'
          ? sink.event('response.mcp_call_arguments.done', `${at},"arguments":${JSON.stringify(whole)}`)
          : '';
      return done + sink.close(index, { ...required(value), id });
    },
  };
  return { writer, text };
}

/** An item with the members that clients rely on and that some events leave out. */
function required(item: JsonObject): JsonObject {
  if (item.type === 'web_search_call' && item.action === undefined) {
    const query = asString(parseObject(asString(item.arguments) ?? '')?.query) ?? '';
    return { ...item, action: { type: 'search', query } };
  }
  return item.type === 'image_generation_call' && item.result === undefined
    ? { ...item, result: null }
    : item;
}

/** The item of a part that is kept as its protocol wrote it. */
export function wireOf(part: Part): JsonObject | undefined {
  if (part.kind === 'native') return part.protocol === own ? part.value : undefined;
  if (!('wire' in part) || part.wire?.protocol !== own) return undefined;
  return part.wire.value;
}

/** A hosted call of another protocol that waits for its result: here both are one item. */
export interface FusingCall {
  writer: PartWriter;
  /** The result's part is there; gives the item's end. */
  result(part: ToolResultPart | undefined): string;
}

/** Families of hosted calls that have an item here. */
export const fusing: ReadonlySet<string> = new Set(['web_search', 'mcp', 'code']);

/** Writes a hosted call of another protocol as the item that stands for it here. */
export function fusingWriter(
  part: ToolCallPart,
  partIndex: number,
  sink: ItemSink,
): { call: FusingCall; text: string } {
  const kind = part.family === 'web_search' ? search : part.family === 'mcp' ? mcp : code;
  const id = sink.id(kind.prefix, partIndex);
  const head: JsonObject = { id, type: kind.type };
  const { index, text } = sink.open({ ...head, status: 'in_progress', ...kind.opening(part) }, undefined);
  const at = `"item_id":${JSON.stringify(id)},"output_index":${index}`;
  const send = (name: string, members = '') => sink.event(`response.${name}`, at + members);
  let input = part.input;
  let closed = false;

  const call: FusingCall = {
    writer: {
      delta(delta) {
        if (delta.field === 'input') input += delta.value;
        return '';
      },
      end(last) {
        if (last?.kind === 'tool_call') input += beyond(input, last.input);
        return kind.called(input, send);
      },
    },
    result(result) {
      if (closed) return '';
      closed = true;
      if (kind === search && found(result).length > 0) {
        sink.note(lost('web_search.results', 'of search results, only the addresses have a place here'));
      }
      const failed = result?.outcome === 'error';
      const item = { ...head, status: failed ? 'failed' : 'completed', ...kind.closing(part, input, result) };
      const last = failed && kind.type === 'mcp_call' ? 'failed' : 'completed';
      return send(`${kind.type}.${last}`) + sink.close(index, item);
    },
  };
  return { call, text: text + send(`${kind.type}.in_progress`) };
}

type Send = (name: string, members?: string) => string;

interface FusingKind {
  readonly type: string;
  readonly prefix: string;
  opening(part: ToolCallPart): JsonObject;
  called(input: string, send: Send): string;
  closing(part: ToolCallPart, input: string, result: ToolResultPart | undefined): JsonObject;
}

const search: FusingKind = {
  type: 'web_search_call',
  prefix: 'ws_',
  opening: () => ({ action: { type: 'search', query: '' } }),
  called: (_input, send) => send('web_search_call.searching'),
  closing(_part, input, result) {
    const query = asString(parseObject(input)?.query) ?? '';
    const sources = found(result).map((url) => ({ type: 'url', url }));
    const action: JsonObject = { type: 'search', query };
    if (sources.length > 0) action.sources = sources;
    return { action };
  },
};

const mcp: FusingKind = {
  type: 'mcp_call',
  prefix: 'mcp_',
  opening: (part) => ({ server_label: labelOf(part), name: part.name, arguments: '' }),
  called(input, send) {
    const json = JSON.stringify(input === '' ? '{}' : input);
    return (
      send('mcp_call_arguments.delta', `,"delta":${json}`) +
      send('mcp_call_arguments.done', `,"arguments":${json}`)
    );
  },
  closing(part, input, result) {
    const output = result === undefined ? null : textOf(result);
    const failed = result?.outcome === 'error';
    return {
      server_label: labelOf(part),
      name: part.name,
      arguments: input === '' ? '{}' : input,
      output: failed ? null : output,
      error: failed
        ? { type: 'mcp_tool_execution_error', content: [{ type: 'text', text: output ?? '' }] }
        : null,
    };
  },
};

const code: FusingKind = {
  type: 'code_interpreter_call',
  prefix: 'ci_',
  opening: () => ({ container_id: '', code: '', outputs: null }),
  called(input, send) {
    const written = JSON.stringify(codeOf(input));
    return (
      send('code_interpreter_call_code.delta', `,"delta":${written}`) +
      send('code_interpreter_call_code.done', `,"code":${written}`) +
      send('code_interpreter_call.interpreting')
    );
  },
  closing(_part, input, result) {
    const logs = result === undefined ? '' : logsOf(result);
    return { container_id: '', code: codeOf(input), outputs: logs === '' ? [] : [{ type: 'logs', logs }] };
  },
};

/** Writes an image that the model made. */
export function imageWriter(
  part: MediaPart,
  partIndex: number,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const head: JsonObject = { id: sink.id('ig_', partIndex), type: 'image_generation_call' };
  const { index, text } = sink.open({ ...head, status: 'in_progress', result: null }, undefined);
  let data = part.source.by === 'bytes' ? part.source.data : '';
  const writer: PartWriter = {
    delta(delta) {
      if (delta.field === 'data') data += delta.value;
      return '';
    },
    end(last) {
      if (last?.kind === 'media' && last.source.by === 'bytes') data = last.source.data;
      return sink.close(index, { ...head, status: 'completed', result: data });
    },
  };
  return { writer, text };
}

/** Writes sound, which has events here but no item. */
export function audioWriter(
  part: MediaPart,
  responseId: string,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const of = `"response_id":${JSON.stringify(responseId)}`;
  const sound = (value: string) =>
    sink.event('response.audio.delta', `${of},"delta":${JSON.stringify(value)}`);
  const words = (value: string) =>
    sink.event('response.audio.transcript.delta', `${of},"delta":${JSON.stringify(value)}`);
  let data = part.source.by === 'bytes' ? part.source.data : '';
  let transcript = part.transcript ?? '';
  const text = (data === '' ? '' : sound(data)) + (transcript === '' ? '' : words(transcript));
  const writer: PartWriter = {
    delta(delta) {
      if (delta.field === 'data') {
        data += delta.value;
        return sound(delta.value);
      }
      if (delta.field !== 'text') return '';
      transcript += delta.value;
      return words(delta.value);
    },
    end(last) {
      let out = '';
      if (last?.kind === 'media') {
        const more = last.source.by === 'bytes' ? beyond(data, last.source.data) : '';
        if (more !== '') out += sound(more);
        const said = beyond(transcript, last.transcript ?? '');
        if (said !== '') out += words(said);
      }
      return out + sink.event('response.audio.done', of) + sink.event('response.audio.transcript.done', of);
    },
  };
  return { writer, text };
}

/** Writes another protocol's compaction: whole inside the opaque member, to come back as it was. */
export function compactionWriter(
  part: CompactionPart,
  partIndex: number,
  sink: ItemSink,
): { writer: PartWriter; text: string } {
  const head: JsonObject = { id: sink.id('cmp_', partIndex), type: 'compaction' };
  const { index, text } = sink.open({ ...head, encrypted_content: '' }, undefined);
  let summary = part.summary ?? '';
  const writer: PartWriter = {
    delta(delta) {
      if (delta.field === 'text') summary += delta.value;
      return '';
    },
    end(last) {
      const from = last?.kind === 'compaction' ? last : part;
      const whole = from.summary ?? summary;
      const value = whole === '' ? from.wire.value : { ...from.wire.value, content: whole };
      const seal = { protocol: from.wire.protocol, issuer: from.seal?.issuer, value: JSON.stringify(value) };
      return sink.close(index, { ...head, encrypted_content: packSeal(seal) });
    },
  };
  return { writer, text };
}

const labelOf = (part: ToolCallPart): string =>
  part.namespace ?? asString(part.wire?.value.server_name) ?? part.name;

/** Code or a command line as it is; other tools of a sandbox by all their arguments. */
function codeOf(input: string): string {
  const value = parseObject(input) ?? {};
  const line = value.path === undefined ? asString(value.command) : undefined;
  return asString(value.code) ?? line ?? input;
}

/** The addresses among a search's results. */
function found(result: ToolResultPart | undefined): string[] {
  if (result?.output.as !== 'json') return [];
  const { value } = result.output;
  const list = Array.isArray(value) ? value : asArray(asObject(value)?.content ?? asObject(value)?.sources);
  return list
    .map((entry) => (isObject(entry) ? asString(entry.url) : undefined))
    .filter((url) => url !== undefined);
}

function logsOf(result: ToolResultPart): string {
  if (result.output.as !== 'json') return textOf(result);
  const value = asObject(result.output.value);
  const inside = asObject(value?.content) ?? value;
  if (inside?.stdout === undefined && inside?.stderr === undefined) return JSON.stringify(inside ?? null);
  return [asString(inside.stdout), asString(inside.stderr)].filter((text) => text).join('\n');
}

function textOf(result: ToolResultPart): string {
  const { output } = result;
  if (output.as === 'text') return output.text;
  if (output.as === 'parts')
    return output.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
  return plainText(output.value);
}

function plainText(value: Json): string {
  if (typeof value === 'string') return value;
  const list = Array.isArray(value) ? value : isObject(value) ? asArray(value.content) : [];
  const texts = list.map((entry) => (isObject(entry) ? asString(entry.text) : undefined));
  return texts.some((text) => text !== undefined) ? texts.join('') : JSON.stringify(value);
}
