import type { ReplayRequest, ReplayUpstream, Script } from '../support/replay.ts';
import type { Canonical, Payload } from './canonical.ts';
import { has, list, object, string } from './canonical/read.ts';
import { type Cell, cellOf } from './cell.ts';
import type { CheckId, Miss } from './check.ts';
import { checkAnswer, checkPair, checksOf } from './checks.ts';
import { passThroughMisses } from './checks/pass-through.ts';
import { type Surface, surfaces } from './finish.ts';
import { type Answer, ask, askPlainly } from './oracles.ts';
import { askFor, followUpBody, requestBody } from './requests.ts';
import { secondTurnMisses } from './second-turn.ts';
import { shortReply } from './short-replies.ts';
import { askedOf, framed, providerOf, type Stage, startStage } from './stage.ts';
import { silentLosses } from './stated.ts';
import type { Subject } from './subjects.ts';

/**
 * Asks for every subject on every surface, streamed and not, through one gateway process in front of one replay
 * upstream. The cells come in the order of the subjects, whatever the order in which they were asked.
 */
export async function runMatrix(chosen: readonly Subject[], concurrency = 6): Promise<Cell[]> {
  const stage = await startStage(chosen.map((_, i) => `s${i}`));
  stage.upstream.handle(replayed(chosen));
  try {
    const taken: Taken[][] = [];
    const queue = chosen.flatMap((subject, i) => surfaces.map((surface) => ({ subject, i, surface })));
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < queue.length; at = next++) {
        const { subject, i, surface } = queue[at]!;
        taken[at] = await takenOf({ ...stage, subject, number: i, surface });
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    const all = taken.flat();
    const silent = await silentLosses(
      stage.gateway,
      all.map(({ cell, requestId }) => ({ misses: cell.losses.map(({ miss }) => miss), requestId })),
    );
    return all.map(({ cell }, i) => ({ ...cell, misses: [...cell.misses, ...silent[i]!] }));
  } finally {
    await stage.stop();
  }
}

/** Answers for model `s<n>` with the n-th subject, and a second turn with a short text. */
export function replayed(chosen: readonly Subject[]): (request: ReplayRequest) => Script {
  return (request) => {
    const { model, stream } = askedOf(request);
    const [, number] = /^s(\d+)$/.exec(model) ?? [];
    const subject = chosen[Number(number)];
    if (!subject) return { kind: 'body', status: 404, body: { error: { message: 'no such subject' } } };
    if (request.text.includes(`(${secondTurn} `)) return shortReply(request);
    const script = stream ? (subject.stream ?? subject.whole) : subject.whole;
    return script
      ? framed(script, request)
      : { kind: 'body', status: 500, body: { error: { message: 'this stream has no one-shot form' } } };
  };
}

interface Question {
  readonly upstream: ReplayUpstream;
  readonly subject: Subject;
  readonly number: number;
  readonly surface: Surface;
}

type Place = Question & Stage;

/** A cell with the id under which the gateway's log has it. */
interface Taken {
  readonly cell: Cell;
  readonly answer: Answer;
  readonly requestId: string;
}

async function takenOf(place: Place): Promise<Taken[]> {
  const { subject } = place;
  const streamed = subject.stream ? await take(place, true, []) : undefined;
  const pair = (whole: Answer): Miss[] =>
    // What the streamed form already lacks is named there.
    streamed && !subject.canonical.error && streamed.cell.inherited.length === 0
      ? checkPair(streamed.answer, whole)
      : [];
  const whole = subject.whole ? await take(place, false, streamed ? ['P1'] : [], pair) : undefined;
  return [streamed, whole].filter((one) => one !== undefined);
}

