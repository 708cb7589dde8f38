import { asArray, asNumber, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Citation, ItemOrigin, MediaPart, Part } from '../../turn/part.ts';
import { contentExtras, leftover, own, wireExtras } from './wire.ts';
import { dataUrl } from '../data-url.ts';

/** Reads one content part of a message or of a tool output. */
export function decodeContent(value: Json, origin: ItemOrigin | undefined): Part {
  if (typeof value === 'string') return withOrigin({ kind: 'text', text: value }, origin);
  if (!isObject(value)) return withOrigin(unknownContent({ value }), origin);
  return withOrigin(contentOf(value), origin);
}

/**
 * Writes one content part; `undefined` for kinds that have no form here. `reply` chooses the spelling of
 * assistant content (`output_text`), otherwise that of input.
 */
export function encodeContent(part: Part, reply: boolean): JsonObject | undefined {
  const more = contentExtras(part);
  switch (part.kind) {
    case 'text': {
      if (more?.type === 'encrypted_content') return { ...more, encrypted_content: part.text };
      if (!reply) return { type: 'input_text', text: part.text, ...more };
      const annotations = (part.citations ?? []).map((citation) =>
        encodeAnnotation(citation, part.text.length),
      );
      return {
        type: 'output_text',
        text: part.text,
        annotations: annotations.filter((annotation) => annotation !== undefined),
        logprobs: part.logprobs ?? [],
        ...more,
      };
    }
    case 'refusal':
      return { type: 'refusal', refusal: part.text, ...more };
    case 'media':
      return encodeMedia(part, more);
    case 'native':
      return part.protocol === own && part.type.startsWith('content:') ? part.value : undefined;
    default:
      return undefined;
  }
}

/** Whether a part belongs inside a message item. */
export const isMessageContent = (part: Part): boolean =>
  part.kind === 'text' ||
  part.kind === 'refusal' ||
  part.kind === 'media' ||
  (part.kind === 'native' && part.protocol === own && part.type.startsWith('content:'));

/** Reads an annotation of `output_text`. */
export function decodeAnnotation(value: JsonObject): Citation {
  const file = value.type !== 'url_citation';
  return {
    from: file ? 'file' : 'url',
    url: asString(value.url),
    title: asString(value.title) ?? asString(value.filename),
    fileId: asString(value.file_id),
    start: asNumber(value.start_index),
    end: asNumber(value.end_index),
    wire: { protocol: own, value },
  };
}

/** Writes a citation as an annotation; one without a span annotates the whole text so far. */
export function encodeAnnotation(citation: Citation, textLength: number): JsonObject | undefined {
  if (citation.wire.protocol === own) {
    const { value } = citation.wire;
    if (value.type !== 'url_citation' || (value.title !== undefined && value.end_index !== undefined))
      return value;
    // Some servers leave out members that clients rely on.
    return { title: '', start_index: 0, end_index: 0, ...value };
  }
  if (citation.url !== undefined) {
    return {
      type: 'url_citation',
      url: citation.url,
      title: citation.title ?? '',
      start_index: citation.start ?? 0,
      end_index: citation.end ?? textLength,
    };
  }
  if (citation.fileId !== undefined) {
    return {
      type: 'file_citation',
      file_id: citation.fileId,
      filename: citation.title ?? '',
      index: citation.end ?? textLength,
    };
  }
  return undefined;
}

const textMembers = new Set(['type', 'text', 'annotations', 'logprobs']);
const refusalMembers = new Set(['type', 'refusal']);
const imageMembers = new Set(['type', 'image_url', 'file_id', 'detail']);
const fileMembers = new Set(['type', 'file_id', 'filename', 'file_data', 'file_url', 'detail']);
const audioMembers = new Set(['type', 'input_audio']);
const videoMembers = new Set(['type', 'video_url']);
const screenshotMembers = new Set(['image_url', 'file_id', 'detail']);
const cipherMembers = new Set(['encrypted_content']);

function contentOf(value: JsonObject): Part {
  switch (value.type) {
    case 'input_text':
    case 'output_text':
    case 'text': {
      if (typeof value.text !== 'string') return unknownContent(value);
      const part: Part = { kind: 'text', text: value.text };
      const annotations = asArray(value.annotations).filter(isObject);
      if (annotations.length > 0) part.citations = annotations.map(decodeAnnotation);
      const logprobs = asArray(value.logprobs);
      if (logprobs.length > 0) part.logprobs = logprobs;
      return finish(part, value, textMembers);
    }
    case 'refusal':
      if (typeof value.refusal !== 'string') return unknownContent(value);
      return finish({ kind: 'refusal', text: value.refusal }, value, refusalMembers);
    case 'input_image':
    case 'computer_screenshot':
      return imageOf(value) ?? unknownContent(value);
    case 'input_video': {
      const source = sourceOf(asString(value.video_url), undefined);
      if (source === undefined) return unknownContent(value);
      return finish({ kind: 'media', as: 'video', ...source }, value, videoMembers);
    }
    case 'input_file':
      return fileOf(value) ?? unknownContent(value);
    case 'input_audio': {
      const audio = isObject(value.input_audio) ? value.input_audio : {};
      if (typeof audio.data !== 'string') return unknownContent(value);
      const mime = audio.format === 'mp3' ? 'audio/mpeg' : `audio/${asString(audio.format) ?? 'wav'}`;
      const part: Part = { kind: 'media', as: 'audio', source: { by: 'bytes', data: audio.data }, mime };
      return finish(part, value, audioMembers);
    }
    case 'encrypted_content': {
      // Agents' mail. Servers that do not encrypt put plain text here; real ciphertext is a Fernet token,
      // which begins with its version byte 0x80: in base64 `gAAAA`.
      const text = value.encrypted_content;
      if (typeof text !== 'string' || text.startsWith('gAAAA')) return unknownContent(value);
      return { kind: 'text', text, extras: wireExtras(undefined, leftover(value, cipherMembers)) };
    }
    default:
      return unknownContent(value);
  }
}

