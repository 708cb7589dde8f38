import { asObject, asString, isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type {
  MediaPart,
  MediaSource,
  NativePart,
  Part,
  ToolOutput,
  ToolResultPart,
} from '../../turn/part.ts';
import { camel, camelObject, ownExtras, protocolId, stepFamily } from './names.ts';
import { spell } from './spelling.ts';

/** Gives calls and results that have no id one that pairs them. */
export interface CallIds {
  /** A client's call. */
  call(given: string | undefined, name: string): string;
  /** A client's result, which answers the call of this id, else the next open one of this name. */
  result(given: string | undefined, name: string): string;
  /** A step of a hosted tool, or its outcome. */
  hosted(given: string | undefined, isResult: boolean): string;
}

/** Members that stand beside a part's data and say nothing about its kind. */
const beside: ReadonlySet<string> = new Set([
  'thought',
  'thoughtSignature',
  'partMetadata',
  'videoMetadata',
  'mediaResolution',
  'mediaProcessing',
]);
const textKeys: ReadonlySet<string> = new Set(['text', 'thought', 'thoughtSignature']);
const blobKeys: ReadonlySet<string> = new Set(['mimeType', 'data', 'displayName']);
const fileKeys: ReadonlySet<string> = new Set(['mimeType', 'fileUri', 'displayName']);
const callKeys: ReadonlySet<string> = new Set(['id', 'name', 'args']);
const resultKeys: ReadonlySet<string> = new Set(['id', 'name', 'response', 'parts']);

/**
 * Reads one part, its members under the names of the JSON form; its signature is left to the caller. Kinds and
 * shapes that are not modelled stay whole.
 */
export function decodePart(part: JsonObject, ids: CallIds): Part {
  if (typeof part.text === 'string') {
    const kind: Part =
      part.thought === true ? { kind: 'reasoning', text: part.text } : { kind: 'text', text: part.text };
    return withExtras(kind, rest(part, textKeys));
  }
  if (isObject(part.functionCall)) return call(part, camel(part.functionCall), ids);
  if (isObject(part.functionResponse)) return result(part, camel(part.functionResponse), ids);
  if (isObject(part.inlineData)) return blob(part, camel(part.inlineData)) ?? native(part);
  if (isObject(part.fileData)) return file(part, camel(part.fileData)) ?? native(part);
  return hosted(part, ids) ?? native(part);
}

/** Whether a part is text and no more. */
export const isBareText = (part: JsonObject): boolean => {
  if (typeof part.text !== 'string') return false;
  for (const key in part) if (!textKeys.has(key)) return false;
  return true;
};

function native(part: JsonObject): NativePart {
  const { thoughtSignature: _, ...value } = part;
  return { kind: 'native', protocol: protocolId, type: kindOf(value), value };
}

/** The member that holds a part's data. */
const kindOf = (part: JsonObject): string => Object.keys(part).find((key) => !beside.has(key)) ?? 'part';

function withExtras<P extends Part>(part: P, members: JsonObject | undefined): P {
  if (members !== undefined) part.extras = ownExtras(members);
  return part;
}

/** What stands beside a part's data, and below it in `inside`. */
function leftover(part: JsonObject, data: string, inside: JsonObject | undefined): JsonObject | undefined {
  const left = rest(part, new Set([data, 'thoughtSignature']));
  return inside === undefined ? left : { ...left, [data]: inside };
}

function blob(part: JsonObject, data: JsonObject): MediaPart | undefined {
  const bytes = asString(data.data);
  if (bytes === undefined) return undefined;
  const left = leftover(part, 'inlineData', rest(data, blobKeys));
  return withExtras(media({ by: 'bytes', data: bytes }, data), left);
}

function file(part: JsonObject, data: JsonObject): MediaPart | undefined {
  const uri = asString(data.fileUri);
  if (uri === undefined) return undefined;
  const source: MediaSource = isStored(uri) ? { by: 'file', id: uri } : { by: 'url', url: uri };
  const read = media(source, data);
  if (/^https?:\/\/(www\.youtube\.com|youtu\.be)\//.test(uri)) read.as = 'video';
  return withExtras(read, leftover(part, 'fileData', rest(data, fileKeys)));
}

/** A file that only Google's servers can open: one that was uploaded to them, or an object of a bucket. */
const isStored = (uri: string): boolean =>
  !/^https?:/.test(uri) || uri.startsWith('https://generativelanguage.googleapis.com/');

function media(source: MediaSource, data: JsonObject): MediaPart {
  const mime = asString(data.mimeType);
  const title = asString(data.displayName);
  const part: MediaPart = { kind: 'media', as: mediaKind(mime), source };
  if (mime !== undefined) part.mime = mime;
  if (title !== undefined) part.title = title;
  return part;
}

function mediaKind(mime: string | undefined): MediaPart['as'] {
  const [head] = (mime ?? '').split('/');
  if (head === 'image' || head === 'audio' || head === 'video') return head;
  return mime === 'application/pdf' || head === 'text' ? 'document' : 'file';
}

function call(part: JsonObject, data: JsonObject, ids: CallIds): Part {
  const given = asString(data.id) || undefined;
  const name = asString(data.name) ?? '';
  const read: Part = {
    kind: 'tool_call',
    callId: ids.call(given, name),
    family: 'function',
    name,
    input: isObject(data.args) ? JSON.stringify(data.args) : '{}',
    inputAs: 'json',
    by: 'client',
  };
  spell(read, { id: given ?? null, hasArgs: data.args !== undefined });
  return withExtras(read, leftover(part, 'functionCall', rest(data, callKeys)));
}

function result(part: JsonObject, data: JsonObject, ids: CallIds): Part {
  const given = asString(data.id) || undefined;
  const name = asString(data.name) ?? '';
  const response = asObject(data.response) ?? {};
  const { output, isError } = outputOf(response, name);
  const media = (Array.isArray(data.parts) ? data.parts : []).filter(isObject).map(resultMedia);
  const read: ToolResultPart = {
    kind: 'tool_result',
    callId: ids.result(given, name),
    family: 'function',
    name,
    output: media.length === 0 ? output : { as: 'parts', parts: [...textParts(output), ...media] },
    outcome: isError ? 'error' : 'ok',
    by: 'client',
  };
  spell(read, { id: given ?? null, response, ...(media.length > 0 && { parts: data.parts }) });
  return withExtras(read, leftover(part, 'functionResponse', rest(data, resultKeys)));
}

/**
 * What a tool gave back: the members `output` and `error` are said to hold it; the AI SDK writes the name and
 * `content` instead. An object of any other shape is the output itself.
 */
function outputOf(response: JsonObject, name: string): { output: ToolOutput; isError: boolean } {
  const keys = Object.keys(response);
  const [only] = keys;
  const isNamed = keys.length === 2 && response.name === name && response.content !== undefined;
  const value = isNamed
    ? response.content
    : keys.length === 1 && (only === 'output' || only === 'error')
      ? response[only]
      : response;
  const output: ToolOutput =
    typeof value === 'string' ? { as: 'text', text: value } : { as: 'json', value: value ?? null };
  return { output, isError: keys.length === 1 && only === 'error' };
}

function textParts(output: ToolOutput): Part[] {
  if (output.as === 'text') return output.text === '' ? [] : [{ kind: 'text', text: output.text }];
  if (output.as === 'parts') return output.parts;
  if (isObject(output.value) && Object.keys(output.value).length === 0) return [];
  return [{ kind: 'text', text: JSON.stringify(output.value) }];
}

function resultMedia(value: JsonObject): Part {
  const part = camel(value);
  if (isObject(part.inlineData)) return blob(part, camel(part.inlineData)) ?? native(part);
  if (isObject(part.fileData)) return file(part, camel(part.fileData)) ?? native(part);
  return native(part);
}

/** Code that the provider runs, and steps of its hosted tools. */
function hosted(part: JsonObject, ids: CallIds): Part | undefined {
  const { thoughtSignature: _, ...value } = part;
  const wire = { protocol: protocolId, value } as const;
  const code = camelObject(part.executableCode);
  if (code !== undefined) {
    return {
      kind: 'tool_call',
      callId: ids.hosted(asString(code.id), false),
      family: 'code',
      name: 'code_execution',
      input: JSON.stringify({ language: code.language, code: code.code }),
      inputAs: 'json',
      by: 'server',
      wire,
    };
  }
  const outcome = camelObject(part.codeExecutionResult);
  if (outcome !== undefined) {
    return {
      kind: 'tool_result',
      callId: ids.hosted(asString(outcome.id), true),
      family: 'code',
      output: { as: 'text', text: asString(outcome.output) ?? '' },
      outcome: outcome.outcome === undefined || outcome.outcome === 'OUTCOME_OK' ? 'ok' : 'error',
      by: 'server',
      wire,
    };
  }
  const step = camelObject(part.toolCall);
  if (step !== undefined) {
    const type = asString(step.toolType) ?? '';
    return {
      kind: 'tool_call',
      callId: ids.hosted(asString(step.id), false),
      family: stepFamily(type),
      name: asString(step.toolName) ?? type.toLowerCase(),
      input: JSON.stringify(step.args ?? {}),
      inputAs: 'json',
      by: 'server',
      wire,
    };
  }
  const answer = camelObject(part.toolResponse);
  if (answer === undefined) return undefined;
  return {
    kind: 'tool_result',
    callId: ids.hosted(asString(answer.id), true),
    family: stepFamily(asString(answer.toolType) ?? ''),
    output: { as: 'json', value: (answer.response ?? null) as Json },
    outcome: 'ok',
    by: 'server',
    wire,
  };
}
