import { payloadsOf, type SseBlock } from '../../support/corpus.ts';
import type { Payload } from '../canonical.ts';
import { count, has, list, object, string } from '../canonical/read.ts';

/**
 * What is wrong with the order of a Gemini stream: every event a whole GenerateContentResponse, one id and model,
 * `finishReason` once a candidate and in its last chunk, the last usage in the last chunk, nothing after an error.
 */
export function geminiFaults(blocks: readonly SseBlock[]): string[] {
  const chunks = payloadsOf(blocks);
  return [...framingFaults(blocks), ...responseFaults(chunks), ...endFaults(chunks)];
}

function framingFaults(blocks: readonly SseBlock[]): string[] {
  const faults: string[] = [];
  for (const { event, data } of blocks) {
    // Gemini CLI retries a stream that begins with a comment and then gives up.
    if (data === undefined) faults.push('a comment');
    else if (data === '[DONE]') faults.push('[DONE] in Gemini');
    else if (event !== undefined) faults.push(`event: ${event} in Gemini`);
    else if (!isObject(data)) faults.push(`data is not a JSON object: ${data.slice(0, 40)}`);
  }
  return faults;
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function responseFaults(chunks: readonly Payload[]): string[] {
  const faults: string[] = [];
  const finished = new Set<number>();
  let head: Payload | undefined;
  let failed = false;
  for (const chunk of chunks) {
    if (failed) faults.push('a chunk after an error');
    if (has(chunk['error'])) {
      failed = true;
      continue;
    }
    if (!['candidates', 'promptFeedback', 'usageMetadata'].some((key) => has(chunk[key]))) {
      faults.push('a chunk with neither candidates nor feedback nor usage');
    }
    for (const key of ['responseId', 'modelVersion']) {
      if (!has(chunk[key]) || chunk[key] === '') faults.push(`chunk without ${key}`);
      else if (head && has(head[key]) && chunk[key] !== head[key])
        faults.push(`${key} changes within the stream`);
    }
    head ??= chunk;
    for (const candidate of list(chunk['candidates'])) {
      const index = count(candidate['index']);
      if (finished.has(index)) faults.push('a candidate goes on after its finishReason');
      if (has(candidate['finishReason'])) finished.add(index);
      faults.push(...contentFaults(candidate));
    }
  }
  return faults;
}

function contentFaults(candidate: Payload): string[] {
  const faults: string[] = [];
  if (!has(candidate['content'])) return faults;
  const content = object(candidate['content']);
  if (content['role'] !== 'model') faults.push(`role is ${String(content['role'])}`);
  for (const part of list(content['parts'])) {
    const kinds = Object.keys(part).filter((key) => !besides.has(key));
    if (kinds.length !== 1) faults.push(`a part has ${kinds.join(' and ') || 'no data'}`);
    const call = object(part['functionCall']);
    if (!has(part['functionCall'])) continue;
    if (has(call['partialArgs']) || has(call['willContinue']))
      faults.push('arguments in pieces, not asked for');
    else if (string(call['name']) === '') faults.push('a functionCall has no name');
  }
  return faults;
}

/** Members of a part that stand beside its data. */
const besides = new Set([
  'thought',
  'thoughtSignature',
  'partMetadata',
  'videoMetadata',
  'mediaResolution',
  'mediaProcessing',
]);

function endFaults(chunks: readonly Payload[]): string[] {
  const faults: string[] = [];
  if (chunks.some((chunk) => has(chunk['error']))) return faults;
  if (chunks.some((chunk) => has(object(chunk['promptFeedback'])['blockReason']))) return faults;
  const open = new Set<number>();
  for (const candidate of chunks.flatMap((chunk) => list(chunk['candidates']))) {
    open.add(count(candidate['index']));
  }
  if (open.size === 0) faults.push('no candidate at all');
  for (const candidate of chunks.flatMap((chunk) => list(chunk['candidates']))) {
    if (has(candidate['finishReason'])) open.delete(count(candidate['index']));
  }
  for (const index of open) faults.push(`candidate ${index} has no finishReason`);
  const stated = (chunk: Payload): boolean => has(object(chunk['usageMetadata'])['totalTokenCount']);
  if (chunks.some(stated) && !stated(chunks.at(-1)!)) faults.push('the last chunk does not state the usage');
  return faults;
}
