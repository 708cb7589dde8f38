import type { Canonical } from '../canonical.ts';
import { searched } from '../canonical/gemini.ts';
import type { Miss } from '../check.ts';
import { familiesOf } from './hosted.ts';

/** N1: what the upstream said beside text, reasoning and calls, and the client does not get. */
export function lostMisses(upstream: Canonical, seen: Canonical): Miss[] {
  const misses: Miss[] = [];
  const sources = seen.citations.map(({ source }) => source);
  const lost = upstream.citations.filter(({ source }) => !sources.includes(source));
  if (lost.length > 0) {
    const kinds = [...new Set(lost.map(({ kind }) => kind))].sort().join(', ');
    misses.push({
      check: 'N1',
      detail: `${lost.length} of ${upstream.citations.length} citations lost (${kinds})`,
    });
  }
  const shown = familiesOf(seen);
  // The queries behind a grounded answer are shown by its sources.
  const hosted = upstream.hosted.filter((kind) => kind !== searched);
  for (const family of familiesOf({ ...upstream, hosted })) {
    if (!shown.has(family)) misses.push({ check: 'N1', detail: `hosted lost: ${family}` });
  }
  return misses;
}

/** N2: what the client gets and the upstream did not say. Text, reasoning and calls are compared in T, R and C. */
export function extraMisses(upstream: Canonical, seen: Canonical): Miss[] {
  const misses: Miss[] = [];
  const sources = upstream.citations.map(({ source }) => source);
  const made = seen.citations.filter(({ source }) => !sources.includes(source));
  if (made.length > 0) misses.push({ check: 'N2', detail: `a citation is made up: ${made[0]!.source}` });
  const said = familiesOf(upstream);
  for (const family of familiesOf(seen)) {
    if (!said.has(family)) misses.push({ check: 'N2', detail: `made up: ${family}` });
  }
  return misses;
}
