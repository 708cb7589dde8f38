/** P3: what a client gets does not depend on how the upstream's bytes were cut, or on how its lines end. */
import { describe, expect, test } from 'bun:test';
import { corpusAvailable } from '../support/corpus.ts';
import { surfaces } from './finish.ts';
import { runSplits } from './splits.ts';

describe.skipIf(!corpusAvailable)('every recorded stream gives the same, however it arrives', () => {
  // Every second way of cutting each; the report tries them all.
  const cells = corpusAvailable ? runSplits(2) : [];

  for (const surface of surfaces) {
    test(`asked in ${surface}`, () => {
      const asked = cells.filter((cell) => cell.surface === surface);
      expect(asked.length).toBeGreaterThan(100);
      expect(
        asked.flatMap(({ subject, misses }) => misses.map(({ detail }) => `${subject}: ${detail}`)),
      ).toEqual([]);
    });
  }
});
