import type { Canonical } from '../canonical.ts';
import type { Miss } from '../check.ts';
import { finishTable, meaningOf, type Surface } from '../finish.ts';
import type { Answer } from '../oracles.ts';
import { runByClient } from './hosted.ts';

export function finishMisses(surface: Surface, upstream: Canonical, seen: Canonical): Miss[] {
  const meaning = meaningOf(upstream);
  const words = [...finishTable[meaning][surface]];
  if (upstream.hosted.some(runByClient)) words.push(...finishTable['client tool wanted'][surface]);
  const word = seen.finish?.word;
  if (word === undefined) return [{ check: 'F1', detail: `no finish; ${meaning} is ${words.join(' or ')}` }];
  // Gemini tells reasons apart that are one to the others; between Gemini and Gemini the word itself arrives.
  if (surface === 'google-gemini' && word === upstream.finish?.word) return [];
  if (!words.includes(word)) {
    return [{ check: 'F1', detail: `finish is ${word}; ${meaning} is ${words.join(' or ')}` }];
  }
  const silent = meaning === 'refused' && (word === 'stop' || word === 'completed') && seen.refusal === '';
  if (silent) return [{ check: 'F1', detail: `refused, but ${word} comes without a refusal text` }];
  const sequence = upstream.finish?.sequence;
  if (surface === 'anthropic-messages' && sequence !== undefined && seen.finish?.sequence !== sequence) {
    return [{ check: 'F1', detail: `stop_sequence is ${seen.finish?.sequence}, upstream's ${sequence}` }];
  }
  return [];
}

export function usageMisses(surface: Surface, upstream: Canonical, seen: Canonical): Miss[] {
  const misses: Miss[] = [];
  for (const key of ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'] as const) {
    // Gemini has no count of tokens written to a cache; they are in its prompt tokens.
    if (key === 'cacheWrite' && surface === 'google-gemini') continue;
    const expected = upstream.usage?.[key] ?? 0;
    const got = seen.usage?.[key] ?? 0;
    if (got !== expected) misses.push({ check: 'U1', detail: `${key} is ${got}, upstream's ${expected}` });
  }
  const { total, input, output } = seen.usage ?? { input: 0, output: 0 };
  if (total !== undefined && total !== input + output) {
    misses.push({ check: 'U1', detail: `total ${total} is not input ${input} + output ${output}` });
  }
  return misses;
}

/** E2: an error within a reply, or in its place. `seen` is what of the reply came all the same. */
export function errorMisses(upstream: Canonical, answer: Answer, seen: Canonical | undefined): Miss[] {
  const misses: Miss[] = [];
  const failed = answer.error !== undefined || answer.final?.['status'] === 'failed';
  if (!failed) misses.push({ check: 'E2', detail: 'the SDK raised no error' });
  const message = JSON.stringify(upstream.error?.message ?? '').slice(1, -1);
  if (!answer.raw.includes(message))
    misses.push({ check: 'E2', detail: "the upstream's message did not arrive" });
  const finish = seen?.finish?.word;
  if (finish !== undefined && finish !== 'failed') {
    misses.push({ check: 'E2', detail: `finish is ${finish} after an error` });
  }
  const said = upstream.text.join('');
  if (seen && answer.stream && !seen.text.join('').startsWith(said)) {
    misses.push({ check: 'E2', detail: 'text from before the error is lost' });
  }
  return misses;
}
