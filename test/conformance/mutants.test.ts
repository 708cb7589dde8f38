import { afterAll, describe, expect, test } from 'bun:test';
import { blocksOfPayloads, corpusAvailable } from '../support/corpus.ts';
import { startReplay } from '../support/replay.ts';
import { canonicalOfEvents, type Payload } from './canonical.ts';
import { type CheckId, checkAnswer, checkPair, type Miss } from './checks.ts';
import { type Surface, surfaces } from './finish.ts';
import { resultOfStream } from './fold-result.ts';
import { legalStreams } from './mutants/streams.ts';
import { ask } from './oracles.ts';
import { askFor, followUpBody, requestBody } from './requests.ts';
import { secondTurnMisses } from './second-turn.ts';

// A check that cannot fail proves nothing: each fault is planted in a legal reply and must be found by the check
// that is meant for it.
const upstream = startReplay();
afterAll(() => upstream.stop());

/** Replaces text in the JSON of the whole stream, so that deltas, `done` events and final objects change alike. */
const replace =
  (from: string, to: string) =>
  (events: Payload[]): Payload[] => {
    const before = JSON.stringify(events);
    const after = before.replaceAll(from, to);
    if (after === before) throw new Error(`the mutant changes nothing: ${from} does not occur`);
    return JSON.parse(after) as Payload[];
  };

const drop = (has: string) => (events: Payload[]) => without(events, (text) => text.includes(has));

function without(events: Payload[], gone: (text: string) => boolean): Payload[] {
  const kept = events.filter((event) => !gone(JSON.stringify(event)));
  if (kept.length === events.length) throw new Error('the mutant changes nothing');
  // Numbers stay dense, so that a dropped event is found by what it said and not by its gap.
  return kept.map((event, i) => ('sequence_number' in event ? { ...event, sequence_number: i } : event));
}

const swap = (first: string, second: string) => (events: Payload[]) => {
  const at = (part: string): number => events.findIndex((event) => JSON.stringify(event).includes(part));
  const [i, j] = [at(first), at(second)];
  if (i < 0 || j < 0) throw new Error('the mutant changes nothing');
  const out = [...events];
  [out[i], out[j]] = [out[j]!, out[i]!];
  return out.map((event, n) => ('sequence_number' in event ? { ...event, sequence_number: n } : event));
};

type Mutate = (events: Payload[]) => Payload[];

interface Mutant {
  readonly fault: string;
  readonly check: CheckId;
  readonly mutate: Record<Surface, Mutate | undefined>;
}

