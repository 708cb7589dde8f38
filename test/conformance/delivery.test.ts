import { beforeAll, describe, expect, test } from 'bun:test';
import { corpusAvailable, errorFixtures } from '../support/corpus.ts';
import type { Cell } from './cell.ts';
import { deliveredFixtures, runDeliveries } from './deliveries.ts';
import { surfaces } from './finish.ts';
import { runLifecycle } from './lifecycle.ts';
import { runRefusals } from './refusals.ts';

const parts: readonly { says: string; run: () => Promise<Cell[]> }[] = [
  { says: 'P3: how the upstream’s bytes come makes no difference', run: runDeliveries },
  {
    says: 'L1, L2: what has come is passed on, leaving is noticed, and a cut is an error',
    run: runLifecycle,
  },
  { says: 'E1: a refusal keeps its class, its words and the time to wait', run: runRefusals },
];

test.skipIf(!corpusAvailable)('there are replies and refusals of four protocols', () => {
  expect(new Set(deliveredFixtures().map(({ protocol }) => protocol)).size).toBe(4);
  expect(new Set(errorFixtures().map(({ protocol }) => protocol)).size).toBe(4);
});

for (const { says, run } of parts) {
  describe.skipIf(!corpusAvailable)(says, () => {
    let cells: Cell[] = [];
    beforeAll(async () => {
      cells = await run();
    }, 300_000);

    for (const upstream of surfaces) {
      for (const surface of surfaces) {
        test(`${upstream} upstream, asked in ${surface}`, () => {
          const asked = cells.filter((cell) => cell.upstream === upstream && cell.surface === surface);
          expect(asked.length).toBeGreaterThan(0);
          const faults = asked.flatMap(({ subject, misses }) =>
            misses.map(({ check, detail }) => `${subject}: ${check} ${detail}`),
          );
          expect(faults).toEqual([]);
        });
      }
    }
  });
}
