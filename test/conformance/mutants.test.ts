import { afterAll, describe, expect, test } from 'bun:test';
import { corpusAvailable } from '../support/corpus.ts';
import { startReplay } from '../support/replay.ts';
import { canonicalOfEvents, type Payload } from './canonical.ts';
import { type CheckId, checkIds } from './check.ts';
import { checkAnswer } from './checks.ts';
import { type Surface, surfaces } from './finish.ts';
import { askedProofs, sameQuestion } from './mutants/asked.ts';
import { compareRequests } from './asked/compare.ts';
import type { Proof } from './mutants/proof.ts';
import { replyMutants } from './mutants/replies.ts';
import { legalStreams } from './mutants/streams.ts';
import { asked, idsOf, transportProofs } from './mutants/transport.ts';
import { followUpBody } from './requests.ts';
import { secondTurnMisses } from './second-turn.ts';

// A check that cannot fail proves nothing: each fault is planted in a legal reply or request and must be found by
// the check that is meant for it, and by no other but those that are named with it.
const upstream = startReplay();
afterAll(() => upstream.stop());

/** The checks that a fault of theirs alone was planted for. */
const proven = new Set<CheckId>();

function prove({ check, fault, also = [], needsCorpus, found }: Proof): void {
  test.skipIf(needsCorpus === true && !corpusAvailable)(`${check} finds that ${fault}`, async () => {
    expect([...(await found())].sort()).toEqual([check, ...also].sort());
    if (also.length === 0) proven.add(check);
  });
}

function replyProofs(surface: Surface): Proof[] {
  return replyMutants.flatMap(({ check, fault, also, mutate }): Proof[] => {
    const plant = mutate[surface];
    if (!plant) return [];
    const found = async (): Promise<CheckId[]> =>
      idsOf(
        checkAnswer(
          canonicalOfEvents(surface, legalStreams[surface]),
          await asked(upstream, surface, { mutate: plant }),
          surface,
        ),
      );
    return [{ check, fault, also: also?.[surface], ...(check === 'G3' && { needsCorpus: true }), found }];
  });
}

function turnProofs(surface: Surface): Proof[] {
  const said = canonicalOfEvents(surface, legalStreams[surface]);
  const found = (edit: (text: string) => string) => async (): Promise<CheckId[]> => {
    const { request, final } = await asked(upstream, surface);
    const before = JSON.stringify(followUpBody(surface, request, final!, 'made-up'));
    const text = edit(before);
    if (text === before) throw new Error('the mutant changes nothing');
    return idsOf(secondTurnMisses(surface, said, { text, json: JSON.parse(text) as Payload }, 200, ''));
  };
  return [
    {
      check: 'R2',
      fault: 'the seal does not come back',
      found: found((text) => text.replaceAll('c2VhbA==', '')),
    },
    {
      check: 'C2',
      fault: 'a result comes back under another id',
      found: found((text) => text.replace(/"call_2"(?!.*"call_2")/, '"call_9"')),
    },
  ];
}

/** The signature on the other call; Gemini alone has it on a part of its own. */
const misplaced: Proof = {
  check: 'R2',
  fault: 'the signature comes back on another call',
  async found() {
    const said = canonicalOfEvents('google-gemini', legalStreams['google-gemini']);
    const { request, final } = await asked(upstream, 'google-gemini');
    const body = followUpBody('google-gemini', request, final!, 'made-up');
    const signature = ',"thoughtSignature":"c2VhbA=="';
    const text = JSON.stringify(body)
      .replace(signature, '')
      .replace('"name":"now","args":{}}', `"name":"now","args":{}}${signature}`);
    const sent = { text, json: JSON.parse(text) as Payload };
    return idsOf(secondTurnMisses('google-gemini', said, sent, 200, ''));
  },
};

describe.each([...surfaces])('planted faults in replies of %s', (surface) => {
  test('the legal reply has none, and its history comes back whole', async () => {
    const said = canonicalOfEvents(surface, legalStreams[surface]);
    const answer = await asked(upstream, surface);
    expect(checkAnswer(said, answer, surface)).toEqual([]);
    const json = followUpBody(surface, answer.request, answer.final!, 'made-up');
    expect(secondTurnMisses(surface, said, { text: JSON.stringify(json), json }, 200, '')).toEqual([]);
  });
  for (const proof of [
    ...replyProofs(surface),
    ...turnProofs(surface),
    ...transportProofs(upstream, surface),
  ]) {
    prove(proof);
  }
  if (surface === 'google-gemini') prove(misplaced);
});

describe.each([...surfaces])('planted faults in requests to %s', (to) => {
  test('the same question of every protocol has none', () => {
    // Responses cannot ask for an end at a stop sequence, which the question of the others does.
    for (const from of surfaces.filter((surface) => surface !== 'openai-responses')) {
      expect({
        from,
        misses: compareRequests(from, to, sameQuestion[from], sameQuestion[to]).misses,
      }).toEqual({
        from,
        misses: [],
      });
    }
  });
  for (const proof of askedProofs(to)) prove(proof);
});

test.skipIf(!corpusAvailable)('every rule has a fault that it alone finds', () => {
  expect(checkIds.filter((id) => !proven.has(id))).toEqual([]);
});