const mutants: readonly Mutant[] = [
  {
    fault: 'a text delta is dropped',
    check: 'T1',
    mutate: {
      'openai-chat': drop('"content":"Three courts, "'),
      'openai-responses': drop('"delta":"Three courts, "'),
      'anthropic-messages': drop('"text":"Three courts, "'),
    },
  },
  {
    fault: 'two text deltas are swapped',
    check: 'T1',
    mutate: {
      'openai-chat': swap('"content":"Three courts, "', '"content":"three tongues."'),
      'openai-responses': swap('"delta":"Three courts, "', '"delta":"three tongues."'),
      'anthropic-messages': swap('"text":"Three courts, "', '"text":"three tongues."'),
    },
  },
  {
    fault: 'a signature is lost',
    check: 'R2',
    mutate: {
      'openai-chat': drop('c2VhbA=='),
      'openai-responses': replace('"encrypted_content":"c2VhbA=="', '"encrypted_content":""'),
      'anthropic-messages': drop('signature_delta'),
    },
  },
  {
    fault: 'an index is renumbered',
    check: 'G4',
    mutate: {
      'openai-chat': replace('"tool_calls":[{"index":1', '"tool_calls":[{"index":2'),
      'openai-responses': replace('"output_index":3', '"output_index":4'),
      'anthropic-messages': replace('"index":3', '"index":4'),
    },
  },
  {
    fault: 'an item id changes on the way',
    check: 'G4',
    mutate: {
      'openai-chat': undefined,
      'openai-responses': (events) =>
        events.map((event) =>
          event['type'] === 'response.output_text.done' ? { ...event, item_id: 'msg_2' } : event,
        ),
      'anthropic-messages': undefined,
    },
  },
  {
    fault: 'the finish is wrong',
    check: 'F1',
    mutate: {
      'openai-chat': replace('"finish_reason":"tool_calls"', '"finish_reason":"stop"'),
      'openai-responses': replace(
        '"status":"completed","background":false,"error":null,"incomplete_details":null',
        '"status":"incomplete","background":false,"error":null,"incomplete_details":{"reason":"max_output_tokens"}',
      ),
      'anthropic-messages': replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"'),
    },
  },
  {
    fault: 'usage is one token too high',
    check: 'U1',
    mutate: {
      'openai-chat': replace(
        '"completion_tokens":12,"total_tokens":32',
        '"completion_tokens":13,"total_tokens":33',
      ),
      'openai-responses': replace('"output_tokens":12', '"output_tokens":13'),
      'anthropic-messages': replace('"output_tokens":12', '"output_tokens":13'),
    },
  },
  {
    fault: 'cached tokens are counted twice',
    check: 'U1',
    mutate: {
      'openai-chat': replace('"prompt_tokens":20', '"prompt_tokens":25'),
      'openai-responses': replace('"input_tokens":20', '"input_tokens":25'),
      'anthropic-messages': replace('"input_tokens":15', '"input_tokens":20'),
    },
  },
  {
    fault: 'text goes into the reasoning',
    check: 'R1',
    mutate: {
      'openai-chat': replace('"content":"Three courts, "', '"reasoning_content":"Three courts, "'),
      'openai-responses': replace('Look it up.', 'Look it up.Three courts, '),
      'anthropic-messages': replace('"thinking":"Look it up."', '"thinking":"Look it up.Three courts, "'),
    },
  },
  {
    fault: 'text and a call change places',
    check: 'T2',
    mutate: {
      'openai-chat': undefined,
      'openai-responses': undefined,
      'anthropic-messages': (events) => {
        const block = (index: number): Payload[] => events.filter((event) => event['index'] === index);
        const renumbered = (index: number, as: number): Payload[] =>
          block(index).map((event) => ({ ...event, index: as }));
        const [first, last] = [events.slice(0, 1), events.slice(-2)];
        return [...first, ...block(0), ...renumbered(2, 1), ...renumbered(1, 2), ...block(3), ...last];
      },
    },
  },
  {
    fault: 'a call has another name',
    check: 'C1',
    mutate: {
      'openai-chat': replace('"name":"look_up"', '"name":"lookup"'),
      'openai-responses': replace('"name":"look_up"', '"name":"lookup"'),
      'anthropic-messages': replace('"name":"look_up"', '"name":"lookup"'),
    },
  },
  {
    fault: 'arguments gain a space',
    check: 'C1',
    mutate: {
      'openai-chat': replace('{\\"word\\":', '{\\"word\\": '),
      'openai-responses': replace('{\\"word\\":', '{\\"word\\": '),
      'anthropic-messages': replace('{\\"word\\":', '{\\"word\\": '),
    },
  },
  {
    fault: 'two calls share an id',
    check: 'C2',
    mutate: {
      'openai-chat': replace('"call_2"', '"call_1"'),
      'openai-responses': replace('"call_2"', '"call_1"'),
      'anthropic-messages': replace('"call_2"', '"call_1"'),
    },
  },
  {
    fault: 'a call without arguments gets some',
    check: 'C3',
    mutate: {
      'openai-chat': replace('"arguments":"{}"', '"arguments":"{\\"a\\":1}"'),
      'openai-responses': replace('"arguments":"{}"', '"arguments":"{\\"a\\":1}"'),
      'anthropic-messages': replace('"name":"now","input":{}', '"name":"now","input":{"a":1}'),
    },
  },
  {
    fault: 'a citation is lost',
    check: 'N1',
    mutate: {
      'openai-chat': drop('url_citation'),
      'openai-responses': replace(
        '"annotations":[{"type":"url_citation","url":"https://example.org/a","title":"A","start_index":0,"end_index":5}]',
        '"annotations":[]',
      ),
      'anthropic-messages': drop('citations_delta'),
    },
  },
  {
    fault: 'the order of events is broken',
    check: 'G1',
    mutate: {
      'openai-chat': swap('"role":"assistant"', '"reasoning_content"'),
      'openai-responses': swap('response.content_part.added', '"delta":"Three courts, "'),
      'anthropic-messages': swap('"text":"three tongues."', '"id":"call_1"'),
    },
  },
  {
    fault: 'a required field is missing',
    check: 'G3',
    mutate: {
      'openai-chat': (events) =>
        events.map(({ created: _created, ...chunk }, i) =>
          i === 1 ? chunk : { ...chunk, created: _created },
        ),
      'openai-responses': replace('"annotation_index":0,', ''),
      'anthropic-messages': replace('"stop_sequence":null}', '"stop_sequence":7}'),
    },
  },
  {
    fault: 'the SDK cannot read it',
    check: 'G2',
    mutate: {
      'openai-chat': drop('"role":"assistant"'),
      'openai-responses': drop('response.output_item.added'),
      'anthropic-messages': drop('message_stop'),
    },
  },
];

