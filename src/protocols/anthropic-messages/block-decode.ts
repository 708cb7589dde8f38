import { refuse } from '../../turn/failure.ts';
import { asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type {
  Citation,
  MediaPart,
  MediaSource,
  NativePart,
  Part,
  ReasoningPart,
  Seal,
  ToolCallPart,
  ToolChangePart,
  ToolResultPart,
} from '../../turn/part.ts';
import { unescapeCallId } from '../repairs/call-ids.ts';
import { decodeCacheControl, plainCacheControl } from './cache.ts';
import { ownExtras, protocolId, serverFamily } from './names.ts';
import { spell } from './spelling.ts';
import { decodeTool } from './tools.ts';

/** Reads the value of a signature or of redacted thinking; nothing when it is empty. */
export type SealReader = (value: string) => { seal: Seal; id?: string } | undefined;

/**
 * Reads content that may be a plain string or a list of blocks.
 * @param path where it stands, for errors: `messages.0.content`
 */
export function decodeContent(content: Json | undefined, path: string, seal: SealReader): Part[] {
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) refuse(`${path}: Input should be a valid string or list`, path);
  return content.map((block, i) => decodeBlock(block, `${path}.${i}`, seal));
}

/** Reads one content block of a request or a reply. Kinds and shapes that are not modelled stay whole. */
export function decodeBlock(block: Json | undefined, path: string, seal: SealReader): Part {
  if (!isObject(block)) refuse(`${path}: Input should be an object`, path);
  const type = asString(block.type);
  if (type === undefined) refuse(`${path}.type: Field required`, `${path}.type`);
  switch (type) {
    case 'text':
      return text(block, path);
    case 'thinking':
    case 'redacted_thinking':
      return reasoning(block, type, seal) ?? native(block, type);
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return toolCall(block, type) ?? native(block, type);
    case 'tool_result':
      return toolResult(block, path, seal) ?? native(block, type);
    case 'image':
    case 'document':
    case 'search_result':
    case 'container_upload':
      return media(block, type, path, seal) ?? native(block, type);
    case 'compaction': {
      const { cache_control: _, ...value } = block;
      const part: Part = { kind: 'compaction', wire: { protocol: protocolId, value } };
      if (typeof block.content === 'string') part.summary = block.content;
      return dress(part, { cache_control: block.cache_control }, none);
    }
    case 'fallback':
      return { kind: 'notice', what: type, wire: { protocol: protocolId, value: block } };
    case 'tool_addition':
    case 'tool_removal':
    case 'mcp_tool_listing':
      return toolChange(block);
    default:
      return type.endsWith('_tool_result') ? serverResult(block, type) : native(block, type);
  }
}

/** Reads a citation of a text block; the wire form is kept beside what is understood of it. */
export function decodeCitation(value: JsonObject): Citation {
  const type = asString(value.type);
  const from =
    type === 'web_search_result_location'
      ? 'url'
      : type === 'search_result_location'
        ? 'search_result'
        : 'document';
  return {
    from,
    url: asString(value.url) ?? (from === 'search_result' ? asString(value.source) : undefined),
    title: asString(value.title) ?? asString(value.document_title),
    fileId: asString(value.file_id),
    quote: asString(value.cited_text),
    wire: { protocol: protocolId, value },
  };
}

const none: ReadonlySet<string> = new Set();
const textKeys: ReadonlySet<string> = new Set(['type', 'text', 'citations']);
const thinkingKeys: ReadonlySet<string> = new Set(['type', 'thinking', 'signature', 'data']);
const callKeys: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input']);
const resultKeys: ReadonlySet<string> = new Set(['type', 'tool_use_id', 'content', 'is_error']);
const imageKeys: ReadonlySet<string> = new Set(['type', 'source']);
const documentKeys: ReadonlySet<string> = new Set(['type', 'source', 'title', 'context', 'citations']);
const searchKeys: ReadonlySet<string> = new Set(['type', 'content', 'title', 'citations']);
const uploadKeys: ReadonlySet<string> = new Set(['type', 'file_id']);

