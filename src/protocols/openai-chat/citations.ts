import { asNumber, asObject, asString } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import type { Citation } from '../../turn/part.ts';
import { own } from './fields.ts';

/** Reads one of a message's `annotations`; only `url_citation` is a citation. */
export function decodeAnnotation(annotation: JsonObject): Citation | undefined {
  const cited = annotation.type === 'url_citation' ? asObject(annotation.url_citation) : undefined;
  if (!cited) return undefined;
  return {
    from: 'url',
    url: asString(cited.url),
    title: asString(cited.title),
    quote: asString(cited.content),
    start: asNumber(cited.start_index),
    end: asNumber(cited.end_index),
    wire: { protocol: own, value: annotation },
  };
}

/**
 * Some servers list the sources of the whole text beside the choices: URLs, in the order of the text's marks.
 * `length` is that of the text.
 */
export function decodeSourceList(list: Json | undefined, length: number): Citation[] {
  if (!Array.isArray(list)) return [];
  const citations: Citation[] = [];
  for (const url of list) {
    if (typeof url !== 'string') continue;
    const cited: JsonObject = { start_index: 0, end_index: length, url, title: '' };
    const citation = decodeAnnotation({ type: 'url_citation', url_citation: cited });
    if (citation) citations.push(citation);
  }
  return citations;
}

/**
 * Writes a citation as an annotation of the message's whole text, in which the cited part begins at `from`
 * and ends at `to`. None for sources that are not on the web.
 */
export function encodeAnnotation(citation: Citation, from: number, to: number): JsonObject | undefined {
  if (citation.wire.protocol === own) {
    const cited = asObject(citation.wire.value.url_citation);
    if (from === 0 || !cited || typeof cited.start_index !== 'number') return citation.wire.value;
    const moved = {
      ...cited,
      start_index: cited.start_index + from,
      end_index: (asNumber(cited.end_index) ?? 0) + from,
    };
    return { ...citation.wire.value, url_citation: moved };
  }
  if (citation.from !== 'url' || citation.url === undefined) return undefined;
  return {
    type: 'url_citation',
    url_citation: {
      start_index: citation.start === undefined ? from : from + citation.start,
      end_index: citation.end === undefined ? to : from + citation.end,
      url: citation.url,
      title: citation.title ?? '',
    },
  };
}
