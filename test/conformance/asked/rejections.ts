import { corpusLines, parallelCases } from '../../support/corpus.ts';
import type { Payload } from '../canonical.ts';
import { list, object, string } from '../canonical/read.ts';
import { type Cell, cellOf } from '../cell.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import { shortReply } from '../short-replies.ts';
import { askedOf, post, providerOf, startStage } from '../stage.ts';

/** A request that another translator made of a client's, which the vendor's API refused. */
interface Verdict {
  readonly pair: string;
  readonly case: string;
  readonly request: Payload | null;
  readonly provider_error: string;
}

/** What a verdict says, as a rule for what may go up. */
interface Refused {
  readonly pair: string;
  readonly case: string;
  readonly surface: Surface;
  readonly upstream: Surface;
  /** As the vendor calls it; the refusals are this model's. */
  readonly model: string;
  /** The client's request. */
  readonly source: () => Payload;
  /** Whether a request has what was refused. */
  readonly has: (sent: Payload) => boolean;
  /** The field that a refusal by the gateway has to name. */
  readonly field: RegExp;
}

const say = (content: string): Payload[] => [{ role: 'user', content }];

const recordedSource = (name: string, surface: Surface) => (): Payload =>
  object(object(parallelCases().find((one) => one.name === name)?.sides[surface])['request']);

/** The corpus has what was refused; the client's side is recorded for the first and written by hand for the others. */
export const refusedRequests: readonly Refused[] = [
  {
    pair: 'anthropic_to_chat-completions',
    case: 'documentContentParam',
    surface: 'anthropic-messages',
    upstream: 'openai-chat',
    model: 'gpt-5-nano',
    source: recordedSource('documentContentParam', 'anthropic-messages'),
    has: (sent) =>
      list(sent['messages'])
        .flatMap(({ content }) => list(content))
        .some(({ file }) => {
          const data = object(file)['file_data'];
          return data !== undefined && !string(data).startsWith('data:application/pdf;base64,');
        }),
    field: /document|file/,
  },
  {
    pair: 'anthropic_to_responses',
    case: 'temperatureParam',
    surface: 'anthropic-messages',
    upstream: 'openai-responses',
    model: 'gpt-5-nano',
    source: () => ({ max_tokens: 1024, messages: say('Say hi.'), temperature: 0.7 }),
    has: (sent) => 'temperature' in sent,
    field: /temperature/,
  },
  {
    pair: 'chat-completions_to_responses',
    case: 'logprobsParam',
    surface: 'openai-chat',
    upstream: 'openai-responses',
    model: 'gpt-5-nano',
    source: () => ({ messages: say('What is 2 + 2?'), logprobs: true, top_logprobs: 2 }),
    has: (sent) => 'top_logprobs' in sent || JSON.stringify(sent['include'] ?? []).includes('logprobs'),
    field: /logprobs/,
  },
  {
    pair: 'chat-completions_to_responses',
    case: 'temperatureParam',
    surface: 'openai-chat',
    upstream: 'openai-responses',
    model: 'gpt-5-nano',
    source: () => ({ messages: say('Say hi.'), temperature: 0.7 }),
    has: (sent) => 'temperature' in sent,
    field: /temperature/,
  },
  {
    pair: 'responses_to_anthropic',
    case: 'responsesGpt56ReasoningMaxProContextParam',
    surface: 'openai-responses',
    upstream: 'anthropic-messages',
    model: 'claude-sonnet-4-5-20250929',
    source: () => ({
      input: 'Review this rollout checklist for the highest-risk issue.',
      reasoning: { effort: 'max' },
    }),
    has: (sent) => Number(object(sent['thinking'])['budget_tokens'] ?? 0) >= Number(sent['max_tokens'] ?? 0),
    field: /reasoning/,
  },
];

/** The verdicts of the corpus. */
export const verdicts = (): Verdict[] =>
  corpusLines('parallel-cases/provider-rejections.verdicts.jsonl') as Verdict[];

/** Q3: what went up does not have what was refused. */
export const rejectionMisses = (refused: Refused, sent: Payload): Miss[] =>
  refused.has(sent)
    ? [{ check: 'Q3', detail: `what the vendor refused went up: ${JSON.stringify(sent).slice(0, 120)}` }]
    : [];

/** Asks for each recorded refusal again, streamed and not. */
export async function runRejections(): Promise<Cell[]> {
  const stage = await startStage([...new Set(refusedRequests.map(({ model }) => model))]);
  stage.upstream.handle((request) => shortReply(request));
  const cells: Cell[] = [];
  try {
    for (const refused of refusedRequests) {
      const { surface, upstream, model } = refused;
      for (const stream of [true, false]) {
        const before = stage.upstream.requests.length;
        const asked = { model: `${providerOf[upstream]}/${model}`, stream };
        const response = await post(stage.gateway.url, surface, refused.source(), asked);
        const text = await response.text();
        const sent = stage.upstream.requests.slice(before).find((one) => askedOf(one).model === model);
        const misses: Miss[] = sent?.json
          ? rejectionMisses(refused, sent.json)
          : response.status >= 400 && response.status < 500 && refused.field.test(text)
            ? []
            : [{ check: 'Q3', detail: `status ${response.status}: ${text.slice(0, 120)}` }];
        const subject = `provider-rejections/${refused.pair}/${refused.case}`;
        cells.push(cellOf({ subject, upstream, surface, stream, ran: ['Q3'], misses }));
      }
    }
  } finally {
    await stage.stop();
  }
  return cells;
}
