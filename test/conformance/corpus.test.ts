import { beforeAll, describe, expect, test } from 'bun:test';
import { corpusAvailable } from '../support/corpus.ts';
import type { Cell } from './cell.ts';
import { surfaces } from './finish.ts';
import { losses } from './losses.ts';
import { runMatrix } from './matrix.ts';
import { subjects } from './subjects.ts';

if (!corpusAvailable) {
  console.log(
    'conformance: the corpus of recorded replies is not at hand (DRAGOMAN_CORPUS), nothing is checked',
  );
}

describe.skipIf(!corpusAvailable)('every recorded reply on every surface', () => {
  let cells: Cell[] = [];
  beforeAll(async () => {
    cells = await runMatrix(subjects());
  }, 300_000);

  for (const upstream of surfaces) {
    for (const surface of surfaces) {
      for (const stream of [true, false]) {
        test(`${upstream} upstream, asked in ${surface}, ${stream ? 'streamed' : 'whole'}`, () => {
          const asked = cells.filter(
            (cell) => cell.upstream === upstream && cell.surface === surface && cell.stream === stream,
          );
          expect(asked.length).toBeGreaterThan(10);
          const misses = asked.flatMap((cell) =>
            cell.misses.map((miss) => `${cell.subject}: ${miss.check} ${miss.detail}`),
          );
          expect(misses).toEqual([]);
        });
      }
    }
  }

  test('every forced loss on the list still happens', () => {
    const seen = new Set(
      cells.flatMap((cell) => cell.losses.map(({ miss, cause }) => `${miss.check} ${cause}`)),
    );
    expect(losses.map(({ check, cause }) => `${check} ${cause}`).filter((row) => !seen.has(row))).toEqual([]);
  });
});
