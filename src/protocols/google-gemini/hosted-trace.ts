import { asArray, asObject, asString, parseObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import { protocolId } from './names.ts';
import type { ReplyNotes } from './notes.ts';

/**
 * What tools of another vendor did, told as this API tells it: code that was run and images have parts of their own,
 * a search is told by its queries and a page that was read by its address, both beside the content.
 */
export class HostedTrace {
  readonly #notes: ReplyNotes;
  readonly #queries: string[] = [];
  readonly #pages = new Map<string, string>();
  /** Addresses of the pages that calls asked for, by call id. */
  readonly #asked = new Map<string, string>();

  constructor(notes: ReplyNotes) {
    this.#notes = notes;
  }

  /** The part that stands for a step; nothing for steps that are told beside the content, or not at all. */
  part(part: ToolCallPart | ToolResultPart): JsonObject | undefined {
    if (part.wire?.protocol === protocolId) return part.wire.value;
    return part.kind === 'tool_call' ? this.#call(part) : this.#result(part);
  }

  get queries(): readonly string[] {
    return this.#queries;
  }

  /** The pages that were read, as `urlContextMetadata`. */
  pages(): JsonObject | undefined {
    if (this.#pages.size === 0) return undefined;
    const urlMetadata = [...this.#pages].map(([retrievedUrl, status]) => ({
      retrievedUrl,
      urlRetrievalStatus: `URL_RETRIEVAL_STATUS_${status}`,
    }));
    return { urlMetadata };
  }

  #call(part: ToolCallPart): JsonObject | undefined {
    const input = parseObject(part.input);
    const url = asString(input?.url);
    switch (part.family) {
      case 'code':
        if (typeof input?.code === 'string')
          return { executableCode: { language: 'PYTHON', code: input.code } };
        break;
      case 'image':
        // The image itself follows.
        return undefined;
      case 'web_search':
      case 'web_fetch': {
        const queries = [asString(input?.query), ...asArray(input?.queries).map(asString)];
        for (const query of queries) if (query && !this.#queries.includes(query)) this.#queries.push(query);
        if (url !== undefined) {
          this.#pages.set(url, 'SUCCESS');
          this.#asked.set(part.callId, url);
        }
        if (url !== undefined || queries.some((query) => query !== undefined)) return undefined;
      }
    }
    this.#drop(`a step of the hosted tool ${part.name} cannot be told here`);
  }

  #result(part: ToolResultPart): JsonObject | undefined {
    const { output, family } = part;
    const value = output.as === 'json' ? output.value : null;
    if (family === 'code') {
      const text = output.as === 'text' ? output.text : logsOf(value);
      const outcome = part.outcome === 'error' ? 'OUTCOME_FAILED' : 'OUTCOME_OK';
      if (text !== undefined) return { codeExecutionResult: { outcome, output: text } };
    }
    const image = family === 'image' ? asString(asObject(value)?.result) : undefined;
    if (image !== undefined) {
      const format = asString(asObject(value)?.output_format) ?? 'png';
      return { inlineData: { mimeType: `image/${format}`, data: image } };
    }
    const url = this.#asked.get(part.callId);
    if (url !== undefined && part.outcome === 'error') this.#pages.set(url, 'ERROR');
    this.#drop(`what the hosted tool ${part.name ?? family} gave cannot be told here`);
  }

  #drop(why: string): undefined {
    this.#notes.add('hosted', 'dropped', why);
  }
}

/** What a run of code printed, wherever the other protocol has it; nothing where it says nothing of a run. */
function logsOf(value: Json): string | undefined {
  const object = asObject(value);
  if (typeof object?.stdout === 'string') return object.stdout + (asString(object.stderr) ?? '');
  const list = Array.isArray(value) ? value : Array.isArray(object?.outputs) ? object.outputs : undefined;
  return list?.map((entry) => asString(asObject(entry)?.logs) ?? '').join('');
}
