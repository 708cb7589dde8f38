import { beforeAll, describe, expect, test } from 'bun:test';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { nameMisses, runNames } from './asked/names.ts';
import { refusedRequests, runRejections, verdicts } from './asked/rejections.ts';
import { type Kind, runRequests } from './asked/run.ts';
import type { Payload } from './canonical.ts';
import { object } from './canonical/read.ts';
import type { Cell } from './cell.ts';
import { surfaces } from './finish.ts';
import { protocols } from './protocols.ts';
import { unknownMembers } from './request-members.ts';
import { requestSchemaFaults } from './schema.ts';

/** Of the combinations of request, upstream and streaming, one in so many; the report sends them all. */
const kinds: Readonly<Record<Kind, { every: number; says: string }>> = {
  recorded: { every: 2, says: 'what clients were recorded to send' },
  tools: { every: 8, says: 'every recorded tool schema' },
  fuzz: { every: 3, says: 'odd requests' },
};

const faultsIn = (cells: readonly Cell[]): string[] =>
  cells.flatMap(({ subject, upstream, stream, misses }) =>
    misses.map(
      ({ check, detail }) => `${subject}${stream ? ', streamed,' : ''} → ${upstream}: ${check} ${detail}`,
    ),
  );

for (const [kind, { every, says }] of Object.entries(kinds) as [Kind, { every: number; says: string }][]) {
  describe.skipIf(!corpusAvailable)(`${says} (${corpusRoot})`, () => {
    let cells: Cell[] = [];
    beforeAll(async () => {
      cells = await runRequests(kind, every);
    }, 300_000);

    for (const surface of surfaces) {
      for (const upstream of surfaces) {
        test(`asked in ${surface} of ${upstream}`, () => {
          const asked = cells.filter((cell) => cell.surface === surface && cell.upstream === upstream);
          expect(asked.length).toBeGreaterThan(5);
          expect(faultsIn(asked)).toEqual([]);
        });
      }
    }
  });
}

describe('names of tools', () => {
  test('go up in a form that each upstream takes, and come back as the client wrote them', async () => {
    expect(faultsIn(await runNames())).toEqual([]);
  }, 300_000);

  test('are not all legal everywhere as they are', () => {
    for (const upstream of surfaces) expect(nameMisses(upstream, ['a.b/c']).length).toBeGreaterThan(0);
  });
});

describe.skipIf(!corpusAvailable)('requests that a vendor refused', () => {
  test('are each accounted for', () => {
    const known = refusedRequests.map(({ pair, case: name }) => `${pair} ${name}`).sort();
    expect(known).toEqual(
      verdicts()
        .map(({ pair, case: name }) => `${pair} ${name}`)
        .sort(),
    );
  });

  test('are not made here', async () => {
    expect(faultsIn(await runRejections())).toEqual([]);
  }, 300_000);

  test('a budget for thinking always fits into the limit', () => {
    for (const effort of ['minimal', 'low', 'medium', 'high', 'xhigh', 'max']) {
      for (const limit of [undefined, 16, 1024, 2048, 2049, 4096, 16_384, 32_000, 64_000]) {
        const body = {
          model: 'm',
          input: 'hi',
          reasoning: { effort },
          ...(limit && { max_output_tokens: limit }),
        };
        const request = protocols['openai-responses'].decodeRequest(body);
        const target = { model: 'm', issuer: 'up', abilities: {} };
        const sent = protocols['anthropic-messages'].encodeRequest(request, target).body as Payload;
        const budget = object(sent['thinking'])['budget_tokens'] as number | undefined;
        if (budget === undefined) continue;
        expect(budget).toBeGreaterThanOrEqual(1024);
        expect(budget).toBeLessThan(sent['max_tokens'] as number);
      }
    }
  });
});

describe.skipIf(!corpusAvailable)('the descriptions that sent requests are held against', () => {
  const messages = [{ role: 'user', content: 'hi', cache_control: {} }];
  const contents = [{ role: 'user', parts: [{ text: 'hi', cache_control: {} }] }];

  test('tell a member of another protocol', () => {
    expect(unknownMembers('openai-chat', { model: 'm', messages, top_k: 3 })).toEqual([
      'messages[0].cache_control',
      'top_k',
    ]);
    expect(unknownMembers('openai-responses', { model: 'm', input: messages, stop: [] })).toEqual([
      'input[0].cache_control',
      'stop',
    ]);
    expect(unknownMembers('anthropic-messages', { model: 'm', messages, seed: 1 })).toEqual([
      'messages[0].cache_control',
      'seed',
    ]);
    expect(unknownMembers('google-gemini', { contents, generationConfig: { top_k: 1 } })).toEqual([
      'contents[0].parts[0].cache_control',
      'generationConfig.top_k',
    ]);
  });

  test('tell a value of another kind', () => {
    const wrong: Readonly<Record<(typeof surfaces)[number], Payload>> = {
      'openai-chat': { model: 'm', messages: [] },
      'openai-responses': { model: 'm', input: [{ type: 'what' }] },
      'anthropic-messages': { model: 'm', messages: [] },
      'google-gemini': { contents: [{ parts: [{ text: 1 }] }] },
    };
    for (const surface of surfaces) expect(requestSchemaFaults(surface, wrong[surface])).not.toEqual([]);
  });
});
