import { type Canonical, canonicalOfEvents, canonicalOfResult, type Payload } from './canonical.ts';
import { callMisses } from './checks/calls.ts';
import { difference, sameSections } from './checks/compare.ts';
import { finishTable, meaningOf, type Surface } from './finish.ts';
import { grammarFaults } from './grammar.ts';
import { numberingFaults } from './numbering.ts';
import type { Answer } from './oracles.ts';
import { eventSchemaFaults, resultSchemaFaults } from './schema.ts';

/**
 * What is checked, by the names of the conformance rules: text (T1 whole, T2 in order), reasoning (R1 text, R2
 * opaque values), calls (C1 names and arguments, C2 ids, C3 empty and custom input), F1 finish, U1 usage,
 * G1 event order, G2 official SDK, G3 schema, G4 numbering, P1 streamed equals not streamed, P2 same protocol passes through, N1 citations,
 * E1 HTTP errors, E2 errors within a reply.
 */
export const checkIds = [
  'T1',
  'T2',
  'R1',
  'R2',
  'C1',
  'C2',
  'C3',
  'F1',
  'U1',
  'G1',
  'G2',
  'G3',
  'G4',
  'P1',
  'P2',
  'N1',
  'E1',
  'E2',
] as const;
export type CheckId = (typeof checkIds)[number];

/** A rule that an answer broke. `detail` is the same on every run. */
export interface Miss {
  readonly check: CheckId;
  readonly detail: string;
}

/** All misses of one answer against what the upstream said. */
export function checkAnswer(upstream: Canonical, answer: Answer): Miss[] {
  if (upstream.error) return [...errorMisses(upstream, answer), ...wireMisses(answer)];
  if (answer.status !== 200) {
    return [{ check: 'E1', detail: `status ${answer.status}: ${answer.raw.slice(0, 120)}` }];
  }
  const wire = wireCanonical(answer);
  if (!wire) return [{ check: 'G2', detail: `the body is not JSON: ${answer.raw.slice(0, 80)}` }];
  const misses: Miss[] = [];
  const surface = answer.surface;
  [upstream, ...upstream.others].forEach((choice, i) => {
    const found = i === 0 ? wire : wire.others[i - 1];
    // A surface without choices shows the first one.
    if (i > 0 && surface !== 'openai-chat') return;
    if (!found) return void misses.push({ check: 'T1', detail: `choice ${i} is missing` });
    const seen = surface === 'openai-responses' ? found : withoutClientRun(choice, found);
    misses.push(
      ...textMisses(surface, choice, seen, answer.stream),
      ...reasoningMisses(choice, seen),
      ...callMisses(surface, choice, seen),
      ...finishMisses(surface, choice, seen),
      ...citationMisses(choice, seen),
    );
  });
  misses.push(...sealMisses(upstream, answer), ...usageMisses(upstream, wire), ...sdkMisses(answer, wire));
  return [...misses, ...wireMisses(answer)];
}

/** P1: the streamed and the one-shot answer to the same question say the same. */
export function checkPair(streamed: Answer, whole: Answer): Miss[] {
  const [a, b] = [wireCanonical(streamed), wireCanonical(whole)];
  if (!a || !b || streamed.status !== 200 || whole.status !== 200) return [];
  return sameAnswer(a, b).map((detail) => ({ check: 'P1', detail }));
}

/** The canonical form of the body as it came, read without the SDK. */
export function wireCanonical(answer: Answer): Canonical | undefined {
  if (answer.blocks.length > 0) return canonicalOfEvents(answer.surface, answer.events);
  try {
    return canonicalOfResult(answer.surface, JSON.parse(answer.raw) as Payload);
  } catch {
    return undefined;
  }
}

