import type { Payload } from '../canonical.ts';
import { has, object, string } from '../canonical/read.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import { resultSchemaFaults } from '../schema.ts';

/** What a recorded request may be refused for: it asks for what only the vendor's own servers hold. */
const refusable: readonly RegExp[] = [
  // A response that nobody here keeps, in OpenAI's own words.
  /"code":"previous_response_not_found"/,
  /previous_response_id cannot be carried/,
  /compaction/,
  /thread: this gateway does not keep threads/,
];

/** Disagreements between the two descriptions of a Responses body that repeats what was asked. */
const accepted: readonly RegExp[] = [
  // Open Responses does not list `minimal`, which the vendor's own description has.
  /^Open Responses: ResponseResource\/reasoning\/effort /,
  // Open Responses describes the schema of a format as null alone.
  /^Open Responses: ResponseResource\/text\/format\/schema must be null$/,
];

/** Q4: a refusal has a status below 500 and the surface's own shape, and nothing went up. Q1: it had to be. */
export function refusalMisses(
  kind: 'recorded' | 'tools' | 'fuzz',
  surface: Surface,
  status: number,
  text: string,
  sentCount: number,
): Miss[] {
  const misses: Miss[] = [];
  const q4 = (detail: string): void => void misses.push({ check: 'Q4', detail });
  if (status >= 500) q4(`status ${status}: ${text.slice(0, 200)}`);
  if (sentCount > 0) q4('it was refused and sent');
  if (kind !== 'fuzz' && !refusable.some((words) => words.test(text))) {
    misses.push({ check: kind === 'tools' ? 'Q2' : 'Q1', detail: `refused: ${text.slice(0, 200)}` });
  }
  misses.push(...shapeMisses(surface, text));
  return misses;
}

function shapeMisses(surface: Surface, text: string): Miss[] {
  let body: Payload;
  try {
    const parsed: unknown = JSON.parse(text);
    // A Gemini stream that was not asked for as events is an array from its first error on.
    body = object(Array.isArray(parsed) ? parsed[0] : parsed);
  } catch {
    return [{ check: 'Q4', detail: `the refusal is not JSON: ${text.slice(0, 80)}` }];
  }
  const error = object(body['error']);
  const isGemini = surface === 'google-gemini';
  const isWhole =
    string(error['message']) !== '' &&
    (isGemini ? Number.isInteger(error['code']) && has(error['status']) : has(error['type'])) &&
    (surface !== 'anthropic-messages' || body['type'] === 'error');
  return isWhole ? [] : [{ check: 'Q4', detail: `no error of this surface: ${text.slice(0, 200)}` }];
}

const ends: Readonly<Record<Surface, string>> = {
  'openai-chat': '[DONE]',
  'openai-responses': 'response.completed',
  'anthropic-messages': 'message_stop',
  'google-gemini': '"finishReason":"STOP"',
};

/** What is wrong with a translated reply as one to this very request: Responses repeats members of it. */
export function endMisses(surface: Surface, stream: boolean, text: string): Miss[] {
  if (stream) return text.includes(ends[surface]) ? [] : [{ check: 'G1', detail: 'the stream does not end' }];
  return resultSchemaFaults(surface, object(JSON.parse(text)))
    .filter((fault) => !accepted.some((known) => known.test(fault)))
    .map((detail) => ({ check: 'G3', detail }));
}