function imageOf(value: JsonObject): Part | undefined {
  const source = sourceOf(asString(value.image_url), asString(value.file_id));
  if (source === undefined) return undefined;
  const part: MediaPart = { kind: 'media', as: 'image', ...source };
  if (typeof value.detail === 'string') part.detail = value.detail;
  // A screenshot is an image of the computer tool; its own spelling comes back through the extras.
  if (value.type === 'computer_screenshot') {
    return { ...part, extras: wireExtras(undefined, leftover(value, screenshotMembers)) };
  }
  return finish(part, value, imageMembers);
}

function fileOf(value: JsonObject): Part | undefined {
  const data = asString(value.file_data);
  const source =
    data === undefined
      ? sourceOf(asString(value.file_url), asString(value.file_id))
      : (bytesOf(data) ?? { source: { by: 'bytes' as const, data }, mime: undefined });
  if (source === undefined) return undefined;
  const mime = source.mime ?? mimeOf(asString(value.filename));
  const as =
    mime === undefined || mime === 'application/pdf' || mime.startsWith('text/') ? 'document' : 'file';
  const part: MediaPart = { kind: 'media', as, source: source.source };
  if (mime !== undefined) part.mime = mime;
  if (typeof value.filename === 'string') part.title = value.filename;
  if (typeof value.detail === 'string') part.detail = value.detail;
  return finish(part, value, fileMembers);
}

function sourceOf(
  url: string | undefined,
  fileId: string | undefined,
): Pick<MediaPart, 'source' | 'mime'> | undefined {
  if (url !== undefined) return bytesOf(url) ?? { source: { by: 'url', url } };
  if (fileId !== undefined) return { source: { by: 'file', id: fileId } };
  return undefined;
}

function bytesOf(url: string): Pick<MediaPart, 'source' | 'mime'> | undefined {
  const inline = dataUrl(url);
  return inline && { source: { by: 'bytes', data: inline.data }, mime: inline.mime };
}

const mimeOf = (filename: string | undefined): string | undefined =>
  filename?.toLowerCase().endsWith('.pdf') ? 'application/pdf' : undefined;

function finish(part: Part, value: JsonObject, known: ReadonlySet<string>): Part {
  const left = leftover(value, known);
  if (left !== undefined) part.extras = wireExtras(undefined, left);
  // The breakpoint itself goes back as an extra member; others see the mark.
  if (isObject(value.prompt_cache_breakpoint)) part.cache = {};
  return part;
}

const unknownContent = (value: JsonObject): Part => ({
  kind: 'native',
  protocol: own,
  type: `content:${asString(value.type) ?? ''}`,
  value,
});

function withOrigin(part: Part, origin: ItemOrigin | undefined): Part {
  if (origin !== undefined) part.item = origin;
  return part;
}

function encodeMedia(part: MediaPart, more: JsonObject | undefined): JsonObject | undefined {
  const { source } = part;
  if (source.by === 'parts') return undefined;
  if (source.by === 'text') {
    return { type: 'input_text', text: part.title ? `${part.title}\n\n${source.text}` : source.text };
  }
  switch (part.as) {
    case 'image': {
      const type = 'input_image';
      const detail = part.detail ?? 'auto';
      if (source.by === 'file') return { type, file_id: source.id, detail, ...more };
      const url = source.by === 'url' ? source.url : `data:${part.mime ?? 'image/png'};base64,${source.data}`;
      return { type, image_url: url, detail, ...more };
    }
    case 'audio': {
      if (source.by !== 'bytes') return undefined;
      const format = part.mime === 'audio/mpeg' ? 'mp3' : (part.mime?.slice(6) ?? 'wav');
      return { type: 'input_audio', input_audio: { data: source.data, format }, ...more };
    }
    case 'video': {
      if (source.by === 'file') return undefined;
      const url = source.by === 'url' ? source.url : `data:${part.mime ?? 'video/mp4'};base64,${source.data}`;
      return { type: 'input_video', video_url: url, ...more };
    }
    case 'document':
    case 'file': {
      const file: JsonObject = { type: 'input_file' };
      if (source.by === 'file') file.file_id = source.id;
      else if (source.by === 'url') file.file_url = source.url;
      else file.file_data = part.mime ? `data:${part.mime};base64,${source.data}` : source.data;
      // Inline files must be named.
      const filename = part.title ?? (source.by === 'bytes' ? defaultName(part.mime) : undefined);
      if (filename !== undefined) file.filename = filename;
      if (part.detail !== undefined) file.detail = part.detail;
      return { ...file, ...more };
    }
    default:
      return undefined;
  }
}

const defaultName = (mime: string | undefined): string =>
  mime === 'application/pdf' ? 'document.pdf' : mime?.startsWith('text/') ? 'document.txt' : 'file';
