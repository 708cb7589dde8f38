import { entryOf, type JsonObject } from '../../turn/json.ts';
import type { MediaPart, Part } from '../../turn/part.ts';
import { mediaInWords } from '../words.ts';
import { usualMimes } from './names.ts';
import type { RequestWriter } from './request-writer.ts';
import { dataUrl } from '../data-url.ts';

/** Writes media of another protocol's client as parts; none, and a note, for what cannot be sent. */
export function encodeMedia(part: MediaPart, writer: RequestWriter, at: string): JsonObject[] {
  const { ledger } = writer;
  const { source } = part;
  if (part.detail !== undefined && part.detail !== 'auto') ledger.lose('parts.image_detail', at);
  if (part.citable === true) ledger.lose('parts.citable', at);
  if (part.as === 'search_result') ledger.lose('parts.search_result', at);
  const words = mediaInWords(part, writer.target.abilities);
  if (words !== undefined) {
    ledger.loseWhen(`parts.${part.as}`, 'unreadable', at);
    return [{ text: words }];
  }
  const before: JsonObject[] = [];
  for (const member of ['title', 'context'] as const) {
    const text = part[member];
    if (text === undefined) continue;
    before.push({ text });
    ledger.lose(`parts.${member}`, at);
  }
  if (source.by === 'text') {
    ledger.lose('parts.text_document', at);
    return [...before, { text: source.text }];
  }
  if (source.by === 'parts') {
    if (part.as !== 'search_result') ledger.lose('parts.parts_document', at);
    return [
      ...before,
      ...source.parts.flatMap((inner, i) => innerParts(inner, writer, `${at}.content[${i}]`)),
    ];
  }
  const data = sourceOf(part, writer, at);
  return data === undefined ? before : [...before, data];
}

function innerParts(part: Part, writer: RequestWriter, at: string): JsonObject[] {
  if (part.kind === 'text') return part.text === '' ? [] : [{ text: part.text }];
  return part.kind === 'media' ? encodeMedia(part, writer, at) : [];
}

function sourceOf(part: MediaPart, { ledger }: RequestWriter, at: string): JsonObject | undefined {
  const { source } = part;
  switch (source.by) {
    case 'bytes':
      return inline(part, source.data, part.mime);
    case 'url': {
      const data = dataUrl(source.url);
      if (data) return inline(part, data.data, data.mime.split(';', 1)[0] || part.mime);
      ledger.loseWhen(part.as === 'image' ? 'parts.image' : 'parts.url', 'fetched', at);
      const fileData: JsonObject = { fileUri: source.url };
      const mime = part.mime ?? mimeOfName(source.url.split(/[?#]/, 1)[0]);
      if (mime !== undefined) fileData.mimeType = mime;
      return { fileData };
    }
    case 'file':
      ledger.lose('parts.file_id', at);
      return undefined;
    default:
      return undefined;
  }
}

const inline = (part: MediaPart, data: string, mime: string | undefined): JsonObject => ({
  inlineData: {
    mimeType: properMime(mime) ?? mimeOfName(part.title) ?? usualMimes[part.as] ?? 'application/pdf',
    data,
  },
});

/** The registered name of a type that clients often misspell. */
const properMime = (mime: string | undefined): string | undefined =>
  mime?.toLowerCase() === 'image/jpg' ? 'image/jpeg' : mime || undefined;

const extensions: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
};

const mimeOfName = (name: string | undefined): string | undefined =>
  entryOf(extensions, /\.([a-z0-9]+)$/i.exec(name ?? '')?.[1]?.toLowerCase() ?? '');
