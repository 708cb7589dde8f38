import { nativeStream } from '../../src/pipeline/native-lane.ts';
import { translatedStream } from '../../src/pipeline/translated-lane.ts';
import type { SurfaceContext } from '../../src/protocols/protocol.ts';
import { type StreamFixture, streamFixtures } from '../support/corpus.ts';
import { type Delivery, piecesOf } from '../support/replay.ts';
import { type Cell, cellOf } from './cell.ts';
import type { Miss } from './check.ts';
import { constructedFixtures } from './constructed.ts';
import { type Surface, surfaces } from './finish.ts';
import { protocols } from './protocols.ts';

/** The ways in which every stream is sent. */
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

/**
 * P3 for every stream in both lanes, without HTTP between: the same bytes for the client in whatever pieces they
 * came; between equal protocols the upstream's own bytes, and the same record. One in `every` of the ways is tried.
 */
export function runSplits(every = 1): Cell[] {
  const cells: Cell[] = [];
  let n = 0;
  for (const fixture of [...streamFixtures(), ...constructedFixtures()]) {
    for (const surface of surfaces) {
      const tried = deliveries.filter(() => n++ % every === 0);
      const misses =
        surface === fixture.protocol ? passedMisses(fixture, tried) : toldMisses(fixture, surface, tried);
      const bare = { subject: fixture.name, upstream: fixture.protocol, surface, stream: true };
      cells.push(cellOf({ ...bare, ran: ['P3'], misses }));
    }
  }
  return cells;
}

function toldMisses(fixture: StreamFixture, surface: Surface, tried: typeof deliveries): Miss[] {
  const told = (delivery: Delivery): string => {
    const upstream = protocols[fixture.protocol];
    const lane = translatedStream(upstream, { issuer: 'up' }, protocols[surface], context);
    let text = '';
    const decoder = new TextDecoder();
    for (const { bytes } of piecesOf(fixture.blocks, delivery).pieces)
      text += decoder.decode(lane.push(bytes));
    return text + decoder.decode(lane.end(undefined));
  };
  const whole = told({});
  return tried
    .filter(([, delivery]) => told(delivery) !== whole)
    .map(([how]) => ({ check: 'P3', detail: `${how}: the answer is another` }));
}

function passedMisses(fixture: StreamFixture, tried: typeof deliveries): Miss[] {
  const misses: Miss[] = [];
  const seen = (delivery: Delivery): unknown => {
    const lane = nativeStream(protocols[fixture.protocol], 'req_1', false);
    const { pieces } = piecesOf(fixture.blocks, delivery);
    const sent = pieces.flatMap(({ bytes }) => [...lane.push(bytes)]);
    const rest = lane.end(undefined);
    if (!Buffer.from(sent).equals(Buffer.concat(pieces.map(({ bytes }) => bytes)))) {
      misses.push({ check: 'P3', detail: 'the bytes are not the upstream’s' });
    }
    // What is added closes an open line first.
    return { sight: structuredClone(lane.sight), added: Buffer.from(rest).toString().trimStart() };
  };
  const whole = seen({});
  for (const [how, delivery] of tried) {
    if (!Bun.deepEquals(seen(delivery), whole))
      misses.push({ check: 'P3', detail: `${how}: the record is another` });
  }
  return misses;
}
