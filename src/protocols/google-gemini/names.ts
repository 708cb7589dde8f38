import { entryOf, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Extras, MediaPart, ProtocolId, ToolFamily } from '../../turn/part.ts';

export const protocolId = 'google-gemini' satisfies ProtocolId;

/** Extras of this protocol, or nothing when there are none to keep. */
export const ownExtras = (members: JsonObject | undefined): Extras | undefined =>
  members === undefined ? undefined : { [protocolId]: members };

/**
 * An object with its members under the names of the JSON form: the API takes a field's original name as well
 * (`system_instruction`), as all JSON made from protocol buffers may be written. What is inside its members stays
 * as it is. `null` stands for an absent member there, so those are left out.
 *
 * @example
 * camel({ inline_data: { mime_type: 'image/png' } }) // { inlineData: { mime_type: 'image/png' } }
 */
export function camel(object: JsonObject): JsonObject {
  let isPlain = true;
  for (const key in object) if (object[key] === null || key.includes('_')) isPlain = false;
  if (isPlain) return object;
  const out: JsonObject = {};
  for (const key in object) {
    if (object[key] === null) continue;
    out[key.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())] = object[key];
  }
  return out;
}

/** The member as an object under the names of the JSON form. */
export const camelObject = (value: Json | undefined): JsonObject | undefined =>
  isObject(value) ? camel(value) : undefined;

/** Hosted tools by the member of a tool that stands for them. */
const toolFamilies: Readonly<Record<string, ToolFamily>> = {
  googleSearch: 'web_search',
  googleSearchRetrieval: 'web_search',
  enterpriseWebSearch: 'web_search',
  urlContext: 'web_fetch',
  codeExecution: 'code',
  fileSearch: 'file_search',
  retrieval: 'file_search',
  computerUse: 'computer',
  mcpServers: 'mcp',
};

export const toolFamily = (member: string): ToolFamily => entryOf(toolFamilies, member) ?? 'other';

/** Steps of hosted tools by their `toolType`. */
const stepFamilies: Readonly<Record<string, ToolFamily>> = {
  GOOGLE_SEARCH_WEB: 'web_search',
  GOOGLE_SEARCH_IMAGE: 'web_search',
  URL_CONTEXT: 'web_fetch',
  FILE_SEARCH: 'file_search',
};

export const stepFamily = (toolType: string): ToolFamily => entryOf(stepFamilies, toolType) ?? 'other';

/** What media are taken for whose type nobody has told; the wire wants one. */
export const usualMimes: { readonly [K in MediaPart['as']]?: string } = {
  image: 'image/png',
  audio: 'audio/wav',
  video: 'video/mp4',
};
