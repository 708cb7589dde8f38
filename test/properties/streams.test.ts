import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { translatedStream } from '../../src/pipeline/translated-lane.ts';
import type { Protocol, SurfaceContext } from '../../src/protocols/protocol.ts';
import { sseReader } from '../../src/protocols/sse.ts';
import type { TurnEvent } from '../../src/turn/event.ts';
import { replyFold, type Reply } from '../../src/turn/reply.ts';
import { asked, seed } from './protocols.ts';
import { randomOf } from './random.ts';
import { common, grammars, meaning, replyEvents } from './replies.ts';

const context: SurfaceContext = {
  requestId: 'req_1',
  createdSeconds: 1_767_225_600,
  model: 'm',
  includeUsage: true,
  body: {},
};

const protocols = asked.map(({ protocol }) => protocol);

describe('a generated reply', () => {
  for (const protocol of protocols) {
    test(`is read from the stream of ${protocol.id} as it was written`, () => {
      const grammar = grammars[protocol.id];
      fc.assert(
        fc.property(replyEvents(grammar, protocol.id), fc.nat(), (events, chance) => {
          const read = readFrom(protocol, split(written(protocol, events), chance));
          expect(meaning(read, grammar)).toEqual(meaning(foldOf(events), grammar));
        }),
        { seed, numRuns: 300 },
      );
    }, 60_000);
  }

  for (const from of protocols) {
    for (const to of protocols) {
      if (from === to) continue;
      test(`comes from ${from.id} to a client of ${to.id} with its meaning`, () => {
        const grammar = common(grammars[from.id], grammars[to.id]);
        fc.assert(
          fc.property(replyEvents(grammar, from.id), fc.nat(), (events, chance) => {
            const lane = translatedStream(from, { issuer: 'up' }, to, context);
            const pieces = split(written(from, events), chance).map((bytes) => lane.push(bytes).slice());
            const client = Buffer.concat([...pieces, lane.end(undefined)]);
            const read = readFrom(to, split(client, chance + 1));
            expect(meaning(read, grammar)).toEqual(meaning(foldOf(events), grammar));
          }),
          { seed, numRuns: 150 },
        );
      }, 60_000);
    }
  }
});

function written(protocol: Protocol, events: readonly TurnEvent[]): Uint8Array {
  const encoder = protocol.streamEncoder(context);
  return new TextEncoder().encode(events.map((event) => encoder.encode(event)).join('') + encoder.end());
}

function readFrom(protocol: Protocol, pieces: readonly Uint8Array[]): Reply {
  const reader = sseReader();
  const decoder = protocol.streamDecoder({ issuer: 'up' });
  const events: TurnEvent[] = [];
  for (const piece of pieces) for (const frame of reader.push(piece)) decoder.decode(frame, events);
  for (const frame of reader.end()) decoder.decode(frame, events);
  decoder.end(events);
  return foldOf(events);
}

function foldOf(events: readonly TurnEvent[]): Reply {
  const fold = replyFold();
  for (const event of events) fold.push(event);
  return fold.reply();
}

/** The same bytes in pieces of random length. */
function split(bytes: Uint8Array, chance: number): Uint8Array[] {
  const random = randomOf(chance);
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < bytes.length;) {
    const to = from + 1 + random.below(random.chance(0.3) ? 4 : 200);
    pieces.push(bytes.slice(from, to));
    from = to;
  }
  return pieces;
}
