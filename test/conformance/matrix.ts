import type { ProtocolId } from '../../src/turn/part.ts';
import { payloadsOf, resultFixtures, type StreamFixture, streamFixtures } from '../support/corpus.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type ReplayRequest, type ReplayUpstream, type Script, startReplay } from '../support/replay.ts';
import { type Canonical, canonicalOfEvents, canonicalOfResult, type Payload } from './canonical.ts';
import { errorOf, has, object, string } from './canonical/read.ts';
import { checkAnswer, checkPair, type Miss } from './checks.ts';
import { passThroughMisses } from './checks/pass-through.ts';
import { constructedFixtures, lacksLastBlankLine } from './constructed.ts';
import { type Surface, surfaces } from './finish.ts';
import { resultOfStream } from './fold-result.ts';
import { type Loss, losses } from './losses.ts';
import { type Answer, ask } from './oracles.ts';
import { askFor, followUpBody, requestBody } from './requests.ts';
import { secondReply, secondTurnMisses } from './second-turn.ts';

/** One recorded reply and what it means. */
export interface Subject {
  readonly name: string;
  readonly protocol: ProtocolId;
  readonly canonical: Canonical;
  /** What the one-shot form says; a stream may tell more, such as the exact text of arguments. */
  readonly wholeCanonical: Canonical;
  /** Absent for replies that were recorded in one piece. */
  readonly stream: Script | undefined;
  /** Absent where a stream has no one-shot form. */
  readonly whole: Script | undefined;
}

/** One subject asked for on one surface, streamed or not. */
export interface Cell {
  readonly subject: string;
  readonly upstream: ProtocolId;
  readonly surface: Surface;
  readonly stream: boolean;
  /** Faults of the gateway. */
  readonly misses: readonly Miss[];
  /** Misses with a known, forced cause. */
  readonly losses: readonly { readonly miss: Miss; readonly cause: string }[];
  /** Misses of the upstream's own bytes, asked without the gateway: the native lane passes them on. */
  readonly inherited: readonly Miss[];
}

const providerOf: Partial<Record<ProtocolId, string>> = {
  'openai-chat': 'chat',
  'openai-responses': 'responses',
  'anthropic-messages': 'messages',
};

