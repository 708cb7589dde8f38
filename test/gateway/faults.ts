/** Every way in which an upstream can fail a request, and what is to follow from it. */
import type { Health } from '../../src/accounts/health.ts';
import type { Script } from '../support/replay.ts';
import {
  afterHead,
  erring,
  errorBody,
  headOnly,
  limit,
  never,
  overload,
  page,
  refusal,
  streamed,
} from './fault-scripts.ts';
import { hello, type SurfaceName } from './setup.ts';

/**
 * What is cooled: the account that failed, that account with the model, or its provider. When another account of
 * the same provider serves the request, what looked like the provider's fault was the account's.
 */
export interface Cooled {
  readonly what: 'account' | 'model' | 'provider';
  readonly state: Health['state'];
  readonly forMs: number;
}

export interface Fault {
  readonly name: string;
  /** `undefined` where a protocol has no such thing. */
  script(upstream: SurfaceName): Script | undefined;
  /** Whether another account is asked then, of which each request has one more that is well. */
  readonly moves: boolean;
  /** Nothing when absent. */
  readonly cooled?: Cooled;
  /** The client's status when nothing else is asked. */
  readonly status?: number;
}

const seconds = 1000;
const minutes = 60_000;
const account = (forMs: number, state: Health['state'] = 'cooling'): Cooled => ({
  what: 'account',
  state,
  forMs,
});
const model = (forMs: number): Cooled => ({ what: 'model', state: 'cooling', forMs });
const provider = (forMs = 2 * seconds): Cooled => ({ what: 'provider', state: 'cooling', forMs });

const geminiReason = (reason: string) => [
  { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' },
];
const geminiQuota = (quotaId: string) => [
  { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId }] },
];

/** Refusals and answers that are none: nothing of a reply has come. */
export const answers: readonly Fault[] = [
  { name: '400', script: refusal(400), moves: false, status: 400 },
  {
    name: '400 for a context that is full',
    script: refusal(400, { message: 'context window', code: 'context_length_exceeded' }),
    moves: false,
    status: 400,
  },
  {
    name: '400 in plain text',
    script: () => ({ kind: 'body', status: 400, body: 'bad' }),
    moves: false,
    status: 400,
  },
  { name: '401', script: refusal(401), moves: true, cooled: account(10 * minutes, 'suspended') },
  {
    name: 'a key that is not valid, said with 400',
    script: refusal(400, {
      message: 'Incorrect API key provided.',
      messages: { status: 401 },
      gemini: { message: 'API key not valid.', details: geminiReason('API_KEY_INVALID') },
    }),
    moves: true,
    cooled: account(10 * minutes, 'suspended'),
  },
  { name: '402', script: refusal(402), moves: true, cooled: account(10 * minutes, 'suspended') },
  { name: '403', script: refusal(403), moves: true, cooled: account(30 * seconds, 'suspended') },
  {
    name: '403 for a model',
    script: refusal(403, {
      message: 'Project `p` does not have access to model `m`',
      code: 'model_not_found',
    }),
    moves: true,
    cooled: model(30 * seconds),
  },
  {
    name: '403 for what the request says',
    script: refusal(403, { message: 'Your input was flagged by moderation' }),
    moves: false,
    status: 403,
  },
  {
    name: '403 for a file of another account',
    script: refusal(403, { message: 'You do not have permission to access the File x or it may not exist.' }),
    moves: false,
    status: 403,
  },
  {
    name: '403 for where the gateway stands',
    script: refusal(403, { message: 'Country, region, or territory not supported' }),
    moves: true,
    cooled: { what: 'provider', state: 'suspended', forMs: 30 * seconds },
  },
  {
    name: '404 for a model',
    script: refusal(404, { message: 'model: m', code: 'model_not_found' }),
    moves: true,
    cooled: model(30 * seconds),
  },
  {
    name: '404 for a thing that the request names',
    script: refusal(404, { message: 'No such File object: file-1' }),
    moves: false,
    status: 404,
  },
  { name: '408', script: refusal(408), moves: true, cooled: provider() },
  { name: '413', script: refusal(413), moves: false, status: 413 },
  { name: '413 as a page', script: page(413), moves: false, status: 413 },
  { name: '422', script: refusal(422), moves: false, status: 422 },
  { name: '429 without a hint', script: refusal(429), moves: true, cooled: account(15 * seconds) },
  {
    name: '429 with retry-after: 7',
    script: refusal(429, {}, { 'retry-after': '7' }),
    moves: true,
    cooled: account(7 * seconds),
  },
  {
    name: '429 with retry-after-ms: 2500',
    script: refusal(429, {}, { 'retry-after-ms': '2500' }),
    moves: true,
    cooled: account(2.5 * seconds),
  },
  {
    name: '429 with a retry-after of a week',
    script: refusal(429, {}, { 'retry-after': '604800' }),
    moves: true,
    cooled: account(10 * minutes),
  },
  {
    name: '429 with limits that are used up',
    script: refusal(
      429,
      {},
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1m30s',
        'x-ratelimit-remaining-tokens': '5',
        'x-ratelimit-reset-tokens': '6h',
      },
    ),
    moves: true,
    cooled: account(90 * seconds),
  },
  {
    name: '429 of one model',
    script: refusal(429, {
      message: 'Rate limit reached for gpt-m in organization org-1 on tokens per min (TPM): Limit 1.',
      gemini: { details: geminiQuota('GenerateRequestsPerMinutePerProjectPerModel-FreeTier') },
      messages: {
        message: 'This would exceed the rate limit of your organization (org: o, model: claude-m)',
      },
    }),
    moves: true,
    cooled: model(15 * seconds),
  },
  {
    name: 'an empty purse',
    script: refusal(429, {
      code: 'insufficient_quota',
      type: 'insufficient_quota',
      messages: { status: 400, message: 'Your credit balance is too low to access the Anthropic API.' },
      gemini: { status: 403, details: geminiReason('BILLING_DISABLED') },
    }),
    moves: true,
    cooled: account(10 * minutes, 'suspended'),
  },
  {
    name: '429 as a page',
    script: page(429),
    moves: true,
    cooled: provider(15 * seconds),
  },
  { name: '500', script: refusal(500), moves: true, cooled: provider() },
  { name: '502 as a page of Cloudflare', script: page(502), moves: true, cooled: provider() },
  { name: '403 as a page of Cloudflare', script: page(403), moves: true, cooled: provider() },
  { name: '524 as a page of Cloudflare', script: page(524), moves: true, cooled: provider() },
  { name: '503', script: refusal(503), moves: true, cooled: provider() },
  {
    name: '503 with retry-after: 20',
    script: refusal(503, {}, { 'retry-after': '20' }),
    moves: false,
    cooled: provider(20 * seconds),
    status: 503,
  },
  { name: '529', script: refusal(529), moves: true, cooled: provider() },
  {
    name: 'a connection reset before the first byte',
    script: () => ({ kind: 'stream', blocks: [], delivery: { cutBefore: 0 } }),
    moves: true,
    cooled: provider(),
  },
  { name: '200 as a page', script: page(200), moves: true, cooled: provider() },
  { name: '200 with no body', script: () => ({ kind: 'body', body: '' }), moves: true, cooled: provider() },
  {
    name: '200 with an error as its body',
    script: (upstream) => ({ kind: 'body', body: { error: errorBody(upstream, 429, limit).error } }),
    moves: true,
    cooled: account(15 * seconds),
  },
];

