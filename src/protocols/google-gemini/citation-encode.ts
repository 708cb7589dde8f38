import type { JsonObject } from '../../turn/json.ts';
import type { Citation } from '../../turn/part.ts';

/** The citations of one text, and its place among the parts of the reply. */
export interface CitedText {
  readonly text: string;
  readonly partIndex: number;
  readonly citations: readonly Citation[];
}

/** Citations as a `groundingMetadata`: each source once, and for each cited stretch the sources behind it. */
export function encodeGrounding(cited: readonly CitedText[]): JsonObject | undefined {
  const chunks: JsonObject[] = [];
  const supports: JsonObject[] = [];
  const places = new Map<string, number>();
  for (const { text, partIndex, citations } of cited) {
    for (const citation of citations) {
      const chunk = chunkOf(citation);
      const key = JSON.stringify(chunk);
      let index = places.get(key);
      if (index === undefined) {
        index = chunks.push(chunk) - 1;
        places.set(key, index);
      }
      const segment = segmentOf(citation, text, partIndex);
      if (segment !== undefined) supports.push({ segment, groundingChunkIndices: [index] });
    }
  }
  if (chunks.length === 0) return undefined;
  return supports.length === 0
    ? { groundingChunks: chunks }
    : { groundingChunks: chunks, groundingSupports: supports };
}

/** A page, or what was looked up in files and documents. */
function chunkOf({ url, fileId, title }: Citation): JsonObject {
  const uri = url ?? fileId;
  const source: JsonObject = {};
  if (uri !== undefined) source.uri = uri;
  if (title !== undefined) source.title = title;
  return url === undefined ? { retrievedContext: source } : { web: source };
}

/** The cited stretch; the wire counts bytes. A citation without a span stands for the whole text. */
function segmentOf({ start, end, quote }: Citation, text: string, partIndex: number): JsonObject | undefined {
  if (text === '') return undefined;
  const from = start ?? 0;
  const to = end ?? (start === undefined ? text.length : from + (quote?.length ?? 0));
  if (to <= from || to > text.length) return undefined;
  const segment: JsonObject = {};
  if (partIndex > 0) segment.partIndex = partIndex;
  if (from > 0) segment.startIndex = Buffer.byteLength(text.slice(0, from));
  segment.endIndex = Buffer.byteLength(text.slice(0, to));
  segment.text = text.slice(from, to);
  return segment;
}
