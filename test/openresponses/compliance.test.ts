import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { cases } from './cases.ts';
import { exchange } from './exchange.ts';
import { replyFaults } from './rules.ts';
import { startStage, upstreamNames, type Stage } from './setup.ts';

// The HTTP cases of the Open Responses suite and what else the specification asks for, on every kind of upstream.
const described = corpusAvailable ? describe : describe.skip;

let stage: Stage;
beforeAll(() => {
  stage = startStage();
});
afterAll(() => stage.stop());

for (const upstream of upstreamNames) {
  described(`Open Responses from a ${upstream} upstream (${corpusRoot})`, () => {
    for (const one of cases) {
      for (const stream of [false, true]) {
        test(`${one.name}${stream ? ', streamed' : ''}`, async () => {
          const request = { model: `${upstream}/m`, ...one.request };
          const first = await exchange(stage.url, request, stream);
          expect(replyFaults(first)).toEqual([]);
          const judged = one.next ? await exchange(stage.url, one.next(first), stream) : first;
          expect(replyFaults(judged)).toEqual([]);
          const expects = one.instead?.[upstream] ?? one.expects;
          expect(expects(judged).filter(Boolean)).toEqual([]);
        });
      }
    }
  });
}
