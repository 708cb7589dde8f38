import { callMisses } from './calls.ts';
import type { Canonical } from '../canonical.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import type { Answer } from '../oracles.ts';
import { difference, sameSections } from './compare.ts';
import { finishMisses } from './ending.ts';
import { extraMisses, lostMisses } from './sources.ts';
import { withoutClientRun } from './hosted.ts';

/** T, R, C, F and N of one choice. `from` is the protocol that the upstream spoke. */
export function choiceMisses(
  from: Surface,
  surface: Surface,
  upstream: Canonical,
  found: Canonical,
  stream: boolean,
): Miss[] {
  const seen = surface === 'openai-responses' ? found : withoutClientRun(upstream, found);
  return [
    ...textMisses(surface, upstream, seen, stream),
    ...orderMisses(from, surface, upstream, seen),
    ...reasoningMisses(upstream, seen),
    ...callMisses(surface, upstream, seen),
    ...finishMisses(surface, upstream, seen),
    ...lostMisses(upstream, found),
    ...extraMisses(upstream, seen),
  ];
}

/** Surfaces that have a member for a refusal's words; the others say them as text. */
const hasRefusals = (surface: Surface): boolean =>
  surface === 'openai-chat' || surface === 'openai-responses';

function textMisses(surface: Surface, upstream: Canonical, seen: Canonical, stream: boolean): Miss[] {
  const misses: Miss[] = [];
  const expected = spoken(surface, upstream);
  const got = seen.text.join('');
  if (!expected.includes(got)) misses.push({ check: 'T1', detail: difference(expected[0]!, got) });
  if (stream && seen.deltas.text !== got) {
    misses.push({ check: 'T1', detail: `deltas and done differ: ${difference(seen.deltas.text, got)}` });
  }
  if (hasRefusals(surface) && seen.refusal !== upstream.refusal) {
    misses.push({ check: 'T1', detail: `refusal: ${difference(upstream.refusal, seen.refusal)}` });
  }
  return misses;
}

/** The text that a surface may show: with a refusal's words where it has no other place for them. */
function spoken(surface: Surface, upstream: Canonical): string[] {
  const text = upstream.text.join('');
  return hasRefusals(surface) ? [text] : [text, text + upstream.refusal];
}

function orderMisses(from: Surface, surface: Surface, upstream: Canonical, seen: Canonical): Miss[] {
  // Chat puts each kind into a member of its own.
  if (surface === 'openai-chat' || !spoken(surface, upstream).includes(seen.text.join(''))) return [];
  const inRuns = from === 'google-gemini' || surface === 'google-gemini';
  const order = (of: Canonical): string => {
    const kinds = of.order
      .filter((kind) => kind !== 'hosted' && !(inRuns && kind === 'seal'))
      .map((kind) => (kind === 'seal' ? 'reasoning' : kind))
      .map((kind) => (kind === 'refusal' && !hasRefusals(surface) ? 'text' : kind));
    // A stream of Gemini does not say where one text ends and the next begins.
    return kinds.filter((kind, i) => !inRuns || kind === 'tool' || kind !== kinds[i - 1]).join(' ');
  };
  return order(seen) === order(upstream)
    ? []
    : [{ check: 'T2', detail: `order is ${runs(order(seen))}, upstream's ${runs(order(upstream))}` }];
}

/** `text text text tool` as `3 text, tool`. */
const runs = (order: string): string =>
  order === ''
    ? 'empty'
    : (order.match(/(\w+)( \1\b)*/g) ?? [])
        .map((run) => {
          const words = run.split(' ');
          return words.length > 1 ? `${words.length} ${words[0]}` : words[0];
        })
        .join(', ');

function reasoningMisses(upstream: Canonical, seen: Canonical): Miss[] {
  const expected = upstream.reasoning.flat();
  const got = seen.reasoning.flat().join('');
  return sameSections(expected, got) ? [] : [{ check: 'R1', detail: difference(expected.join(''), got) }];
}

/** R2 on the way to the client: each opaque value stands somewhere in what it gets. */
export function sealMisses(upstream: Canonical, answer: Answer): Miss[] {
  const written = (value: string): string => JSON.stringify(value).slice(1, -1);
  const places = [answer.raw, ...decodedSignatures(answer)];
  const lost = upstream.opaque.filter((value) => !places.some((place) => place.includes(written(value))));
  return lost.length === 0
    ? []
    : [{ check: 'R2', detail: `${lost.length} of ${upstream.opaque.length} opaque values did not arrive` }];
}

/** Gemini's signatures are bytes: whatever stands in one is base64. */
const decodedSignatures = ({ surface, raw }: Answer): string[] =>
  surface === 'google-gemini'
    ? [...raw.matchAll(/"thoughtSignature": ?"([^"]*)"/g)].map(([, value]) =>
        Buffer.from(value!, 'base64').toString(),
      )
    : [];