function textMisses(surface: Surface, upstream: Canonical, seen: Canonical, stream: boolean): Miss[] {
  const misses: Miss[] = [];
  const text = upstream.text.join('');
  // Messages has no place for a refusal's words but a text block beside stop_reason refusal.
  const expected = surface === 'anthropic-messages' ? [text, text + upstream.refusal] : [text];
  const got = seen.text.join('');
  if (!expected.includes(got)) misses.push({ check: 'T1', detail: difference(expected[0]!, got) });
  if (stream && seen.deltas.text !== got) {
    misses.push({ check: 'T1', detail: `deltas and done differ: ${difference(seen.deltas.text, got)}` });
  }
  if (surface !== 'anthropic-messages' && seen.refusal !== upstream.refusal) {
    misses.push({ check: 'T1', detail: `refusal: ${difference(upstream.refusal, seen.refusal)}` });
  }
  if (surface === 'openai-chat') return misses;
  const order = (of: Canonical): string =>
    of.order
      .filter((kind) => kind !== 'hosted')
      .map((kind) => (kind === 'refusal' && surface === 'anthropic-messages' ? 'text' : kind))
      .join(' ');
  if (expected.includes(got) && order(seen) !== order(upstream)) {
    misses.push({
      check: 'T2',
      detail: `order is ${runs(order(seen))}, upstream's ${runs(order(upstream))}`,
    });
  }
  return misses;
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

function sealMisses(upstream: Canonical, answer: Answer): Miss[] {
  const lost = upstream.opaque.filter((value) => !answer.raw.includes(JSON.stringify(value).slice(1, -1)));
  return lost.length === 0
    ? []
    : [{ check: 'R2', detail: `${lost.length} of ${upstream.opaque.length} opaque values did not arrive` }];
}

/** Items that the client runs although no surface but Responses has a place for them, and their names as calls. */
const clientRun = new Map([
  ['local_shell_call', 'local_shell'],
  ['shell_call', 'shell'],
  ['apply_patch_call', 'apply_patch'],
  ['computer_call', 'computer'],
  ['tool_search_call', 'tool_search'],
  ['mcp_approval_request', 'mcp_approval'],
]);

/** Other surfaces may show such an item as an ordinary call or not at all: either is left out of the comparison. */
function withoutClientRun(upstream: Canonical, seen: Canonical): Canonical {
  const names = upstream.hosted.map((kind) => clientRun.get(kind));
  const kept = seen.tools.map(({ name }) => !names.includes(name));
  let call = 0;
  return {
    ...seen,
    tools: seen.tools.filter((_, i) => kept[i]),
    order: seen.order.filter((kind) => kind !== 'tool' || kept[call++]),
  };
}

function finishMisses(surface: Surface, upstream: Canonical, seen: Canonical): Miss[] {
  const meaning = meaningOf(upstream);
  const words = [...finishTable[meaning][surface]];
  if (upstream.hosted.some((kind) => clientRun.has(kind))) {
    words.push(...finishTable['client tool wanted'][surface]);
  }
  const word = seen.finish?.word;
  if (word === undefined) return [{ check: 'F1', detail: `no finish; ${meaning} is ${words.join(' or ')}` }];
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

function usageMisses(upstream: Canonical, seen: Canonical): Miss[] {
  const misses: Miss[] = [];
  for (const key of ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'] as const) {
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

function citationMisses(upstream: Canonical, seen: Canonical): Miss[] {
  const sources = seen.citations.map(({ source }) => source);
  const lost = upstream.citations.filter(({ source }) => !sources.includes(source));
  if (lost.length === 0) return [];
  const kinds = [...new Set(lost.map(({ kind }) => kind))].join(', ');
  return [
    { check: 'N1', detail: `${lost.length} of ${upstream.citations.length} citations lost (${kinds})` },
  ];
}

/** G2: the SDK took it, and made the same of it as plain concatenation does. */
function sdkMisses(answer: Answer, wire: Canonical): Miss[] {
  if (answer.error) return [{ check: 'G2', detail: `SDK: ${answer.error.message.slice(0, 120)}` }];
  const final = canonicalOfResult(answer.surface, answer.final ?? {});
  // The Chat accumulator overwrites fields that it does not know; only the wire tells of reasoning there.
  const reasoning = answer.surface !== 'openai-chat';
  return sameAnswer(wire, final, reasoning).map((detail) => ({
    check: 'G2',
    detail: `SDK object: ${detail}`,
  }));
}

function sameAnswer(a: Canonical, b: Canonical, reasoning = true): string[] {
  const found: string[] = [];
  const compare = (what: string, left: unknown, right: unknown): void => {
    const [x, y] = [JSON.stringify(left) ?? '', JSON.stringify(right) ?? ''];
    if (x !== y) found.push(`${what}: ${difference(x, y)}`);
  };
  const brokenOff = a.tools.map(({ args }) => parsed(args) === 'broken off');
  const call = ({ name, kind, args }: Canonical['tools'][number], i: number): unknown => [
    name,
    kind,
    brokenOff[i] ? 'broken off' : parsed(args),
  ];
  compare('text', a.text.join(''), b.text.join(''));
  compare('refusal', a.refusal, b.refusal);
  if (reasoning) compare('reasoning', a.reasoning.flat().join(''), b.reasoning.flat().join(''));
  compare('tools', a.tools.map(call), b.tools.map(call));
  compare('finish', a.finish, b.finish);
  const usage = ({ usage }: Canonical): unknown => usage && { ...usage, total: undefined };
  compare('usage', usage(a), usage(b));
  compare(
    'citations',
    a.citations.map(({ source }) => source),
    b.citations.map(({ source }) => source),
  );
  return found;
}

/**
 * Arguments as a value, so that an object surface compares with a string one. Arguments that break off have
 * none: each SDK makes its own guess of them.
 */
function parsed(args: string): unknown {
  try {
    return JSON.parse(args === '' ? '{}' : args) as unknown;
  } catch {
    return 'broken off';
  }
}

function errorMisses(upstream: Canonical, answer: Answer): Miss[] {
  const misses: Miss[] = [];
  const failed = answer.error !== undefined || answer.final?.['status'] === 'failed';
  if (!failed) misses.push({ check: 'E2', detail: 'the SDK raised no error' });
  const message = JSON.stringify(upstream.error?.message ?? '').slice(1, -1);
  if (!answer.raw.includes(message))
    misses.push({ check: 'E2', detail: "the upstream's message did not arrive" });
  const finish = answer.status === 200 ? wireCanonical(answer)?.finish?.word : undefined;
  if (finish !== undefined && finish !== 'failed') {
    misses.push({ check: 'E2', detail: `finish is ${finish} after an error` });
  }
  return misses;
}

/** What can be said of the answer's bytes alone: G1, G3, G4. */
function wireMisses(answer: Answer): Miss[] {
  const { surface, stream } = answer;
  if (answer.status !== 200) return [];
  const of = (check: CheckId, details: readonly string[]): Miss[] =>
    [...new Set(details)].map((detail) => ({ check, detail }));
  if (!stream) {
    if (answer.raw === '' || answer.error) return [];
    return of('G3', resultSchemaFaults(surface, JSON.parse(answer.raw) as Payload));
  }
  if (answer.blocks.length === 0) return [{ check: 'G1', detail: 'the answer is not an event stream' }];
  return [
    ...of('G1', grammarFaults(surface, answer.blocks)),
    ...of(
      'G3',
      answer.events
        .flatMap((event) => eventSchemaFaults(surface, event))
        .map((fault) => fault.replace(/\/\d+/g, '/*')),
    ),
    ...of('G4', numberingFaults(surface, answer.events)),
  ];
}
