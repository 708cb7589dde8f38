import { asObject, asString, isObject } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { MediaPart, Part } from '../../turn/part.ts';
import { isTextual } from '../words.ts';
import { leftover, missing, own, restore, stringField, wrongType } from './fields.ts';
import { dataUrl } from '../data-url.ts';

const textKeys = new Set(['type', 'text']);
const imageKeys = new Set(['type', 'image_url']);
const audioKeys = new Set(['type', 'input_audio']);
const fileKeys = new Set(['type', 'file']);
const refusalKeys = new Set(['type', 'refusal']);
const sourceKeys = {
  image: new Set(['url', 'detail']),
  audio: new Set(['data', 'format']),
  file: new Set(['file_data', 'file_id', 'filename']),
};

/** Reads one content part of a message. Types that are not known here are kept whole. */
export function decodePart(value: Json, path: string): Part {
  if (typeof value === 'string') return { kind: 'text', text: value };
  if (!isObject(value)) return wrongType(path, 'an object', value);
  const part = read(value, path);
  if (part.kind !== 'native') mark(part, value);
  return part;
}

function read(value: JsonObject, path: string): Part {
  switch (value.type) {
    case 'text':
      return {
        kind: 'text',
        text: typeof value.text === 'string' ? value.text : wrong(value, 'text', path),
        extras: leftover(value, textKeys),
      };
    case 'refusal':
      return {
        kind: 'refusal',
        text: typeof value.refusal === 'string' ? value.refusal : wrong(value, 'refusal', path),
        extras: leftover(value, refusalKeys),
      };
    case 'image_url':
      return image(value, path);
    case 'input_audio':
      return audio(value, path);
    case 'file':
      return file(value, path);
    default:
      return { kind: 'native', protocol: own, type: asString(value.type) ?? '', value };
  }
}

function image(value: JsonObject, path: string): MediaPart {
  const given = value.image_url;
  const body = typeof given === 'string' ? { url: given } : asObject(given);
  if (!body) return wrong(value, 'image_url', path);
  const url = stringField(body, 'url', `${path}.image_url.url`) ?? missing(`${path}.image_url.url`);
  const part: MediaPart = { kind: 'media', as: 'image', ...source(url) };
  const detail = stringField(body, 'detail', `${path}.image_url.detail`);
  if (detail !== undefined) part.detail = detail;
  return withExtras(part, value, imageKeys, 'image_url', body, sourceKeys.image);
}

function audio(value: JsonObject, path: string): MediaPart {
  const body = asObject(value.input_audio);
  if (!body) return wrong(value, 'input_audio', path);
  const data = stringField(body, 'data', `${path}.input_audio.data`) ?? missing(`${path}.input_audio.data`);
  const format = stringField(body, 'format', `${path}.input_audio.format`);
  const part: MediaPart = { kind: 'media', as: 'audio', source: { by: 'bytes', data } };
  if (format !== undefined) part.mime = format === 'mp3' ? 'audio/mpeg' : `audio/${format}`;
  return withExtras(part, value, audioKeys, 'input_audio', body, sourceKeys.audio);
}

function file(value: JsonObject, path: string): Part {
  const body = asObject(value.file);
  if (!body) return wrong(value, 'file', path);
  const id = stringField(body, 'file_id', `${path}.file.file_id`);
  const data = stringField(body, 'file_data', `${path}.file.file_data`);
  const title = stringField(body, 'filename', `${path}.file.filename`);
  if (id === undefined && data === undefined) return { kind: 'native', protocol: own, type: 'file', value };
  const from: Pick<MediaPart, 'source' | 'mime'> =
    data === undefined
      ? { source: { by: 'file', id: id ?? '' } }
      : data.startsWith('data:') || /^https?:/.test(data)
        ? source(data)
        : { source: { by: 'bytes', data } };
  const pdf =
    from.mime === 'application/pdf' || (from.mime === undefined && title?.endsWith('.pdf') === true);
  const part: MediaPart = { kind: 'media', as: pdf ? 'document' : 'file', ...from };
  if (title !== undefined) part.title = title;
  return withExtras(part, value, fileKeys, 'file', body, sourceKeys.file);
}

/** A URL, or the bytes of a data URL. */
function source(url: string): Pick<MediaPart, 'source' | 'mime'> {
  const inline = dataUrl(url);
  if (inline === undefined) return { source: { by: 'url', url } };
  return { mime: inline.mime, source: { by: 'bytes', data: inline.data } };
}

/** Cache marks that compatible servers and newer models take on a content part. */
function mark(part: Part, value: JsonObject): void {
  const control = asObject(value.cache_control);
  if (control) part.cache = { ttl: asString(control.ttl) };
  else if (isObject(value.prompt_cache_breakpoint)) part.cache = {};
}

/** Writes a part of a user message; none for what a content part cannot say. */
export function encodeMedia(part: MediaPart): JsonObject | undefined {
  const { source, mime } = part;
  if (part.as === 'image') {
    const url =
      source.by === 'url'
        ? source.url
        : source.by === 'bytes'
          ? `data:${mime ?? 'image/png'};base64,${source.data}`
          : undefined;
    if (url === undefined) return undefined;
    const image: JsonObject = { url };
    if (part.detail !== undefined) image.detail = part.detail;
    return restore({ type: 'image_url', image_url: image }, part.extras);
  }
  if (part.as === 'audio' && source.by === 'bytes') {
    const sound: JsonObject = { data: source.data };
    if (mime !== undefined) sound.format = audioFormat(mime);
    return restore({ type: 'input_audio', input_audio: sound }, part.extras);
  }
  if (part.as !== 'document' && part.as !== 'file') return undefined;
  const body: JsonObject = {};
  if (source.by === 'file') body.file_id = source.id;
  else if (source.by === 'bytes') {
    body.file_data = mime === undefined ? source.data : `data:${mime};base64,${source.data}`;
  } else if (source.by === 'url') body.file_data = source.url;
  else return undefined;
  if (part.title !== undefined) body.filename = part.title;
  // Inline files must be named; a client of this protocol would have named its own.
  else if (source.by === 'bytes' && mime === 'application/pdf') body.filename = 'document.pdf';
  return restore({ type: 'file', file: body }, part.extras);
}

/** What an inline file of text says: only PDF goes up as a file. */
export function textFile({ as, source, mime }: MediaPart): string | undefined {
  if (as !== 'document' && as !== 'file') return undefined;
  if (source.by !== 'bytes' || !isTextual(mime)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(source.data), (char) => char.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  } catch {
    return undefined;
  }
}

/** The format word of an audio type: `audio/mpeg` is `mp3`. */
export function audioFormat(mime: string): string {
  const name = mime.replace(/^audio\/(x-)?/, '');
  return name === 'mpeg' ? 'mp3' : name === 'wave' ? 'wav' : name;
}

function withExtras(
  part: MediaPart,
  value: JsonObject,
  known: ReadonlySet<string>,
  key: string,
  body: JsonObject,
  bodyKnown: ReadonlySet<string>,
): MediaPart {
  const outer = leftover(value, known)?.[own];
  const inner = leftover(body, bodyKnown)?.[own];
  if (outer || inner) part.extras = { [own]: inner ? { ...outer, [key]: inner } : outer };
  return part;
}

const wrong = (value: JsonObject, key: string, path: string): never =>
  value[key] === undefined
    ? missing(`${path}.${key}`)
    : wrongType(`${path}.${key}`, key === 'text' || key === 'refusal' ? 'a string' : 'an object', value[key]);
