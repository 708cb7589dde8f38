import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  corpusAvailable,
  type ErrorFixture,
  errorFixtures,
  payloadsOf,
  type StreamFixture,
  streamFixtures,
} from '../support/corpus.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Delivery, type ReplayUpstream, startReplay } from '../support/replay.ts';
import { type Canonical, canonicalOfEvents } from './canonical.ts';
import { wireCanonical } from './checks.ts';
import { type Surface, surfaces } from './finish.ts';
import { type Answer, ask } from './oracles.ts';
import { askFor, requestBody } from './requests.ts';

/** Text, reasoning with seals, calls, citations and characters beyond ASCII, small enough to be sent byte by byte. */
const chosen = [
  'anthropic-messages/thinking-signature-context-edit--anthropic',
  'anthropic-messages/tool-no-args--anthropic',
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

const fixtures = streamFixtures().filter(({ name }) => chosen.includes(name));
const refusals = errorFixtures().filter(({ protocol }) => protocol !== 'google-gemini');

let upstream: ReplayUpstream;
let gateway: Gateway;

beforeAll(async () => {
  if (!corpusAvailable) return;
  upstream = startReplay();
  const provider = (name: string, protocol: string): Record<string, unknown> => ({
    name,
    api_key: 'upstream-key',
    models: ['m'],
    ...(protocol === 'anthropic-messages'
      ? { type: 'anthropic', base_url: upstream.url }
      : { type: 'openai', base_url: `${upstream.url}/v1`, protocols: [protocol] }),
  });
  gateway = await startGateway({
    // Refusals may set an account aside, so each has a provider of its own.
    providers: [
      ...surfaces.map((protocol) => provider(protocol, protocol)),
      ...refusals.flatMap(({ protocol }, i) =>
        surfaces.map((surface) => provider(`refusal-${i}-${surface}`, protocol)),
      ),
    ],
  });
}, 20_000);

afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
});

async function answerTo(fixture: StreamFixture, surface: Surface, delivery: Delivery): Promise<Answer> {
  const said = canonicalOfEvents(fixture.protocol, payloadsOf(fixture.blocks));
  upstream.enqueue({ kind: 'stream', blocks: fixture.blocks, delivery });
  const request = requestBody(surface, askFor(said, `${fixture.protocol}/m`, true));
  return ask(surface, gateway.url, request, true);
}

/** Everything that the bytes' way must not change. */
const meaningOf = (answer: Answer): unknown => {
  const { deltas: _deltas, ...rest } = wireCanonical(answer) ?? ({} as Canonical);
  return rest;
};

describe.skipIf(!corpusAvailable)('P3: how the upstream’s bytes come makes no difference', () => {
  test('all chosen replies are in the corpus', () => {
    expect(fixtures.map(({ name }) => name)).toEqual(chosen);
  });
  for (const fixture of fixtures) {
    for (const surface of surfaces) {
      test(`${fixture.name} asked in ${surface}`, async () => {
        const plain = await answerTo(fixture, surface, {});
        expect(plain.status).toBe(200);
        for (const [name, delivery] of Object.entries(deliveries)) {
          const answer = await answerTo(fixture, surface, delivery);
          expect({ [name]: meaningOf(answer) }).toEqual({ [name]: meaningOf(plain) });
        }
      }, 15_000);
    }
  }
});

describe.skipIf(!corpusAvailable)('L2: a reply that breaks off is an error, whatever came before', () => {
  for (const fixture of fixtures) {
    for (const surface of surfaces) {
      test(`${fixture.name} asked in ${surface}`, async () => {
        const events = fixture.blocks.filter(({ data }) => data !== undefined);
        const terminal = events.findIndex(({ data }) =>
          /"finish_reason": ?"|"type": ?"(message_delta|response\.completed)"/.test(data!),
        );
        const places = [1, Math.floor(terminal / 2), terminal];
        for (const at of new Set(places)) {
          for (const delivery of [{ cutBefore: at }, { endBefore: at }]) {
            const answer = await answerTo(fixture, surface, { split: 'event', ...delivery });
            const outcome = { at, delivery, raised: answer.error !== undefined };
            expect(outcome).toEqual({ at, delivery, raised: true });
            const word = answer.status === 200 ? wireCanonical(answer)?.finish?.word : undefined;
            expect([undefined, 'failed']).toContain(word);
          }
        }
      }, 15_000);
    }
  }
});

describe.skipIf(!corpusAvailable)('E1: a refusal keeps its class and its words', () => {
  for (const [i, refusal] of refusals.entries()) {
    for (const surface of surfaces) {
      test(`${refusal.name} (${refusal.status}) asked in ${surface}`, async () => {
        upstream.handle(() => ({
          kind: 'body',
          status: refusal.status,
          body: refusal.body,
          contentType: refusal.contentType,
        }));
        const model = `refusal-${i}-${surface}/m`;
        const answer = await ask(
          surface,
          gateway.url,
          requestBody(surface, { model, stream: false, tools: [], reasoning: false, choices: 1 }),
          false,
        );
        expect(Math.floor(answer.status / 100)).toBe(Math.floor(refusal.status / 100));
        expect(answer.error?.status).toBe(answer.status);
        const words = wordsFor(surface, wordsOf(refusal));
        expect(answer.raw).toContain(JSON.stringify(words).slice(1, -1));
      });
    }
  }
});

/** A Messages client that reads these words sends its user to a login that cannot mend the gateway's key. */
const wordsFor = (surface: string, words: string): string =>
  surface === 'anthropic-messages' && words === 'invalid x-api-key'
    ? 'the upstream did not accept its API key'
    : words;

/** The provider's own message, however deep it lies. */
function wordsOf(refusal: ErrorFixture): string {
  let found = '';
  try {
    JSON.parse(refusal.body, (key, value: unknown) => {
      if (typeof value === 'string' && ['message', 'error', 'detail'].includes(key) && found === '')
        found = value;
      return value;
    });
  } catch {
    return refusal.body.slice(0, 40);
  }
  return found;
}