/** A stream that breaks before it has said anything. */
export const heads: readonly Fault[] = [
  {
    name: 'overload in a 200 stream',
    script: erring(503, overload, () => 0),
    moves: true,
    cooled: provider(),
  },
  {
    name: 'overload after the head of a 200 stream',
    script: headOnly(erring(503, overload, afterHead)),
    moves: true,
    cooled: provider(),
  },
  {
    name: 'a limit in a 200 stream',
    script: erring(429, limit, () => 0),
    moves: true,
    cooled: account(15 * seconds),
  },
  {
    name: 'a bad request in a 200 stream',
    script: erring(400, { message: 'No', type: 'invalid_request_error', code: 'invalid_prompt' }, () => 0),
    moves: false,
    status: 400,
  },
  {
    name: 'a connection reset after the head',
    script: headOnly(streamed(() => ({ cutBefore: afterHead() }))),
    moves: true,
    cooled: provider(),
  },
  {
    name: 'an end after the head',
    script: headOnly(streamed(() => ({ endBefore: afterHead() }))),
    moves: true,
    cooled: provider(),
  },
];

/** Silence, which takes its time. */
export const stalls: readonly Fault[] = [
  { name: 'a stall before the head', script: () => ({ kind: 'silent' }), moves: true, cooled: provider() },
  {
    name: 'a stall after the head',
    script: headOnly(streamed(() => ({ hold: { before: afterHead(), gate: { opened: never, open() {} } } }))),
    moves: true,
    cooled: provider(),
  },
];

const second = (upstream: SurfaceName): number => hello[upstream].textAt[1];

/** A stream that breaks after its first word. */
export const breaks: readonly (Fault & { readonly cooled: Cooled })[] = [
  {
    name: 'a connection reset',
    script: streamed((upstream) => ({ cutBefore: second(upstream) })),
    moves: false,
    cooled: provider(),
  },
  {
    name: 'an end without a terminal event',
    script: streamed((upstream) => ({ endBefore: second(upstream) })),
    moves: false,
    cooled: provider(),
  },
  { name: 'overload', script: erring(503, overload, second), moves: false, cooled: provider() },
  { name: 'a limit', script: erring(429, limit, second), moves: false, cooled: account(15 * seconds) },
];
