/** P3: what a client gets does not depend on how the upstream's bytes were cut, or on how its lines end. */
import { describe, expect, test } from 'bun:test';
import { nativeStream } from '../../src/pipeline/native-lane.ts';
import { translatedStream } from '../../src/pipeline/translated-lane.ts';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol, SurfaceContext } from '../../src/protocols/protocol.ts';
import { corpusAvailable, streamFixtures } from '../support/corpus.ts';
import { piecesOf, type Delivery } from '../support/replay.ts';

const protocols: readonly Protocol[] = [openaiChat, openaiResponses, anthropicMessages];

const deliveries: readonly (readonly [string, Delivery])[] = [
  ['an event at a time', { split: 'event' }],
  ['a byte at a time', { split: 'byte' }],
  ['cut anywhere', { split: { seed: 11, pieceBytesMax: 40 } }],
  ['with CRLF, cut anywhere', { newline: '\r\n', split: { seed: 12, pieceBytesMax: 25 } }],
  ['with comments between events', { comments: true, split: { seed: 13 } }],
  ['with a byte order mark', { bom: true, split: 'event' }],
  ['without the last blank line', { lastBlankLine: false, split: { seed: 14 } }],
];

const context: SurfaceContext = {
  requestId: 'req_1',
  createdSeconds: 1_767_225_600,
  model: 'm',
  includeUsage: true,
  body: {},
};

describe.skipIf(!corpusAvailable)('every recorded stream gives the same, however it arrives', () => {
  const fixtures = corpusAvailable
    ? protocols.flatMap((upstream) => streamFixtures(upstream.id).map((fixture) => ({ upstream, fixture })))
    : [];

  for (const surface of protocols) {
    test(`translated for ${surface.id}`, () => {
      expect(fixtures.length).toBeGreaterThan(60);
      for (const { upstream, fixture } of fixtures) {
        const told = (delivery: Delivery): string => {
          const lane = translatedStream(upstream, { issuer: 'up' }, surface, context);
          let text = '';
          const decoder = new TextDecoder();
          for (const { bytes } of piecesOf(fixture.blocks, delivery).pieces) {
            text += decoder.decode(lane.push(bytes));
          }
          return text + decoder.decode(lane.end(undefined));
        };
        const whole = told({});
        for (const [name, delivery] of deliveries) {
          expect(told(delivery), `${fixture.name}, ${name}`).toBe(whole);
        }
      }
    }, 60_000);
  }

  test('passed through: the record is the same, and the bytes are the upstream’s', () => {
    for (const { upstream, fixture } of fixtures) {
      const seen = (delivery: Delivery) => {
        const lane = nativeStream(upstream, 'req_1', false);
        const { pieces } = piecesOf(fixture.blocks, delivery);
        const sent = pieces.flatMap(({ bytes }) => [...lane.push(bytes)]);
        const rest = lane.end(undefined);
        expect(Buffer.from(sent).equals(Buffer.concat(pieces.map(({ bytes }) => bytes)))).toBe(true);
        return { sight: structuredClone(lane.sight), added: Buffer.from(rest).toString() };
      };
      const whole = seen({});
      for (const [name, delivery] of deliveries) {
        expect(seen(delivery), `${fixture.name}, ${name}`).toEqual(whole);
      }
    }
  }, 60_000);
});
