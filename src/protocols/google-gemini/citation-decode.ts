import { asArray, asNumber, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Citation } from '../../turn/part.ts';
import { camel, camelObject, protocolId } from './names.ts';

/** What a candidate says of its sources. The lists go on from chunk to chunk. */
const members = [
  'groundingMetadata',
  'citationMetadata',
  'urlContextMetadata',
  'groundingAttributions',
] as const;

/** Collects the sources of one candidate, and tells them as citations of the text that they stand behind. */
export class Grounding {
  readonly #raw: JsonObject = {};
  #isEmpty = true;
  #supportsTaken = 0;
  #chunksTaken = new Set<number>();
  #recitedTaken = 0;

  add(candidate: JsonObject): void {
    for (const member of members) {
      const value = candidate[member];
      if (value === undefined || value === null) continue;
      this.#raw[member] = joined(this.#raw[member], isObject(value) ? camel(value) : value);
      this.#isEmpty = false;
    }
  }

  /** All that was said, in one piece. */
  raw(): JsonObject | undefined {
    return this.#isEmpty ? undefined : this.#raw;
  }

  /** The citations that have come for `text`, which is over now. */
  take(text: string): Citation[] {
    if (this.#isEmpty) return [];
    const spans = new Spans(text);
    const metadata = camelObject(this.#raw.groundingMetadata) ?? {};
    const chunks = asArray(metadata.groundingChunks);
    const supports = asArray(metadata.groundingSupports);
    const citations: Citation[] = [];
    for (const support of supports.slice(this.#supportsTaken)) {
      if (!isObject(support)) continue;
      const { segment, groundingChunkIndices } = camel(support);
      const span = spans.of(camelObject(segment) ?? {});
      for (const index of asArray(groundingChunkIndices)) {
        const chunk = typeof index === 'number' ? chunks[index] : undefined;
        if (!isObject(chunk)) continue;
        this.#chunksTaken.add(index as number);
        citations.push(citation(sourceOf(chunk), span, { groundingSupport: support, groundingChunk: chunk }));
      }
    }
    this.#supportsTaken = supports.length;
    chunks.forEach((chunk, i) => {
      if (!isObject(chunk) || this.#chunksTaken.has(i)) return;
      this.#chunksTaken.add(i);
      citations.push(citation(sourceOf(chunk), {}, { groundingChunk: chunk }));
    });
    return [...citations, ...this.#recited(spans)];
  }

  /** Texts that the model repeated. The API's description and the SDKs name the list differently. */
  #recited(spans: Spans): Citation[] {
    const metadata = camelObject(this.#raw.citationMetadata) ?? {};
    const recited = [...asArray(metadata.citationSources), ...asArray(metadata.citations)].filter(isObject);
    const fresh = recited.slice(this.#recitedTaken);
    this.#recitedTaken = recited.length;
    return fresh.map((source) => citation(source, spans.of(source), { citationSource: source }));
  }
}

/** Joins what two chunks say: lists go on, of anything else the later value counts. */
function joined(before: Json | undefined, after: Json): Json {
  if (Array.isArray(before) && Array.isArray(after)) return [...before, ...after];
  if (!isObject(before) || !isObject(after)) return after;
  const out: JsonObject = { ...before };
  for (const key in after) {
    const value = after[key];
    if (value !== undefined) out[key] = key.endsWith('s') ? joined(before[key], value) : value;
  }
  return out;
}

/** The source in a chunk, whatever kind it is. */
function sourceOf(chunk: JsonObject): JsonObject {
  for (const value of Object.values(camel(chunk))) if (isObject(value)) return camel(value);
  return {};
}

interface Span {
  readonly start?: number;
  readonly end?: number;
  readonly quote?: string;
}

function citation(source: JsonObject, span: Span, value: JsonObject): Citation {
  const uri = asString(source.uri) || asString(source.sourceUri) || undefined;
  const isUrl = uri !== undefined && /^https?:/.test(uri);
  return {
    from: isUrl ? 'url' : uri === undefined ? 'document' : 'file',
    url: isUrl ? uri : undefined,
    fileId: isUrl ? undefined : uri,
    title: asString(source.title) || undefined,
    ...span,
    wire: { protocol: protocolId, value },
  };
}

/** Places in a text by the wire's offsets, which count bytes. */
class Spans {
  readonly #text: string;
  #bytes: Buffer | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  of(segment: JsonObject): Span {
    const quote = asString(segment.text);
    const from = asNumber(segment.startIndex) ?? 0;
    const to = asNumber(segment.endIndex);
    if (to !== undefined) {
      const start = this.#offset(from);
      const end = this.#offset(to);
      const isThere = start !== undefined && end !== undefined && start < end;
      if (isThere && (quote === undefined || this.#text.slice(start, end) === quote)) {
        return quote === undefined ? { start, end } : { start, end, quote };
      }
    }
    // The offsets may be those of another part.
    const at = quote === undefined || quote === '' ? -1 : this.#text.indexOf(quote);
    return at < 0 ? { quote } : { start: at, end: at + quote!.length, quote };
  }

  #offset(byte: number): number | undefined {
    this.#bytes ??= Buffer.from(this.#text);
    if (byte > this.#bytes.length) return undefined;
    return this.#bytes.length === this.#text.length ? byte : this.#bytes.toString('utf8', 0, byte).length;
  }
}
