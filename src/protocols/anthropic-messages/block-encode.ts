import { isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Citation, Part, ReasoningPart, ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import { nativeWeight } from '../foreign-members.ts';
import { wrapInput } from '../repairs/custom-input.ts';
import { dress, drop, type BlockWriter } from './block-writer.ts';
import { hostedBlock } from './hosted.ts';
import { mediaBlock } from './media-encode.ts';
import { protocolId } from './names.ts';

/** Writes one part as a content block; nothing, and a note, when it cannot be one. */
export function encodeBlock(part: Part, writer: BlockWriter): JsonObject | undefined {
  const block = blockOf(part, writer);
  if (block !== undefined && writer.to === 'client') fillIn(block);
  return block;
}

/** Members that the API always has in replies, where the upstream left them out. */
function fillIn(block: JsonObject): void {
  switch (block.type) {
    case 'tool_use':
    case 'server_tool_use':
    case 'web_search_tool_result':
    case 'web_fetch_tool_result':
      block.caller ??= { type: 'direct' };
      break;
    case 'compaction':
      block.encrypted_content ??= null;
  }
}

function blockOf(part: Part, writer: BlockWriter): JsonObject | undefined {
  switch (part.kind) {
    case 'text':
      return dress(part, text(part.text, part.citations, writer));
    case 'refusal':
      return dress(part, { type: 'text', text: part.text });
    case 'media':
      return mediaBlock(part, writer, (parts) => encodeBlocks(parts, writer));
    case 'reasoning':
      return reasoning(part, writer);
    case 'tool_call':
      return toolCall(part, writer);
    case 'tool_result':
      return toolResult(part, writer);
    case 'tool_change':
    case 'compaction':
    case 'notice':
    case 'approval_ask':
    case 'approval_answer':
      if (part.wire.protocol === protocolId) return dress(part, { ...part.wire.value });
      return drop(writer, `${part.kind} of ${part.wire.protocol} has no counterpart`, weightOf(part.kind));
    case 'reference':
      return drop(writer, 'an item that another upstream keeps cannot be referred to', 'refuse');
    case 'native':
      if (part.protocol === protocolId) return part.value;
      return drop(writer, `${part.type} of ${part.protocol} has no counterpart`, nativeWeight(part));
  }
}

/** A citation as this protocol writes it; those of other protocols fit when they name a page. */
export function encodeCitation(citation: Citation, cited: string): JsonObject | undefined {
  if (citation.wire.protocol === protocolId) return citation.wire.value;
  if (citation.url === undefined) return undefined;
  return {
    type: 'web_search_result_location',
    cited_text: citation.quote ?? cited.slice(citation.start ?? 0, citation.end ?? 0),
    url: citation.url,
    title: citation.title ?? null,
    encrypted_index: '',
  };
}

/**
 * The arguments of a call as the object the wire wants. What is not an object is kept under `input`, except
 * that a reply does not invent an argument for its client.
 */
export function inputObject(part: ToolCallPart, writer: BlockWriter): Json {
  if (part.inputAs === 'text') return JSON.parse(wrapInput(part.input)) as Json;
  if (part.input.trim() === '') return {};
  try {
    const value = JSON.parse(part.input) as Json;
    if (isObject(value) || writer.own) return value;
    repaired(writer, 'the arguments of the call are not an object');
    return { input: value };
  } catch {
    repaired(writer, 'the arguments of the call are not whole JSON');
    return writer.to === 'client' ? {} : { input: part.input };
  }
}

function text(value: string, citations: Citation[] | undefined, writer: BlockWriter): JsonObject {
  const block: JsonObject = { type: 'text', text: value };
  if (citations === undefined) return block;
  const written: JsonObject[] = [];
  for (const citation of citations) {
    // In history an invented location would be refused: only the model's own citations go up.
    const own = citation.wire.protocol === protocolId;
    const wire = own || writer.to === 'client' ? encodeCitation(citation, value) : undefined;
    if (wire) written.push(wire);
    else drop(writer, `a citation of ${citation.wire.protocol} cannot be written here`, 'note', '.citations');
  }
  if (written.length > 0 || citations.length === 0) block.citations = written;
  return block;
}

function reasoning(part: ReasoningPart, writer: BlockWriter): JsonObject | undefined {
  const value = writer.seal(part);
  if (value === null) return undefined;
  const words = part.text ?? part.summary?.join('\n\n');
  const nameless = part.text === undefined && !words;
  if (nameless && value === undefined && !part.hidden) return undefined;
  if (part.hidden || (nameless && part.seal?.protocol !== protocolId)) {
    return dress(part, { type: 'redacted_thinking', data: value ?? '' });
  }
  return dress(part, { type: 'thinking', thinking: words ?? '', signature: value ?? '' });
}

function toolCall(part: ToolCallPart, writer: BlockWriter): JsonObject | undefined {
  if (part.by === 'server') {
    const wire = part.wire?.protocol === protocolId ? part.wire.value : undefined;
    if (wire) return dress(part, { ...wire, input: inputObject(part, writer) });
    const block = writer.to === 'client' ? hostedBlock(part, inputObject(part, writer)) : undefined;
    return block ?? drop(writer, `a hosted call of the kind ${part.family} cannot be told here`, 'note');
  }
  if (part.family !== 'function' && part.family !== 'custom') {
    writer.notes.push({
      path: writer.path,
      action: 'emulated',
      why: `a call of the kind ${part.family} is told as one of the function ${part.name}`,
      weight: 'note',
    });
  }
  return dress(part, {
    type: 'tool_use',
    id: writer.callId(part.callId),
    name: writer.toolName(part.name, part.namespace),
    input: inputObject(part, writer),
  });
}

function toolResult(part: ToolResultPart, writer: BlockWriter): JsonObject | undefined {
  if (part.by === 'server') {
    if (part.wire?.protocol === protocolId) return dress(part, { ...part.wire.value });
    const block = writer.to === 'client' ? hostedBlock(part, undefined) : undefined;
    return block ?? drop(writer, `a hosted result of the kind ${part.family} cannot be told here`, 'note');
  }
  const block: JsonObject & { content?: string | JsonObject[] } = {
    type: 'tool_result',
    tool_use_id: writer.callId(part.callId),
  };
  const { output } = part;
  if (output.as === 'text') block.content = output.text;
  else if (output.as === 'json') block.content = JSON.stringify(output.value);
  else block.content = encodeBlocks(output.parts, writer);
  if (part.outcome === 'error') block.is_error = true;
  if (!writer.own && block.content?.length === 0) {
    // A list must not be empty, nor may the content of an error be.
    block.content = part.outcome === 'error' ? 'The tool failed.' : '';
  }
  return dress(part, block);
}

/** Writes the parts inside another block. */
function encodeBlocks(parts: readonly Part[], writer: BlockWriter): JsonObject[] {
  const path = writer.path;
  const blocks: JsonObject[] = [];
  parts.forEach((part, i) => {
    writer.path = `${path}.content[${i}]`;
    const block = encodeBlock(part, writer);
    if (block && (writer.own || !isBlank(block))) blocks.push(block);
  });
  writer.path = path;
  return blocks;
}

/** A text block without words, which upstreams refuse; one that carries more than text is left alone. */
export const isBlank = (block: JsonObject): boolean =>
  block.type === 'text' && typeof block.text === 'string' && block.text.trim() === '' && !block.citations;

const repaired = (writer: BlockWriter, why: string): void => {
  writer.notes.push({ path: writer.path, action: 'repaired', why, weight: 'degrade' });
};

const weightOf = (kind: Part['kind']): Note['weight'] => (kind === 'compaction' ? 'refuse' : 'degrade');
