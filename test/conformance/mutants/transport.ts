import { blocksOfPayloads, type ErrorFixture, payloadsOf } from '../../support/corpus.ts';
import { gate, type ReplayUpstream, type Script } from '../../support/replay.ts';
import { canonicalOfEvents, type Payload } from '../canonical.ts';
import type { CheckId, Miss } from '../check.ts';
import { checkAnswer, checkPair } from '../checks.ts';
import { passThroughMisses } from '../checks/pass-through.ts';
import { deliveryMisses } from '../deliveries.ts';
import type { Surface } from '../finish.ts';
import { resultOfStream } from '../fold-result.ts';
import { cutMisses, heldMisses } from '../lifecycle.ts';
import { type Answer, ask } from '../oracles.ts';
import { refusalMisses } from '../refusals.ts';
import { askFor, requestBody } from '../requests.ts';
import { silentLosses } from '../stated.ts';
import { drop, type Mutate, replace } from './edit.ts';
import type { Proof } from './proof.ts';
import { type Flaw, startRelay } from './relay.ts';
import { legalStreams } from './streams.ts';

/** How long a planted fault is waited for. */
const heldMs = 250;

export const idsOf = (misses: readonly Miss[]): CheckId[] => [...new Set(misses.map(({ check }) => check))];

const blocksOf = (surface: Surface, events: readonly Payload[]) =>
  blocksOfPayloads(
    events.map((event) => JSON.stringify(event)),
    surface,
  );

/** Asks the upstream for the legal reply, or for what a mutant makes of it, with or without a relay between. */
export async function asked(
  upstream: ReplayUpstream,
  surface: Surface,
  options: { mutate?: Mutate; script?: Script; url?: string; stream?: boolean } = {},
): Promise<Answer> {
  const { stream = true, url = upstream.url, mutate = (events) => events } = options;
  const events = mutate(structuredClone(legalStreams[surface]) as Payload[]);
  upstream.enqueue(
    options.script ??
      (stream
        ? { kind: 'stream', blocks: blocksOf(surface, events) }
        : { kind: 'body', body: resultOfStream(surface, events) }),
  );
  const said = canonicalOfEvents(surface, legalStreams[surface]);
  return ask(surface, url, requestBody(surface, askFor(said, 'made-up', stream)), stream);
}

async function relayed<T>(
  upstream: ReplayUpstream,
  flaw: Flaw,
  ending: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const relay = startRelay(upstream.url, flaw, ending);
  try {
    return await work(relay.url);
  } finally {
    await relay.stop();
  }
}

const refusal = (surface: Surface): ErrorFixture => ({
  name: 'made up',
  protocol: surface === 'openai-chat' ? 'anthropic-messages' : 'openai-chat',
  status: 429,
  contentType: 'application/json',
  body: '{"error":{"type":"rate_limit_error","code":429,"status":"RESOURCE_EXHAUSTED","message":"Slow down"}}',
  requestWasStreaming: false,
});

