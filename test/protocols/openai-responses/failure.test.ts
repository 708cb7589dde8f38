import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { Sight } from '../../../src/protocols/tap.ts';
import type { Failure } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import {
  blocksOfSse,
  corpusAvailable,
  errorFixtures,
  payloadsOf,
  streamFixtures,
} from '../../support/corpus.ts';
import { foldOf } from './support.ts';

const decode = (status: number, body: unknown, headers: Record<string, string> = {}): Failure =>
  openaiResponses.decodeFailure({
    status,
    headers: new Headers(headers),
    text: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('an error of a Responses upstream', () => {
  test('is read by its code, then by its status', () => {
    const of = (status: number, code: string | null) =>
      decode(status, { error: { message: 'm', type: 't', param: null, code } });
    expect(of(429, 'rate_limit_exceeded')).toMatchObject({
      kind: 'rate_limited',
      scope: 'account',
      retryable: true,
    });
    expect(of(429, 'insufficient_quota')).toMatchObject({
      kind: 'billing',
      scope: 'account',
      retryable: false,
    });
    expect(of(404, 'model_not_found')).toMatchObject({ kind: 'not_found', scope: 'model', status: 404 });
    expect(of(404, null)).toMatchObject({ kind: 'not_found', scope: 'provider' });
    expect(of(400, 'previous_response_not_found')).toMatchObject({ kind: 'not_found', scope: 'request' });
    expect(of(403, 'model_not_found')).toMatchObject({ kind: 'not_found', scope: 'model', status: 403 });
    expect(of(503, 'server_is_overloaded')).toMatchObject({
      kind: 'overloaded',
      scope: 'provider',
      status: 503,
    });
    expect(of(500, null)).toMatchObject({ kind: 'upstream', scope: 'provider', status: 500 });
    expect(of(400, 'context_length_exceeded')).toMatchObject({ kind: 'invalid_request', scope: 'request' });
  });

  test('keeps message, param, request id and the error object', () => {
    const error = { message: 'Bad.', type: 'invalid_request_error', param: 'input', code: null };
    expect(decode(400, { error }, { 'x-request-id': 'req_9' })).toMatchObject({
      message: 'Bad.',
      param: 'input',
      type: 'invalid_request_error',
      upstream: { protocol: 'openai-responses', status: 400, requestId: 'req_9', error },
    });
  });

  test('says how long to wait by header, by field, or in its words', () => {
    const error = { message: 'Please try again in 20s.', code: 'rate_limit_exceeded' };
    expect(decode(429, { error }, { 'retry-after-ms': '1500' }).retryAfterMs).toBe(1500);
    expect(decode(429, { error }, { 'retry-after': '7' }).retryAfterMs).toBe(7000);
    const dates = { 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT', date: 'Wed, 21 Oct 2026 07:28:00 GMT' };
    expect(decode(429, { error }, dates).retryAfterMs).toBe(30_000);
    expect(decode(429, { error: { ...error, resets_in_seconds: 9 } }).retryAfterMs).toBe(9000);
    expect(decode(429, { error }).retryAfterMs).toBe(20_000);
    const limit = { message: 'Limit.', type: 'usage_limit_reached', resets_at: 1_792_567_710 };
    expect(decode(429, { error: limit }, { date: dates.date })).toMatchObject({
      kind: 'billing',
      retryAfterMs: 30_000,
    });
  });

  test('in another shape than the protocol has is told apart from one that is no JSON', () => {
    expect(decode(400, { code: 'invalid-argument', error: 'Incorrect API key provided.' })).toMatchObject({
      kind: 'authentication',
      scope: 'account',
      message: 'Incorrect API key provided.',
    });
    expect(decode(403, { detail: 'Not for you.' })).toMatchObject({
      kind: 'permission',
      message: 'Not for you.',
    });
    expect(decode(502, '<html>Bad gateway</html>')).toMatchObject({
      kind: 'upstream',
      status: 502,
      retryable: true,
    });
    expect(decode(200, 'nothing')).toMatchObject({ kind: 'upstream', status: 502 });
  });

  const recorded = corpusAvailable ? test : test.skip;
  recorded('recorded ones keep their words', () => {
    for (const fixture of errorFixtures('openai-responses')) {
      const failure = decode(fixture.status, fixture.body);
      const { error } = JSON.parse(fixture.body) as { error: { message: string } | string };
      expect(failure.message).toBe(typeof error === 'string' ? error : error.message);
      expect(failure.kind).not.toBe('upstream');
    }
  });
});

describe('an error for a Responses client', () => {
  const failure: Failure = {
    kind: 'rate_limited',
    scope: 'account',
    status: 429,
    message: 'Slow down.',
    retryable: true,
    type: 'rate_limit_error',
    upstream: { protocol: 'anthropic-messages', error: { type: 'rate_limit_error' } },
  };

  test('has the four members of an OpenAI error', () => {
    expect(openaiResponses.encodeFailure(failure, 'req_1')).toEqual({
      error: { message: 'Slow down.', type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' },
    });
  });

  test('calls another vendor’s overload no lack of capacity, which clients would not ask again', () => {
    const overload: Failure = {
      kind: 'overloaded',
      scope: 'provider',
      status: 529,
      message: 'Overloaded',
      retryable: true,
    };
    expect(openaiResponses.encodeFailure(overload, 'req_1')).toEqual({
      error: { message: 'Overloaded', type: 'server_error', param: null, code: null },
    });
    const own = decode(503, { error: { message: 'Full.', code: 'server_is_overloaded' } });
    expect(openaiResponses.encodeFailure(own, 'req_1')).toMatchObject({
      error: { code: 'server_is_overloaded' },
    });
  });

  test('gives back what an upstream of the same protocol added', () => {
    const error = {
      type: 'usage_limit_reached',
      message: 'Limit.',
      plan_type: 'plus',
      resets_at: 1700000000,
    };
    const read = decode(429, { error });
    expect(openaiResponses.encodeFailure(read, 'req_1')).toEqual({
      error: { ...error, param: null, code: null },
    });
  });

  test('ends a stream that passed through, with the numbers going on', () => {
    const last = { type: 'response.output_text.delta', sequence_number: 41, delta: 'x' };
    const frames = openaiResponses.failureFrames(failure, {
      requestId: 'req_1',
      lastData: JSON.stringify(last),
    });
    const written = payloadsOf(blocksOfSse(frames)) as JsonObject[];
    expect(written).toMatchObject([
      { type: 'error', sequence_number: 42, code: 'rate_limit_exceeded', error: { message: 'Slow down.' } },
      {
        type: 'response.failed',
        sequence_number: 43,
        response: {
          id: 'resp_req_1',
          status: 'failed',
          error: { code: 'rate_limit_exceeded', message: 'Slow down.' },
        },
      },
    ]);
  });

  test('ends a stream of which nothing was passed on', () => {
    const frames = openaiResponses.failureFrames(failure, { requestId: 'req_1', lastData: undefined });
    expect(frames.startsWith('event: error\n')).toBe(true);
    expect(payloadsOf(blocksOfSse(frames)).map((event) => event.sequence_number)).toEqual([0, 1]);
  });

  test('a failed whole response is read as a failure', () => {
    const body = {
      id: 'resp_1',
      status: 'failed',
      output: [],
      error: { code: 'server_error', message: 'Broken.' },
    };
    const reply = foldOf(openaiResponses.decodeResult(body, { issuer: 'up' }));
    expect(reply.failure).toMatchObject({ kind: 'upstream', message: 'Broken.' });
    expect(reply.choices[0]?.stop).toBeUndefined();
  });
});

describe('watching a Responses stream that passes through', () => {
  const { tap } = openaiResponses;
  const watch = (payloads: readonly JsonObject[]): Sight => {
    const sight: Sight = { done: false };
    for (const payload of payloads) {
      const data = JSON.stringify(payload);
      if (tap.needles.some((needle) => data.includes(needle))) tap.observe(payload, sight);
    }
    return sight;
  };

  const recorded = corpusAvailable ? describe : describe.skip;
  recorded('sees what decoding it would', () => {
    for (const fixture of streamFixtures('openai-responses')) {
      test(fixture.name, () => {
        const payloads = payloadsOf(fixture.blocks) as JsonObject[];
        const sight = watch(payloads);
        const decoder = openaiResponses.streamDecoder({ issuer: 'up' });
        const events = payloads.flatMap((payload) => {
          const out: Parameters<typeof decoder.decode>[1] = [];
          decoder.decode({ event: undefined, data: JSON.stringify(payload) }, out);
          return out;
        });
        const reply = foldOf(events);
        expect(sight.done).toBe(true);
        expect(sight.model).toBe(reply.model);
        expect(sight.failure?.message).toBe(reply.failure?.message);
        expect(sight.stop).toEqual(reply.choices[0]?.stop);
        expect(sight.usage ?? {}).toEqual(reply.usage);
      });
    }
  });

  test('a text that speaks of events is not taken for one', () => {
    const delta = '{"type":"response.completed"} and "error"';
    expect(watch([{ type: 'response.output_text.delta', delta }])).toEqual({ done: false });
  });

  test('a whole result is read in one go', () => {
    const sight: Sight = { done: false };
    tap.observeResult(
      { id: 'resp_1', model: 'm', status: 'completed', output: [], usage: { input_tokens: 3 } },
      sight,
    );
    expect(sight).toMatchObject({
      id: 'resp_1',
      model: 'm',
      done: true,
      usage: { fresh: 3 },
      stop: { reason: 'end' },
    });
  });
});