async function take(
  place: Place,
  stream: boolean,
  more: readonly CheckId[],
  alsoMissed: (answer: Answer) => Miss[] = () => [],
): Promise<Taken> {
  const { subject, surface, number, gateway, upstream } = place;
  const isNative = subject.protocol === surface;
  const prefix = providerOf[subject.protocol];
  const { answer, misses } = await turns(place, gateway.url, `${prefix}/s${number}`, stream);
  const sent = stream ? subject.stream : subject.whole;
  const failed = subject.canonical.error !== undefined;
  if (sent && isNative) misses.push(...passThroughMisses(sent, answer, failed));
  if (stream && surface === 'google-gemini' && !failed) {
    misses.push(...(await arrayMisses(place, answer, `${prefix}/s${number}`)));
  }
  let inherited: Miss[] = [];
  let own = misses;
  if (own.length > 0 && isNative) {
    const direct = await turns(place, upstream.url, `s${number}`, stream);
    const known = new Set(direct.misses.map((miss) => `${miss.check} ${miss.detail}`));
    inherited = own.filter((miss) => known.has(`${miss.check} ${miss.detail}`));
    own = own.filter((miss) => !inherited.includes(miss));
  }
  const canonical = stream ? subject.canonical : subject.wholeCanonical;
  const bare = {
    subject: subject.name,
    upstream: subject.protocol,
    surface,
    stream,
    ran: [...checksOf(canonical, stream), ...more, ...(isNative ? (['P2'] as const) : [])],
    misses: [...own, ...alsoMissed(answer)],
  };
  return { cell: cellOf(bare, inherited), answer, requestId: answer.headers.get('x-request-id') ?? '' };
}

/** P1 of a Gemini stream that is asked for without `alt=sse`: one JSON array that says the same. */
async function arrayMisses({ gateway }: Place, streamed: Answer, model: string): Promise<Miss[]> {
  const array = await askPlainly('google-gemini', gateway.url, streamed.request, model, { sse: false });
  if (!array.raw.trimStart().startsWith('[')) return [{ check: 'P1', detail: 'as an array: it is none' }];
  return checkPair(streamed, array).map(({ check, detail }) => ({ check, detail: `as an array: ${detail}` }));
}

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
  const misses = lenient(canonical, answer, protocol);
  if ((canonical.opaque.length > 0 || canonical.tools.length > 0) && answer.final && !canonical.error) {
    const tag = `${secondTurn} ${surface} ${stream} ${url}`;
    const body = tagged(followUpBody(surface, request, answer.final, model, stream), tag);
    const second = await ask(surface, url, body, false);
    const own = model.split('/').at(-1);
    const received = upstream.requests.findLast(
      (one) => one.text.includes(tag) && askedOf(one).model === own,
    );
    misses.push(...secondTurnMisses(protocol, canonical, received, second.status, second.raw));
  }
  return { answer, misses };
}

/** What a request of a second turn says of itself: it goes to the maker of the first, which is the same model. */
const secondTurn = 'second turn';

/** Marks the first user message, so that the upstream knows this request among the others. */
export function tagged(body: Payload, tag: string): Payload {
  const key = ['input', 'messages', 'contents'].find((name) => has(body[name]))!;
  const [first, ...rest] = list(body[key]);
  const marked =
    key === 'contents'
      ? { ...first, parts: [{ text: `${string(object(list(first!['parts'])[0])['text'])} (${tag})` }] }
      : { ...first, content: `${string(first!['content'])} (${tag})` };
  return { ...body, [key]: [marked, ...rest] };
}

const naturalEnd: Readonly<Record<Surface, string>> = {
  'openai-chat': 'stop',
  'openai-responses': 'completed',
  'anthropic-messages': 'end_turn',
  'google-gemini': 'STOP',
};

/** Two endings that upstreams leave open: no finish but `[DONE]`, and an error after the finish. */
function lenient(upstream: Canonical, answer: Answer, from: Surface): Miss[] {
  if (!upstream.finish && !upstream.error) {
    if (answer.error) return checkAnswer({ ...upstream, error: { type: '', message: '' } }, answer, from);
    return checkAnswer({ ...upstream, finish: { word: naturalEnd[answer.surface] } }, answer, from);
  }
  if (upstream.finish && upstream.finish.word !== 'failed' && upstream.error && !answer.error) {
    return checkAnswer({ ...upstream, error: undefined }, answer, from);
  }
  return checkAnswer(upstream, answer, from);
}
