import { payloadsOf, type StreamFixture, streamFixtures } from '../support/corpus.ts';
import type { Delivery } from '../support/replay.ts';
import { type Canonical, canonicalOfEvents } from './canonical.ts';
import { type Cell, cellOf } from './cell.ts';
import type { Miss } from './check.ts';
import { wireCanonical } from './checks.ts';
import { constructedFixtures } from './constructed.ts';
import { type Surface, surfaces } from './finish.ts';
import { type Answer, ask } from './oracles.ts';
import { tagged } from './matrix.ts';
import { askFor, requestBody } from './requests.ts';
import { askedOf, providerOf, type Stage, startStage } from './stage.ts';

/** Text, reasoning with seals, calls, citations and characters beyond ASCII, small enough to be sent byte by byte. */
const chosen = [
  'anthropic-messages/thinking-signature-context-edit--anthropic',
  'anthropic-messages/tool-no-args--anthropic',
  'constructed/google-gemini--text-around-calls',
  'gemini-generate/citations--vertex',
  'gemini-generate/thought-summary-tool-signature--gemini',
  'openai-chat/content-array-thinking--mistral',
  'openai-chat/tools--github-copilot',
  'openai-responses/agent-turn2--xai',
  'openai-responses/message-phases--openai',
];

const deliveries: Readonly<Record<string, Delivery>> = {
  'an event at a time': { split: 'event' },
  'a byte at a time': { split: 'byte' },
  'cut at random': { split: { seed: 1, pieceBytesMax: 40 } },
  'cut at random otherwise': { split: { seed: 2, pieceBytesMax: 700 } },
  'with CRLF': { newline: '\r\n', split: { seed: 3, pieceBytesMax: 30 } },
  'with comments': { comments: true },
  'with pings': { pings: true },
  'with a BOM': { bom: true },
  'without the last blank line': { lastBlankLine: false },
  'without [DONE]': { done: false },
};

/** The replies that are sent in every way; those that are missing from the corpus are missing here. */
export const deliveredFixtures = (): StreamFixture[] =>
  [...streamFixtures(), ...constructedFixtures()]
    .filter(({ name }) => chosen.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** P3: the answer to a reply that came in one piece, and to the same reply that came otherwise. */
export function deliveryMisses(how: string, plain: Answer, other: Answer): Miss[] {
  return Bun.deepEquals(saidBy(plain), saidBy(other))
    ? []
    : [{ check: 'P3', detail: `${how}: the answer is another` }];
}

/** Everything that the bytes' way must not change; ids that the gateway makes are made anew for each request. */
function saidBy(answer: Answer): unknown {
  const { deltas: _deltas, ...rest } = wireCanonical(answer) ?? ({} as Canonical);
  return JSON.parse(
    JSON.stringify(rest, (key, value: unknown) =>
      key === 'id' && typeof value === 'string' ? value.replace(/req_\w+/, 'req') : value,
    ),
  );
}

/** Asks for each chosen reply on every surface, in every way of sending it. */
export async function runDeliveries(): Promise<Cell[]> {
  const fixtures = deliveredFixtures();
  const ways = Object.entries(deliveries);
  const stage = await startStage(fixtures.map((_, i) => `d${i}`));
  stage.upstream.handle((request) => {
    const { blocks } = fixtures[Number(askedOf(request).model.slice(1))]!;
    const way = /\(way (\d+)\)/.exec(request.text)?.[1];
    return { kind: 'stream', blocks, delivery: way === undefined ? {} : ways[Number(way)]![1] };
  });
  try {
    const cells: Promise<Cell>[] = [];
    for (const [i, fixture] of fixtures.entries()) {
      for (const surface of surfaces) cells.push(deliveredCell(stage, fixture, i, surface));
      await Promise.all(cells);
    }
    return await Promise.all(cells);
  } finally {
    await stage.stop();
  }
}

async function deliveredCell(
  { gateway }: Stage,
  fixture: StreamFixture,
  number: number,
  surface: Surface,
): Promise<Cell> {
  const said = canonicalOfEvents(fixture.protocol, payloadsOf(fixture.blocks));
  const answerTo = (way: number | ''): Promise<Answer> => {
    // One model makes them all, so that its opaque values have one origin.
    const body = requestBody(surface, askFor(said, `${providerOf[fixture.protocol]}/d${number}`, true));
    return ask(surface, gateway.url, way === '' ? body : tagged(body, `way ${way}`), true);
  };
  const plain = await answerTo('');
  const misses: Miss[] = plain.status === 200 ? [] : [{ check: 'P3', detail: `status ${plain.status}` }];
  for (const [way, [how]] of Object.entries(deliveries).entries()) {
    if (how === 'with pings' && fixture.protocol === 'google-gemini') continue;
    misses.push(...deliveryMisses(how, plain, await answerTo(way)));
  }
  return cellOf({
    subject: fixture.name,
    upstream: fixture.protocol,
    surface,
    stream: true,
    ran: ['P3'],
    misses,
  });
}