/** Adds to a part what any block may carry: a cache mark, unknown members, and `null`s as they were written. */
function dress<P extends Part>(part: P, block: JsonObject, known: ReadonlySet<string>): P {
  let extras: JsonObject | undefined;
  for (const key in block) {
    const value = block[key];
    if (value === undefined) continue;
    if (value === null || (key === 'caller' && isDirect(value))) {
      spell(part, { [key]: value });
    } else if (key === 'cache_control' && isObject(value)) {
      part.cache = decodeCacheControl(value);
      if (!plainCacheControl(value)) (extras ??= {})[key] = value;
    } else if (!known.has(key)) {
      (extras ??= {})[key] = value;
    }
  }
  if (extras !== undefined) part.extras = ownExtras(extras);
  return part;
}

/** The caller that a tool call has when it says nothing of one. */
const isDirect = (caller: Json): boolean =>
  isObject(caller) && caller.type === 'direct' && Object.keys(caller).length === 1;

const native = (block: JsonObject, type: string): NativePart => ({
  kind: 'native',
  protocol: protocolId,
  type,
  value: block,
});

function text(block: JsonObject, path: string): Part {
  const value = block.text;
  if (typeof value !== 'string') {
    const at = `${path}.text`;
    refuse(`${at}: ${value === undefined ? 'Field required' : 'Input should be a valid string'}`, at);
  }
  const part: Part = { kind: 'text', text: value };
  if (Array.isArray(block.citations)) part.citations = block.citations.filter(isObject).map(decodeCitation);
  return dress(part, block, textKeys);
}

function reasoning(block: JsonObject, type: string, seal: SealReader): ReasoningPart | undefined {
  const hidden = type === 'redacted_thinking';
  const value = asString(hidden ? block.data : block.signature) ?? '';
  const read = seal(value);
  const words = hidden ? undefined : asString(block.thinking);
  if (!hidden && words === undefined) return undefined;
  const part: ReasoningPart = { kind: 'reasoning' };
  // The words of a reasoning item of Responses are its summary; this is how that protocol wants them back.
  if (read?.seal.protocol === 'openai-responses') part.summary = words ? [words] : [];
  else if (words !== undefined) part.text = words;
  if (hidden) part.hidden = true;
  if (read !== undefined) {
    part.seal = read.seal;
    if (read.id !== undefined) part.id = read.id;
  }
  return dress(part, block, thinkingKeys);
}

function toolCall(block: JsonObject, type: string): ToolCallPart | undefined {
  const id = asString(block.id);
  const name = asString(block.name);
  if (id === undefined || name === undefined) return undefined;
  const server = type !== 'tool_use';
  const part: ToolCallPart = {
    kind: 'tool_call',
    callId: unescapeCallId(id),
    family: type === 'mcp_tool_use' ? 'mcp' : server ? serverFamily(name) : 'function',
    name,
    input: block.input === undefined ? '{}' : JSON.stringify(block.input),
    inputAs: 'json',
    by: server ? 'server' : 'client',
  };
  if (!server) return dress(part, block, callKeys);
  if (typeof block.server_name === 'string') part.namespace = block.server_name;
  const { input: _, cache_control, ...value } = block;
  part.wire = { protocol: protocolId, value };
  return dress(part, { cache_control }, none);
}

function toolResult(block: JsonObject, path: string, seal: SealReader): ToolResultPart | undefined {
  const id = asString(block.tool_use_id);
  const content = block.content;
  const known = content === undefined || content === null || typeof content === 'string';
  if (id === undefined || (!known && !Array.isArray(content))) return undefined;
  const part: ToolResultPart = {
    kind: 'tool_result',
    callId: unescapeCallId(id),
    family: 'function',
    output: known
      ? { as: 'text', text: asString(content) ?? '' }
      : { as: 'parts', parts: decodeContent(content, `${path}.content`, seal) },
    outcome: block.is_error === true ? 'error' : 'ok',
    by: 'client',
  };
  if (content === undefined) spell(part, { content: undefined });
  if (block.is_error === false) spell(part, { is_error: false });
  return dress(part, block, resultKeys);
}

