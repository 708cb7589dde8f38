import { type Canonical, canonicalOfEvents, canonicalOfResult, type Payload } from './canonical.ts';
import { type CheckId, type Miss, missed } from './check.ts';
import { choiceMisses, sealMisses } from './checks/content.ts';
import { errorMisses, usageMisses } from './checks/ending.ts';
import { sameAnswer, sdkMisses } from './checks/sdk.ts';
import type { Surface } from './finish.ts';
import { grammarFaults } from './grammar.ts';
import { numberingFaults } from './numbering.ts';
import type { Answer } from './oracles.ts';
import { eventSchemaFaults, resultSchemaFaults } from './schema.ts';

/** All misses of one answer against what an upstream of protocol `from` said. */
export function checkAnswer(upstream: Canonical, answer: Answer, from: Surface): Miss[] {
  if (upstream.error) {
    const seen = answer.status === 200 ? wireCanonical(answer) : undefined;
    return [...errorMisses(upstream, answer, seen), ...wireMisses(answer)];
  }
  if (answer.status !== 200) {
    return [{ check: 'E1', detail: `status ${answer.status}: ${answer.raw.slice(0, 120)}` }];
  }
  const wire = wireCanonical(answer);
  if (!wire) return [{ check: 'G2', detail: `the body is not JSON: ${answer.raw.slice(0, 80)}` }];
  const { surface, stream } = answer;
  const misses: Miss[] = [];
  [upstream, ...upstream.others].forEach((choice, i) => {
    const found = i === 0 ? wire : wire.others[i - 1];
    // A surface without choices shows the first one.
    if (i > 0 && !hasChoices(surface)) return;
    if (!found) return void misses.push({ check: 'T1', detail: `choice ${i} is missing` });
    misses.push(...choiceMisses(from, surface, choice, found, stream));
  });
  misses.push(
    ...sealMisses(upstream, answer),
    ...usageMisses(surface, upstream, wire),
    ...sdkMisses(answer, wire),
  );
  return [...misses, ...wireMisses(answer)];
}

const hasChoices = (surface: Surface): boolean => surface === 'openai-chat' || surface === 'google-gemini';

/** The checks that `checkAnswer` and the second turn make of such an answer. */
export function checksOf(upstream: Canonical, stream: boolean): CheckId[] {
  const wire: CheckId[] = stream ? ['G1', 'G3', 'G4'] : ['G3'];
  if (upstream.error) return ['E2', ...wire];
  return ['T1', 'T2', 'R1', 'R2', 'C1', 'C2', 'C3', 'F1', 'U1', 'N1', 'N2', 'G2', ...wire];
}

/** P1: the streamed and the one-shot answer to the same question say the same. */
export function checkPair(streamed: Answer, whole: Answer): Miss[] {
  const [a, b] = [wireCanonical(streamed), wireCanonical(whole)];
  if (!a || !b || streamed.status !== 200 || whole.status !== 200) return [];
  return sameAnswer(a, b).map(missed('P1'));
}

/** The canonical form of the body as it came, read without the SDK. */
export function wireCanonical(answer: Answer): Canonical | undefined {
  if (answer.blocks.length > 0) return canonicalOfEvents(answer.surface, answer.events);
  try {
    const body = JSON.parse(answer.raw) as Payload | Payload[];
    // Gemini streams that are not asked for as events come as one array.
    return Array.isArray(body)
      ? canonicalOfEvents(answer.surface, body)
      : canonicalOfResult(answer.surface, body);
  } catch {
    return undefined;
  }
}

/** What can be said of the answer's bytes alone: G1, G3, G4. */
function wireMisses(answer: Answer): Miss[] {
  const { surface, stream } = answer;
  if (answer.status !== 200) return [];
  const of = (check: CheckId, details: readonly string[]): Miss[] => [...new Set(details)].map(missed(check));
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