/** The faults of a gateway as a carrier: P, L, E, and N in what it says of its losses. */
export function transportProofs(upstream: ReplayUpstream, surface: Surface): Proof[] {
  const legal = legalStreams[surface];
  const said = canonicalOfEvents(surface, legal);
  const sent: Script = { kind: 'stream', blocks: blocksOf(surface, legal) };
  const passed = async (mutate: Mutate): Promise<CheckId[]> =>
    idsOf(passThroughMisses(sent, await asked(upstream, surface, { mutate }), false));
  const refused = async (flaw: Flaw, body = refusal(surface).body): Promise<CheckId[]> =>
    relayed(upstream, flaw, '', async (url) => {
      const headers = { 'retry-after': '7' };
      const typed = surface === 'anthropic-messages' ? `{"type":"error",${body.slice(1)}` : body;
      const script: Script = {
        kind: 'body',
        status: 429,
        body: typed,
        contentType: 'application/json',
        headers,
      };
      return idsOf(
        refusalMisses(refusal(surface), await asked(upstream, surface, { url, script, stream: false })),
      );
    });
  const failed = { ...said, finish: undefined, error: { type: 'overloaded', message: 'Come back later' } };
  return [
    {
      check: 'P1',
      fault: 'the streamed reply says more than the whole one',
      async found() {
        const streamed = await asked(upstream, surface);
        const mutate = replace('three tongues.', 'three.');
        return idsOf(checkPair(streamed, await asked(upstream, surface, { mutate, stream: false })));
      },
    },
    {
      check: 'P2',
      fault: 'a payload is changed on its way',
      found: () => passed(replace('tongues', 'tongue')),
    },
    { check: 'P2', fault: 'a payload is left out', found: () => passed(drop('three tongues.')) },
    {
      check: 'P2',
      fault: 'a payload is added',
      found: () => passed((events) => [...events, structuredClone(events.at(-1)!)]),
    },
    {
      check: 'P3',
      fault: 'characters are cut in two with the bytes',
      found: () =>
        relayed(upstream, 'reads each piece as text of its own', '', async (url) => {
          const odd = replace('three tongues.', '☃'.repeat(40))(structuredClone(legal) as Payload[]);
          const blocks = blocksOf(surface, odd);
          const whole = await asked(upstream, surface, { url, script: { kind: 'stream', blocks } });
          const delivery = { split: { seed: 1, pieceBytesMax: 25 }, gapMs: 1 } as const;
          const script: Script = { kind: 'stream', blocks, delivery };
          const bytes = await asked(upstream, surface, { url, script });
          return idsOf(deliveryMisses('cut at random', whole, bytes));
        }),
    },
    {
      check: 'L1',
      fault: 'the reply is held back until it is whole',
      found: () => held('waits for the whole reply'),
    },
    {
      check: 'L2',
      fault: 'the upstream is read to its end for nobody',
      found: () => held('reads on when the client has left'),
    },
    {
      check: 'L2',
      fault: 'a broken reply ends as if it were whole',
      found: () =>
        relayed(upstream, 'ends a broken reply as if it were whole', endingOf(surface), async (url) => {
          const before = payloadsOf(blocksOf(surface, legal)).findIndex((event) =>
            JSON.stringify(event).includes('three tongues.'),
          );
          const script: Script = {
            kind: 'stream',
            blocks: blocksOf(surface, legal),
            delivery: { split: 'event', cutBefore: before },
          };
          return idsOf(cutMisses('cut', await asked(upstream, surface, { url, script })));
        }),
    },
    {
      check: 'E1',
      fault: 'a refusal arrives with status 200',
      found: () => refused('answers a refusal with 200'),
    },
    { check: 'E1', fault: 'the time to wait is forgotten', found: () => refused('forgets how long to wait') },
    {
      check: 'E1',
      fault: 'the provider’s words are lost',
      found: () => refused('none', refusal(surface).body.replace('Slow down', 'Error')),
    },
    {
      check: 'E1',
      fault: 'an error has no shape of this surface',
      found: () => refused('none', '{"error":"Slow down"}'),
    },
    {
      check: 'E1',
      fault: 'there is a refusal in the place of an answer',
      async found() {
        const script: Script = { kind: 'body', status: 502, body: { error: { message: 'bad gateway' } } };
        return idsOf(checkAnswer(said, await asked(upstream, surface, { script }), surface));
      },
    },
    {
      check: 'E2',
      fault: 'an error within the reply is swallowed',
      found: async () => idsOf(checkAnswer(failed, await asked(upstream, surface), surface)),
    },
    {
      check: 'N1',
      fault: 'a loss is said nowhere',
      async found() {
        const lost = { misses: [{ check: 'N1', detail: 'a citation' } as const], requestId: 'req_1' };
        const log = '{"request_id":"req_1","status":200}\n';
        return idsOf((await silentLosses({ logs: () => log }, [lost])).flat());
      },
    },
  ];

  /** The legal reply, held before its last event. */
  async function held(flaw: Flaw): Promise<CheckId[]> {
    const opened = gate();
    const blocks = blocksOf(surface, legal);
    const before = legal.length - 1;
    upstream.enqueue({
      kind: 'stream',
      blocks,
      delivery: { split: 'event', hold: { before, gate: opened } },
    });
    const body = requestBody(surface, askFor(said, 'made-up', true));
    const early = canonicalOfEvents(surface, legal.slice(0, before - 1));
    try {
      return await relayed(upstream, flaw, '', async (url) => {
        const stage = { gateway: { url }, upstream };
        return idsOf(await heldMisses(stage, surface, body, 'made-up', early, heldMs));
      });
    } finally {
      opened.open();
    }
  }
}

/** How a careless gateway would close a reply that broke off. */
function endingOf(surface: Surface): string {
  const blocks = blocksOf(surface, legalStreams[surface].slice(-2));
  return blocks.map(({ text }) => `${text}\n\n`).join('');
}