/** Every recorded and constructed reply of the protocols that the surfaces speak. */
export function subjects(): Subject[] {
  const streams = [...streamFixtures(), ...constructedFixtures()].filter(
    ({ protocol }) => providerOf[protocol],
  );
  const results = resultFixtures().filter(({ protocol }) => providerOf[protocol]);
  return [
    ...streams.map(streamSubject),
    ...results.map((fixture): Subject => {
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

/**
 * Asks for every subject on every surface, streamed and not, through one gateway process in front of one replay
 * upstream. The cells come in the order of the subjects, whatever the order in which they were asked.
 */
export async function runMatrix(chosen: readonly Subject[], concurrency = 6): Promise<Cell[]> {
  const upstream = replayOf(chosen);
  const gateway = await startGateway({ providers: providers(upstream, chosen) });
  try {
    const cells: Cell[][] = [];
    const queue = chosen.flatMap((subject, i) => surfaces.map((surface) => ({ subject, i, surface })));
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < queue.length; at = next++) {
        const { subject, i, surface } = queue[at]!;
        cells[at] = await cellsOf({ gateway, upstream, subject, number: i, surface });
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return cells.flat();
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

/** A replay upstream that answers for model `s<n>` with the n-th subject. */
export function replayOf(chosen: readonly Subject[]): ReplayUpstream {
  const upstream = startReplay();
  upstream.handle((request) => scriptFor(chosen, request));
  return upstream;
}

/** One provider a protocol; a model a subject, named by its number, and one for the second turn. */
function providers(upstream: ReplayUpstream, chosen: readonly Subject[]): Record<string, unknown>[] {
  const models = chosen.flatMap((_, i) => [`s${i}`, `s${i}-again`]);
  return (Object.entries(providerOf) as [ProtocolId, string][]).map(([protocol, name]) =>
    protocol === 'anthropic-messages'
      ? { name, type: 'anthropic', base_url: upstream.url, api_key: 'upstream-key', models }
      : {
          name,
          type: 'openai',
          base_url: `${upstream.url}/v1`,
          api_key: 'upstream-key',
          protocols: [protocol],
          models,
        },
  );
}

function scriptFor(chosen: readonly Subject[], request: ReplayRequest): Script {
  const [, number, again] = /^s(\d+)(-again)?$/.exec(string(request.json?.['model'])) ?? [];
  const subject = chosen[Number(number)];
  if (!subject) return { kind: 'body', status: 404, body: { error: { message: 'no such subject' } } };
  if (again) return { kind: 'body', body: secondReply(subject.protocol) };
  const script = request.json?.['stream'] === true ? (subject.stream ?? subject.whole) : subject.whole;
  return (
    script ?? { kind: 'body', status: 500, body: { error: { message: 'this stream has no one-shot form' } } }
  );
}

interface Question {
  readonly upstream: ReplayUpstream;
  readonly subject: Subject;
  readonly number: number;
  readonly surface: Surface;
}

interface Place extends Question {
  readonly gateway: Gateway;
}

async function cellsOf(place: Place): Promise<Cell[]> {
  const streamed = place.subject.stream ? await cellOf(place, true) : undefined;
  const whole = place.subject.whole ? await cellOf(place, false) : undefined;
  const pair =
    streamed && whole && !place.subject.canonical.error
      ? checkPair(streamed.answer, whole.answer).filter(
          // What the streamed form already lacks is named there.
          () => streamed.cell.inherited.length === 0,
        )
      : [];
  const cells: Cell[] = [];
  if (streamed) cells.push(streamed.cell);
  if (whole)
    cells.push(sorted({ ...whole.cell, misses: [...whole.cell.misses, ...unknown(place, false, pair)] }));
  return cells;
}

const unknown = (place: Place, stream: boolean, misses: readonly Miss[]): Miss[] =>
  misses.filter((miss) => !lossFor(place, stream, miss));

async function cellOf(place: Place, stream: boolean): Promise<{ cell: Cell; answer: Answer }> {
  const { subject, surface, number, gateway, upstream } = place;
  const prefix = providerOf[subject.protocol]!;
  const through = await turns(place, gateway.url, `${prefix}/s${number}`, stream);
  let inherited: Miss[] = [];
  let own = through.misses;
  const sent = stream ? subject.stream : subject.whole;
  if (sent && subject.protocol === surface) {
    own.push(...passThroughMisses(sent, through.answer, subject.canonical.error !== undefined));
  }
  if (own.length > 0 && subject.protocol === surface) {
    const direct = await turns(place, upstream.url, `s${number}`, stream);
    const known = new Set(direct.misses.map((miss) => `${miss.check} ${miss.detail}`));
    inherited = own.filter((miss) => known.has(`${miss.check} ${miss.detail}`));
    own = own.filter((miss) => !inherited.includes(miss));
  }
  const forced = own.flatMap((miss) => {
    const loss = lossFor(place, stream, miss);
    return loss ? [{ miss, cause: loss.cause }] : [];
  });
  const cell: Cell = {
    subject: subject.name,
    upstream: subject.protocol,
    surface,
    stream,
    misses: own.filter((miss) => !forced.some((entry) => entry.miss === miss)),
    losses: forced,
    inherited,
  };
  return { cell: sorted(cell), answer: through.answer };
}

const sorted = (cell: Cell): Cell => ({
  ...cell,
  misses: [...cell.misses].sort((a, b) => (a.check + a.detail < b.check + b.detail ? -1 : 1)),
});

/** The first turn and, where there is something to give back, the second, asked of whoever answers at `url`. */
export async function turns(
  { subject, surface, upstream }: Question,
  url: string,
  model: string,
  stream: boolean,
): Promise<{ answer: Answer; misses: Miss[] }> {
  const { protocol } = subject;
  const canonical = stream ? subject.canonical : subject.wholeCanonical;
  const request = requestBody(surface, askFor(canonical, model, stream));
  const answer = await ask(surface, url, request, stream);
  const misses = lenient(canonical, answer);
  if ((canonical.opaque.length > 0 || canonical.tools.length > 0) && answer.final && !canonical.error) {
    const tag = `turn ${surface} ${stream} ${url}`;
    const body = tagged(followUpBody(surface, request, answer.final, `${model}-again`), tag);
    const second = await ask(surface, url, body, false);
    const received = upstream.requests.findLast(
      ({ text }) => text.includes(tag) && text.includes(`${model.split('/').at(-1)}-again"`),
    );
    misses.push(...secondTurnMisses(protocol, canonical, received, second.status, second.raw));
  }
  return { answer, misses };
}

/** Marks the first user message, so that the upstream's record of this turn can be found among the others. */
function tagged(body: Payload, tag: string): Payload {
  const key = has(body['input']) ? 'input' : 'messages';
  const [first, ...rest] = body[key] as Payload[];
  return { ...body, [key]: [{ ...first, content: `${string(object(first)['content'])} (${tag})` }, ...rest] };
}

/** Two endings that upstreams leave open: no finish but `[DONE]`, and an error after the finish. */
function lenient(upstream: Canonical, answer: Answer): Miss[] {
  if (!upstream.finish && !upstream.error) {
    if (answer.error) return checkAnswer({ ...upstream, error: { type: '', message: '' } }, answer);
    const word =
      answer.surface === 'anthropic-messages'
        ? 'end_turn'
        : answer.surface === 'openai-chat'
          ? 'stop'
          : 'completed';
    return checkAnswer({ ...upstream, finish: { word } }, answer);
  }
  if (upstream.finish && upstream.finish.word !== 'failed' && upstream.error && !answer.error) {
    return checkAnswer({ ...upstream, error: undefined }, answer);
  }
  return checkAnswer(upstream, answer);
}

function lossFor({ subject, surface }: Place, stream: boolean, miss: Miss): Loss | undefined {
  return losses.find(
    (loss) =>
      (typeof loss.fixture === 'string' ? loss.fixture === subject.name : loss.fixture.test(subject.name)) &&
      (loss.upstream === undefined || loss.upstream === subject.protocol) &&
      (loss.surface === undefined || loss.surface === surface) &&
      (loss.stream === undefined || loss.stream === stream) &&
      loss.check === miss.check &&
      (loss.detail === undefined || loss.detail.test(miss.detail)),
  );
}
