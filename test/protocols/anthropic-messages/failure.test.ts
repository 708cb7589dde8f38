import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import type { Sight } from '../../../src/protocols/tap.ts';
import type { Failure, FailureKind } from '../../../src/turn/failure.ts';
import { corpusAvailable, errorFixtures } from '../../support/corpus.ts';
import { fold, source } from './support.ts';

const response = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  text: typeof body === 'string' ? body : JSON.stringify(body),
});
const vendor = (type: string, message = 'm') => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_1',
});

describe('reading a failure', () => {
  test.each([
    [400, 'invalid_request_error', 'invalid_request', 'request', false],
    [401, 'authentication_error', 'authentication', 'account', false],
    [402, 'billing_error', 'billing', 'account', false],
    [403, 'permission_error', 'permission', 'account', false],
    [404, 'not_found_error', 'not_found', 'provider', false],
    [413, 'request_too_large', 'too_large', 'request', false],
    [429, 'rate_limit_error', 'rate_limited', 'account', true],
    [500, 'api_error', 'upstream', 'provider', true],
    [529, 'overloaded_error', 'overloaded', 'provider', true],
  ])('%d %s is %s of the %s', (status, type, kind, scope, retryable) => {
    expect(anthropicMessages.decodeFailure(response(status, vendor(type)))).toMatchObject({
      kind,
      scope,
      status,
      retryable,
      type,
      message: 'm',
      upstream: { requestId: 'req_1', status },
    });
  });

  test('used-up credit is a matter of billing, though the API calls it an invalid request', () => {
    const body = vendor(
      'invalid_request_error',
      'Your credit balance is too low to access the Anthropic API.',
    );
    expect(anthropicMessages.decodeFailure(response(400, body))).toMatchObject({
      kind: 'billing',
      scope: 'account',
      status: 402,
    });
  });

  test.each([
    [404, 'not_found_error', 'model: claude-x', 'not_found', 'model'],
    [404, 'not_found_error', 'File not found: file_1', 'not_found', 'request'],
    [400, 'invalid_request_error', 'This organization has been disabled.', 'permission', 'account'],
    [400, 'invalid_request_error', 'You have reached your specified API usage limits.', 'billing', 'account'],
    [403, 'forbidden', 'Request not allowed', 'permission', 'provider'],
  ])('%d %s %j is %s of the %s', (status, type, message, kind, scope) => {
    expect(anthropicMessages.decodeFailure(response(status, vendor(type, message)))).toMatchObject({
      kind,
      scope,
    });
  });

  test('waiting times and the advice to retry are taken from the headers', () => {
    const read = (headers: Record<string, string>) =>
      anthropicMessages.decodeFailure(response(429, vendor('rate_limit_error'), headers));
    expect(read({ 'retry-after': '7' }).retryAfterMs).toBe(7000);
    expect(read({ 'retry-after-ms': '250', 'retry-after': '7' }).retryAfterMs).toBe(250);
    expect(
      read({ date: 'Fri, 20 Nov 2026 10:00:00 GMT', 'retry-after': 'Fri, 20 Nov 2026 10:00:30 GMT' })
        .retryAfterMs,
    ).toBe(30_000);
    const date = 'Fri, 20 Nov 2026 10:00:00 GMT';
    expect(
      read({
        date,
        'anthropic-ratelimit-requests-remaining': '3',
        'anthropic-ratelimit-requests-reset': '2026-11-20T12:00:00Z',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2026-11-20T10:00:40Z',
      }).retryAfterMs,
    ).toBe(40_000);
    const unified = {
      'anthropic-ratelimit-unified-status': 'rejected',
      'anthropic-ratelimit-unified-reset': '1795172400',
    };
    expect(read({ date, ...unified }).retryAfterMs).toBe(3_600_000);
    expect(read({}).retryAfterMs).toBeUndefined();
    expect(read({ 'x-should-retry': 'false' }).retryable).toBe(false);
  });

  test('a page of a proxy is an upstream failure with its status', () => {
    expect(anthropicMessages.decodeFailure(response(502, '<html>Bad Gateway</html>'))).toMatchObject({
      kind: 'upstream',
      scope: 'provider',
      status: 502,
      retryable: true,
    });
  });

  test.skipIf(!corpusAvailable)('recorded refusals are understood', () => {
    for (const { status, body } of errorFixtures('anthropic-messages')) {
      const failure = anthropicMessages.decodeFailure(response(status, body));
      expect(failure.status).toBe(status);
      expect(failure.kind).toBe(status === 401 ? 'authentication' : 'invalid_request');
      if (/too long/.test(failure.message)) expect(failure.code).toBe('context_length_exceeded');
    }
  });

  test('a result that is an error fails the turn', () => {
    const reply = fold(anthropicMessages.decodeResult(vendor('overloaded_error'), source));
    expect(reply.failure).toMatchObject({ kind: 'overloaded' });
  });
});

