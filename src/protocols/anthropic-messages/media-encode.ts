import type { JsonObject } from '../../turn/json.ts';
import type { MediaPart, Part } from '../../turn/part.ts';
import { isTextual, mediaInWords } from '../words.ts';
import { dress, drop, type BlockWriter } from './block-writer.ts';
import { dataUrl } from '../data-url.ts';

/** What upstreams take as an image. */
const images: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

/** Writes the parts that a document or search result is made of. */
type InnerBlocks = (parts: readonly Part[]) => JsonObject[];

/** Writes an image, document, search result or file; nothing, and a note, for what has no block. */
export function mediaBlock(
  part: MediaPart,
  writer: BlockWriter,
  innerBlocks: InnerBlocks,
): JsonObject | undefined {
  const { upstream } = writer;
  if (part.as === 'file' && part.source.by === 'file' && (writer.own || !upstream)) {
    return dress(part, { type: 'container_upload', file_id: part.source.id });
  }
  if (!upstream) {
    const why = `a reply cannot hold ${part.as} here`;
    return drop(writer, 'parts.reply_media', { why, weight: 'degrade' });
  }
  const { ledger, abilities } = upstream;
  const words = writer.own ? undefined : mediaInWords(part, abilities);
  if (words !== undefined) {
    ledger.loseWhen(part.as === 'file' ? 'parts.document' : `parts.${part.as}`, 'unreadable', writer.path);
    return { type: 'text', text: words };
  }
  if (part.as === 'search_result' && part.source.by === 'parts') {
    const block: JsonObject = { type: 'search_result', source: part.title ?? '' };
    if (part.title !== undefined) block.title = part.title;
    block.content = innerBlocks(part.source.parts);
    if (part.citable !== undefined) block.citations = { enabled: part.citable };
    return dress(part, block);
  }
  if (part.as === 'audio' || part.as === 'video') {
    return void ledger.lose(`parts.${part.as}`, writer.path);
  }
  const source = mediaSource(part, writer, innerBlocks);
  if (source === undefined) {
    if (part.source.by === 'file') return void ledger.lose('parts.file_id', writer.path);
    const member = part.as === 'image' ? 'parts.image' : 'parts.document';
    return void ledger.loseWhen(member, 'kind', writer.path, part.mime);
  }
  if (part.detail !== undefined && part.detail !== 'auto') ledger.lose('parts.image_detail', writer.path);
  if (part.as === 'image') return dress(part, { type: 'image', source });
  const block: JsonObject = { type: 'document', source };
  if (part.title !== undefined) block.title = part.title;
  if (part.context !== undefined) block.context = part.context;
  if (part.citable !== undefined) block.citations = { enabled: part.citable };
  return dress(part, block);
}

function mediaSource(part: MediaPart, writer: BlockWriter, innerBlocks: InnerBlocks): JsonObject | undefined {
  const { source } = part;
  switch (source.by) {
    case 'bytes':
      return bytesSource(part, source.data, part.mime, writer);
    case 'url': {
      const inline = dataUrl(source.url);
      if (!inline) return { type: 'url', url: source.url };
      return bytesSource(part, inline.data, inline.mime.split(';', 1)[0] || part.mime, writer);
    }
    case 'file':
      // An id of another upstream's files means nothing here.
      return writer.own ? { type: 'file', file_id: source.id } : undefined;
    case 'text':
      return {
        type: 'text',
        media_type: writer.own ? (part.mime ?? 'text/plain') : 'text/plain',
        data: source.text,
      };
    case 'parts':
      return { type: 'content', content: innerBlocks(source.parts) };
  }
}

/** The registered name of a type that clients often misspell. */
const properMime = (mime: string | undefined): string | undefined =>
  mime?.toLowerCase() === 'image/jpg' ? 'image/jpeg' : mime || undefined;

function bytesSource(
  part: MediaPart,
  data: string,
  mime: string | undefined,
  writer: BlockWriter,
): JsonObject | undefined {
  const type = properMime(mime) ?? (part.as === 'image' ? 'image/png' : 'application/pdf');
  if (writer.own || (part.as === 'image' ? images.has(type) : type === 'application/pdf')) {
    return { type: 'base64', media_type: type, data };
  }
  if (part.as === 'image' || !isTextual(type)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    return { type: 'text', media_type: 'text/plain', data: new TextDecoder().decode(bytes) };
  } catch {
    return undefined;
  }
}