async function missesOf(surface: Surface, events: readonly Payload[], stream = true): Promise<Miss[]> {
  const { answer, said } = await answered(surface, events, stream);
  return checkAnswer(said, answer);
}

async function answered(surface: Surface, events: readonly Payload[], stream: boolean) {
  const said = canonicalOfEvents(surface, legalStreams[surface]);
  const payloads = events.map((event) => JSON.stringify(event));
  upstream.enqueue(
    stream
      ? { kind: 'stream', blocks: blocksOfPayloads(payloads, surface) }
      : { kind: 'body', body: resultOfStream(surface, events) },
  );
  const answer = await ask(
    surface,
    upstream.url,
    requestBody(surface, askFor(said, 'made-up', stream)),
    stream,
  );
  return { answer, said };
}

describe.each([...surfaces])('planted faults in %s', (surface) => {
  test('the legal reply has none', async () => {
    expect(await missesOf(surface, legalStreams[surface])).toEqual([]);
  });

  for (const { fault, check, mutate } of mutants) {
    const plant = mutate[surface];
    if (!plant) continue;
    test.skipIf(check === 'G3' && !corpusAvailable)(`${check} finds that ${fault}`, async () => {
      const mutated = plant(structuredClone(legalStreams[surface]) as Payload[]);
      const found = await missesOf(surface, mutated);
      expect(found.map((miss) => miss.check)).toContain(check);
    });
  }

  test('P1 finds that the streamed reply says more than the whole one', async () => {
    const streamed = await answered(surface, legalStreams[surface], true);
    const less = replace('three tongues.', 'three.')([...legalStreams[surface]]);
    const whole = await answered(surface, less, false);
    expect(checkPair(streamed.answer, whole.answer).map(({ check }) => check)).toEqual(['P1']);
  });

  test('E2 finds that an error is swallowed', async () => {
    const { answer, said } = await answered(surface, legalStreams[surface], true);
    const failed = { ...said, error: { type: 'overloaded', message: 'Overloaded, come back later' } };
    expect(checkAnswer(failed, answer).map(({ check }) => check)).toContain('E2');
  });

  test('E1 finds a refusal where there should be an answer', async () => {
    const said = canonicalOfEvents(surface, legalStreams[surface]);
    upstream.enqueue({ kind: 'body', status: 502, body: { error: { message: 'bad gateway' } } });
    const answer = await ask(
      surface,
      upstream.url,
      requestBody(surface, askFor(said, 'made-up', true)),
      true,
    );
    expect(checkAnswer(said, answer).map(({ check }) => check)).toEqual(['E1']);
  });

  describe('on the second turn', () => {
    const said = canonicalOfEvents(surface, legalStreams[surface]);
    const sentBack = async (): Promise<Payload> => {
      const { answer } = await answered(surface, legalStreams[surface], true);
      return followUpBody(surface, answer.request, answer.final!, 'made-up');
    };
    const found = (json: Payload): CheckId[] =>
      secondTurnMisses(surface, said, { text: JSON.stringify(json), json }, 200, '').map(
        ({ check }) => check,
      );

    test('the history that the SDK object makes has none', async () => {
      expect(found(await sentBack())).toEqual([]);
    });
    test('R2 finds that the seal does not come back', async () => {
      expect(
        found(JSON.parse(JSON.stringify(await sentBack()).replaceAll('c2VhbA==', '')) as Payload),
      ).toEqual(['R2']);
    });
    test('C2 finds that a result comes back under another id', async () => {
      expect(
        found(JSON.parse(JSON.stringify(await sentBack()).replaceAll('call_2', 'call_9')) as Payload),
      ).toEqual(['C2']);
    });
  });
});
