import { payloadsOf, resultFixtures, type StreamFixture, streamFixtures } from '../support/corpus.ts';
import type { Script } from '../support/replay.ts';
import { type Canonical, canonicalOfEvents, canonicalOfResult } from './canonical.ts';
import { errorOf } from './canonical/read.ts';
import { constructedFixtures, lacksLastBlankLine } from './constructed.ts';
import type { Surface } from './finish.ts';
import { resultOfStream } from './fold-result.ts';

/** One recorded reply and what it means. */
export interface Subject {
  readonly name: string;
  readonly protocol: Surface;
  readonly canonical: Canonical;
  /** What the one-shot form says; a stream may tell more, such as the exact text of arguments. */
  readonly wholeCanonical: Canonical;
  /** Absent for replies that were recorded in one piece. */
  readonly stream: Script | undefined;
  /** Absent where a stream has no one-shot form. */
  readonly whole: Script | undefined;
}

/** Every recorded and constructed reply. */
export function subjects(): Subject[] {
  return [
    ...[...streamFixtures(), ...constructedFixtures()].map(streamSubject),
    ...resultFixtures().map((fixture): Subject => {
      const failed = fixture.status >= 400;
      const read = canonicalOfResult(fixture.protocol, fixture.body);
      const canonical = failed ? { ...read, error: errorOf(fixture.body) } : read;
      return {
        // A stream and a result may have been recorded under one name.
        name: `${fixture.name}.json`,
        protocol: fixture.protocol,
        canonical,
        wholeCanonical: canonical,
        stream: undefined,
        whole: { kind: 'body', status: fixture.status, body: fixture.body },
      };
    }),
  ];
}

function streamSubject(fixture: StreamFixture): Subject {
  const payloads = payloadsOf(fixture.blocks);
  const canonical = canonicalOfEvents(fixture.protocol, payloads);
  const ended = canonical.finish !== undefined || fixture.blocks.some(({ data }) => data === '[DONE]');
  if (!ended) canonical.error ??= { type: 'cut', message: '' };
  const whole = resultOfStream(fixture.protocol, payloads);
  return {
    name: fixture.name,
    protocol: fixture.protocol,
    canonical,
    wholeCanonical: whole ? canonicalOfResult(fixture.protocol, whole) : canonical,
    stream: {
      kind: 'stream',
      blocks: fixture.blocks,
      delivery: { lastBlankLine: !lacksLastBlankLine(fixture) },
    },
    whole: whole && { kind: 'body', body: whole },
  };
}
