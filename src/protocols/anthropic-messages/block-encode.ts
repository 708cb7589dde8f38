import { isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Citation, Part, ReasoningPart, ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import type { Member } from '../contract.ts';
import { wrapInput } from '../repairs/custom-input.ts';
import { dress, drop, type BlockWriter } from './block-writer.ts';
import { hostedBlock } from './hosted.ts';
import { mediaBlock } from './media-encode.ts';
import { protocolId } from './names.ts';

/** Writes one part as a content block; nothing, and a note, when it cannot be one. */
export function encodeBlock(part: Part, writer: BlockWriter): JsonObject | undefined {
  const block = blockOf(part, writer);
  if (block !== undefined && writer.upstream === undefined) fillIn(block);
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
      return mediaBlock(part, writer, (parts) => encodeBlocks(parts, writer, part));
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
      return part.wire.protocol === protocolId ? dress(part, { ...part.wire.value }) : wired(part, writer);
    case 'reference':
      return drop(writer, 'parts.reference', {
        why: 'an item that another upstream keeps cannot be referred to',
        weight: 'refuse',
      });
    case 'native':
      if (part.protocol === protocolId) return part.value;
      if (writer.upstream) return void writer.upstream.ledger.native(part, writer.path);
      writer.notes.push({
        path: writer.path,
        action: 'dropped',
        why: `${part.type} of ${part.protocol} has no counterpart`,
        weight: 'degrade',
      });
  }
}

/** What another protocol writes in a way of its own. */
function wired(part: Wired, writer: BlockWriter): JsonObject | undefined {
  const { protocol, value } = part.wire;
  const why = `${part.kind} of ${protocol} has no counterpart`;
  if (part.kind === 'compaction') {
    if (!writer.upstream || part.summary === undefined) {
      return drop(writer, 'parts.sealed_compaction', { why, weight: 'refuse' });
    }
    drop(writer, 'parts.compaction', { why, weight: 'refuse' });
    return { type: 'text', text: part.summary };
  }
  if (part.kind === 'tool_change' && part.add === undefined && writer.upstream) {
    return void writer.upstream.ledger.native({ protocol, type: String(value.type) }, writer.path);
  }
  return drop(writer, members[part.kind], { why, weight: 'degrade' });
}

type Wired = Extract<
  Part,
  { kind: 'tool_change' | 'compaction' | 'notice' | 'approval_ask' | 'approval_answer' }
>;

const members = {
  tool_change: 'parts.tool_change',
  notice: 'parts.notice',
  approval_ask: 'parts.approval',
  approval_answer: 'parts.approval',
} as const satisfies Record<string, Member>;

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
function inputObject(part: ToolCallPart, writer: BlockWriter): Json {
  if (part.inputAs === 'text') return JSON.parse(wrapInput(part.input)) as Json;
  if (part.input.trim() === '') return {};
  try {
    const value = JSON.parse(part.input) as Json;
    if (isObject(value) || writer.own) return value;
    repaired(writer, 'the arguments of the call are not an object');
    return { input: value };
  } catch {
    repaired(writer, 'the arguments of the call are not whole JSON');
    return writer.upstream === undefined ? {} : { input: part.input };
  }
}

function text(value: string, citations: Citation[] | undefined, writer: BlockWriter): JsonObject {
  const block: JsonObject = { type: 'text', text: value };
  if (citations === undefined) return block;
  const written: JsonObject[] = [];
  for (const citation of citations) {
    // In history an invented location would be refused: only the model's own citations go up.
    const own = citation.wire.protocol === protocolId;
    const wire = own || !writer.upstream ? encodeCitation(citation, value) : undefined;
    if (wire) written.push(wire);
    else {
      const why = `a citation of ${citation.wire.protocol} cannot be written here`;
      drop(writer, 'parts.citations', { why, weight: 'note', at: '.citations' });
    }
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
    const block = writer.upstream === undefined ? hostedBlock(part, inputObject(part, writer)) : undefined;
    const why = `a hosted call of the kind ${part.family} cannot be told here`;
    return block ?? drop(writer, 'parts.hosted_call', { why, weight: 'note' }, part.name);
  }
  if (part.family !== 'function' && part.family !== 'custom') {
    const { upstream, notes, path } = writer;
    const why = `a call of the kind ${part.family} is told as one of the function ${part.name}`;
    if (upstream) upstream.ledger.lose('parts.vendor_call', path, part.name);
    else notes.push({ path, action: 'emulated', why, weight: 'note' });
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
    const block = writer.upstream === undefined ? hostedBlock(part, undefined) : undefined;
    const why = `a hosted result of the kind ${part.family} cannot be told here`;
    return block ?? drop(writer, 'parts.hosted_result', { why, weight: 'note' });
  }
  const block: JsonObject & { content?: string | JsonObject[] } = {
    type: 'tool_result',
    tool_use_id: writer.callId(part.callId),
  };
  const { output } = part;
  if (output.as === 'text') block.content = output.text;
  else if (output.as === 'json') block.content = JSON.stringify(output.value);
  else block.content = encodeBlocks(output.parts, writer, part);
  if (part.outcome === 'error') block.is_error = true;
  if (!writer.own && block.content?.length === 0) {
    // A list must not be empty, nor may the content of an error be.
    block.content = part.outcome === 'error' ? 'The tool failed.' : '';
  }
  return dress(part, block);
}

/** Writes the parts inside another block. */
function encodeBlocks(parts: readonly Part[], writer: BlockWriter, holder: Part): JsonObject[] {
  const { path, upstream } = writer;
  const blocks: JsonObject[] = [];
  parts.forEach((part, i) => {
    writer.path = upstream ? upstream.places.inner(path, holder, i) : `${path}.content[${i}]`;
    if (!writer.own) upstream?.ledger.foreign(part.extras, writer.path);
    const block = encodeBlock(part, writer);
    if (block && (writer.own || !isBlank(block))) blocks.push(block);
  });
  writer.path = path;
  return blocks;
}

/** A text block without words, which upstreams refuse; one that carries more than text is left alone. */
export const isBlank = (block: JsonObject): boolean =>
  block.type === 'text' && typeof block.text === 'string' && block.text.trim() === '' && !block.citations;

function repaired({ upstream, notes, path }: BlockWriter, why: string): void {
  if (upstream) upstream.ledger.repair(path, why, 'degrade');
  else notes.push({ path, action: 'repaired', why, weight: 'degrade' });
}
