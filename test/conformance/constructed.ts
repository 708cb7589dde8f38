import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ProtocolId } from '../../src/turn/part.ts';
import { blocksOfPayloads, blocksOfSse, type StreamFixture } from '../support/corpus.ts';

const directory = resolve(import.meta.dir, '../data/constructed');

/** Hand-written streams for upstream behaviour of which there is no recording; its README names each. */
export function constructedFixtures(): StreamFixture[] {
  return readdirSync(directory)
    .filter((file) => /\.stream\.(sse|jsonl)$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      const protocol = file.split('--')[0] as ProtocolId;
      return {
        name: `constructed/${file.replace(/\.stream\.(sse|jsonl)$/, '')}`,
        protocol,
        blocks: file.endsWith('.sse')
          ? blocksOfSse(text)
          : blocksOfPayloads(
              text.split('\n').filter((line) => line !== ''),
              protocol,
            ),
        provenance: 'constructed',
      };
    });
}

/** Constructed streams whose point is that the last event lacks its blank line. */
export const lacksLastBlankLine = (fixture: StreamFixture): boolean =>
  fixture.name.endsWith('--no-last-blank-line');
