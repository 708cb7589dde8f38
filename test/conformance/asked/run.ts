import { summaryWish } from '../../../src/sessions/compaction.ts';
import { type ParallelCase, parallelCases } from '../../support/corpus.ts';
import type { ReplayRequest } from '../../support/replay.ts';
import type { Payload } from '../canonical.ts';
import { has, list, object } from '../canonical/read.ts';
import { type Cell, cellOf } from '../cell.ts';
import type { CheckId, Miss } from '../check.ts';
import { type Surface, surfaces } from '../finish.ts';
import { fuzzRequests, recordedRequests, type RecordedRequest, toolRequests } from '../recorded-requests.ts';
import { shortReply } from '../short-replies.ts';
import { askedOf, post, providerOf, type Stage, startStage } from '../stage.ts';
import { compareNatives, compareRequests } from './compare.ts';
import { endMisses, refusalMisses } from './answers.ts';
import { offeredSchemas, schemaMisses } from './schemas.ts';
import { nativeMisses, sentMisses } from './sent.ts';

/** What is to be checked of a kind of requests. */
export type Kind = 'recorded' | 'tools' | 'fuzz';

const ranOf: Readonly<Record<Kind, readonly CheckId[]>> = {
  recorded: ['Q1', 'Q3'],
  tools: ['Q2', 'Q3'],
  fuzz: ['Q3', 'Q4'],
};

export const requestsOf: Readonly<Record<Kind, () => RecordedRequest[]>> = {
  recorded: recordedRequests,
  tools: toolRequests,
  fuzz: fuzzRequests,
};

/**
 * Sends every request of a kind to every upstream, streamed and not, through one gateway process; or one in `every`
 * of these combinations, so that each request still goes somewhere.
 */
export async function runRequests(kind: Kind, every = 1, concurrency = 6): Promise<Cell[]> {
  const all = requestsOf[kind]().flatMap((request) =>
    surfaces.flatMap((upstream) => [true, false].map((stream) => ({ request, upstream, stream }))),
  );
  // By a hash of the place, so that every path keeps some.
  const queue = all.filter((_, i) => (Math.imul(i, 0x9e3779b1) >>> 16) % every === 0);
  const stage = await startStage(queue.map((_, i) => `q${i}`));
  const sent = new Map<string, ReplayRequest[]>();
  stage.upstream.handle((request) => {
    const { model } = askedOf(request);
    sent.set(model, [...(sent.get(model) ?? []), request]);
    return shortReply(request);
  });
  const cells: Cell[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < queue.length; at = next++) {
      const { request, upstream, stream } = queue[at]!;
      cells[at] = await requestCell({ stage, kind, request, upstream, stream, model: `q${at}`, sent });
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    await stage.stop();
  }
  return cells;
}

interface Errand {
  readonly stage: Stage;
  readonly kind: Kind;
  readonly request: RecordedRequest;
  readonly upstream: Surface;
  readonly stream: boolean;
  /** Asked for by this request alone. */
  readonly model: string;
  /** What reached the upstream so far, by model. */
  readonly sent: ReadonlyMap<string, readonly ReplayRequest[]>;
}

/** Sends one request, and checks what went up and what came back. */
export async function requestCell(errand: Errand): Promise<Cell> {
  const { stage, kind, upstream, stream, model } = errand;
  const { name, surface, body } = errand.request;
  const bare = { subject: name, upstream, surface, stream, ran: ranOf[kind] };
  let response: Response;
  let text: string;
  try {
    response = await post(stage.gateway.url, surface, body, {
      model: `${providerOf[upstream]}/${model}`,
      stream,
    });
    text = await response.text();
  } catch (error) {
    return cellOf({ ...bare, misses: [{ check: 'Q4', detail: `no answer: ${(error as Error).name}` }] });
  }
  const sent = errand.sent.get(model) ?? [];
  if (response.status >= 300) {
    return cellOf({ ...bare, misses: refusalMisses(kind, surface, response.status, text, sent.length) });
  }
  const [first] = sent;
  if (sent.length !== 1 || !first?.json) {
    return cellOf({
      ...bare,
      misses: [{ check: 'Q4', detail: `answered with ${sent.length} requests sent` }],
    });
  }
  if (asksForCompaction(body)) {
    const misses = [...summaryMisses(first), ...endMisses(surface, stream, text)];
    return cellOf({ ...bare, ran: ['Q1'], misses });
  }
  if (surface === upstream) return cellOf({ ...bare, ran: ['Q1'], misses: nativeMisses(body, first) });
  const notes = response.headers.get('dragoman-notes') ?? '';
  const checked = check(kind, name, surface, upstream, body, first, notes);
  const cell = cellOf({
    ...bare,
    misses: [...checked.misses, ...endMisses(surface, stream, text)],
  });
  return { ...cell, losses: [...cell.losses, ...checked.known] };
}

function check(
  kind: Kind,
  name: string,
  surface: Surface,
  upstream: Surface,
  body: Payload,
  { json }: ReplayRequest,
  notes: string,
): { misses: readonly Miss[]; known: Cell['losses'] } {
  const sent = json!;
  const misses = sentMisses(name, upstream, sent);
  if (kind === 'tools') {
    const offered = offeredSchemas(surface, body);
    return {
      misses: [...misses, ...schemaMisses(offered, offeredSchemas(upstream, sent), notes)],
      known: [],
    };
  }
  // A thread that only the vendor keeps says less than the conversation that is meant.
  if (kind === 'fuzz' || has(body['thread'])) return { misses, known: [] };
  const compared = compareRequests(surface, upstream, body, sent);
  const native = nativeOf(name, upstream);
  const unlike = native ? compareNatives(surface, upstream, body, native, sent) : [];
  return { misses: [...misses, ...compared.misses, ...unlike], known: compared.known };
}

const asksForCompaction = ({ input }: Payload): boolean =>
  list(input).at(-1)?.['type'] === 'compaction_trigger';

/** Where an upstream compacts nothing itself, its model is asked to sum the conversation up. */
const summaryMisses = ({ text }: ReplayRequest): Miss[] =>
  text.includes(JSON.stringify(summaryWish).slice(1, -1)) && !text.includes('compaction_trigger')
    ? []
    : [{ check: 'Q1', detail: 'the model is not asked for a summary' }];

let cases: Map<string, ParallelCase> | undefined;

/** The request in which a client asked an upstream of this protocol the same, where one was recorded. */
function nativeOf(name: string, upstream: Surface): Payload | undefined {
  const [, title, which] = /^parallel-cases\/(\w+)\/[\w-]+\.(request|followup_request)$/.exec(name) ?? [];
  if (which !== 'request') return undefined;
  cases ??= new Map(parallelCases().map((one) => [one.name, one]));
  const request = object(cases.get(title!)?.sides[upstream])['request'];
  return has(request) ? object(request) : undefined;
}