function serverResult(block: JsonObject, type: string): Part {
  const id = asString(block.tool_use_id);
  if (id === undefined) return native(block, type);
  const { cache_control, ...value } = block;
  const part: ToolResultPart = {
    kind: 'tool_result',
    callId: unescapeCallId(id),
    family: serverFamily(type.slice(0, -'_tool_result'.length)),
    output: { as: 'json', value: block.content ?? null },
    outcome:
      block.is_error === true || asString(asObject(block.content)?.type)?.endsWith('_error') ? 'error' : 'ok',
    by: 'server',
    wire: { protocol: protocolId, value },
  };
  return dress(part, { cache_control }, none);
}

function media(block: JsonObject, type: string, path: string, seal: SealReader): MediaPart | undefined {
  if (type === 'container_upload') {
    const id = asString(block.file_id);
    if (id === undefined) return undefined;
    return dress({ kind: 'media', as: 'file', source: { by: 'file', id } }, block, uploadKeys);
  }
  if (type === 'search_result') {
    if (!Array.isArray(block.content)) return undefined;
    const parts = decodeContent(block.content, `${path}.content`, seal);
    const part: MediaPart = { kind: 'media', as: 'search_result', source: { by: 'parts', parts } };
    return titled(part, block, searchKeys);
  }
  const source = asObject(block.source);
  const read = source && mediaSource(source, `${path}.source`, seal);
  if (source === undefined || read === undefined) return undefined;
  const part: MediaPart = { kind: 'media', as: type === 'image' ? 'image' : 'document', source: read };
  const mime = asString(source.media_type);
  if (mime !== undefined) part.mime = mime;
  if (read.by === 'parts' && typeof source.content === 'string') spell(part, { source });
  return type === 'image' ? dress(part, block, imageKeys) : titled(part, block, documentKeys);
}

/** Sources with members beyond the known ones are not taken apart, so that nothing of them is lost. */
function mediaSource(source: JsonObject, path: string, seal: SealReader): MediaSource | undefined {
  const size = Object.keys(source).length;
  if (source.type === 'base64' && typeof source.data === 'string' && size === 3 && source.media_type) {
    return { by: 'bytes', data: source.data };
  }
  if (source.type === 'text' && typeof source.data === 'string' && size === 3 && source.media_type) {
    return { by: 'text', text: source.data };
  }
  if (source.type === 'url' && typeof source.url === 'string' && size === 2) {
    return { by: 'url', url: source.url };
  }
  if (source.type === 'file' && typeof source.file_id === 'string' && size === 2) {
    return { by: 'file', id: source.file_id };
  }
  if (source.type === 'content' && size === 2 && source.content != null) {
    return { by: 'parts', parts: decodeContent(source.content, `${path}.content`, seal) };
  }
  return undefined;
}

function titled(part: MediaPart, block: JsonObject, known: ReadonlySet<string>): MediaPart {
  const title = asString(block.title);
  const context = asString(block.context);
  const citations = asObject(block.citations);
  if (title !== undefined) part.title = title;
  if (context !== undefined) part.context = context;
  if (typeof citations?.enabled === 'boolean') part.citable = citations.enabled;
  dress(part, block, known);
  if (citations !== undefined && (Object.keys(citations).length !== 1 || part.citable === undefined)) {
    spell(part, { citations });
  }
  return part;
}

function toolChange(block: JsonObject): ToolChangePart {
  const { cache_control, ...value } = block;
  const part: ToolChangePart = { kind: 'tool_change', wire: { protocol: protocolId, value } };
  const definition = asObject(asObject(block.tool)?.definition);
  if (block.type === 'tool_addition' && definition !== undefined) part.add = [decodeTool(definition, '')];
  return dress(part, { cache_control }, none);
}