describe('writing a failure', () => {
  const failure = (more: Partial<Failure>): Failure => ({
    kind: 'internal',
    scope: 'gateway',
    status: 500,
    message: 'm',
    retryable: false,
    ...more,
  });
  const typeOf = (kind: FailureKind) =>
    (anthropicMessages.encodeFailure(failure({ kind }), 'req_9').error as { type: string }).type;

  test('each kind has the type that clients know', () => {
    expect(anthropicMessages.encodeFailure(failure({ kind: 'billing', status: 402 }), 'req_9')).toEqual({
      type: 'error',
      error: { type: 'billing_error', message: 'm' },
      request_id: 'req_9',
    });
    expect(typeOf('too_large')).toBe('request_too_large');
    expect(typeOf('overloaded')).toBe('overloaded_error');
    expect(typeOf('rate_limited')).toBe('rate_limit_error');
    expect(typeOf('cut')).toBe('api_error');
  });

  test('no client is sent to its login for the gateway’s own key', () => {
    const body = anthropicMessages.encodeFailure(
      failure({ kind: 'authentication', message: 'Invalid x-api-key' }),
      'r',
    );
    expect(JSON.stringify(body).toLowerCase()).not.toContain('invalid x-api-key');
  });

  test('details of an upstream of this protocol are passed on', () => {
    const error = {
      type: 'invalid_request_error',
      message: 'Refused',
      details: { error_code: 'organization_on_hold' },
    };
    const read = anthropicMessages.decodeFailure(response(400, { type: 'error', error }));
    expect(anthropicMessages.encodeFailure(read, 'r').error).toEqual(error);
    const key = anthropicMessages.decodeFailure(
      response(401, vendor('authentication_error', 'invalid x-api-key')),
    );
    expect(JSON.stringify(anthropicMessages.encodeFailure(key, 'r'))).not.toContain('invalid x-api-key');
  });

  test('a context that is full is told in the words that make clients compact', () => {
    const message =
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130,000 tokens.";
    const body = anthropicMessages.encodeFailure(
      failure({ kind: 'invalid_request', status: 400, code: 'context_length_exceeded', message }),
      'r',
    );
    expect((body.error as { message: string }).message).toStartWith(
      'prompt is too long: 130000 tokens > 128000 maximum',
    );
  });
});

describe('watching a stream that passes through', () => {
  const sight = (): Sight => ({ done: false });

  test('the record is complete without the blocks being read', () => {
    const seen = sight();
    anthropicMessages.tap.observe(
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          model: 'c',
          usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 1 },
        },
      },
      seen,
    );
    anthropicMessages.tap.observe(
      { type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 9 } },
      seen,
    );
    expect(seen.done).toBe(false);
    anthropicMessages.tap.observe({ type: 'message_stop' }, seen);
    expect(seen).toMatchObject({
      id: 'msg_1',
      model: 'c',
      done: true,
      stop: { reason: 'length' },
      usage: { fresh: 3, cacheRead: 4, output: 9 },
    });
  });

  test('every event that matters carries a needle', () => {
    for (const type of ['message_start', 'message_delta', 'message_stop', 'error']) {
      const data = JSON.stringify({ type });
      expect(anthropicMessages.tap.needles.some((needle) => data.includes(needle))).toBe(true);
    }
  });

  test('an error in the stream is seen', () => {
    const seen = sight();
    anthropicMessages.tap.observe({ type: 'error', error: { type: 'overloaded_error', message: 'm' } }, seen);
    expect(seen).toMatchObject({ done: true, failure: { kind: 'overloaded' } });
  });
});
