import { describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import type { Failure, FailureKind } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { corpusAvailable, errorFixtures } from '../../support/corpus.ts';

const read = (status: number, body: unknown, headers: Record<string, string> = {}): Failure =>
  openaiChat.decodeFailure({
    status,
    headers: new Headers(headers),
    text: typeof body === 'string' ? body : JSON.stringify(body),
  });
const error = (more: JsonObject = {}): JsonObject => ({
  error: { message: 'why', type: null, param: null, code: null, ...more },
});

describe('an error answer of an upstream', () => {
  test.each([
    [400, 'invalid_request', 'request', false],
    [401, 'authentication', 'account', false],
    [402, 'billing', 'account', false],
    [403, 'permission', 'account', false],
    [404, 'not_found', 'provider', false],
    [408, 'timeout', 'provider', true],
    [409, 'conflict', 'request', true],
    [413, 'too_large', 'request', false],
    [422, 'unprocessable', 'request', false],
    [429, 'rate_limited', 'account', true],
    [500, 'upstream', 'provider', true],
    [503, 'overloaded', 'provider', true],
    [529, 'overloaded', 'provider', true],
  ] as const)('%i is %s and concerns the %s', (status, kind, scope, retryable) => {
    expect(read(status, error())).toMatchObject({ status, kind, scope, retryable, message: 'why' });
  });

  test.each([
    [404, { code: 'model_not_found' }, 'not_found', 'model'],
    [404, { message: 'model "x" not found, try pulling it first' }, 'not_found', 'model'],
    [404, { message: 'No such File object: file-1' }, 'not_found', 'request'],
    [403, { message: 'Project `p` does not have access to model `x`' }, 'permission', 'model'],
    [403, { message: 'Your input was flagged by moderation' }, 'permission', 'request'],
    [403, { code: 'unsupported_country_region_territory' }, 'permission', 'provider'],
    [400, { message: 'x is not a valid model ID' }, 'not_found', 'model'],
    [400, { message: 'Incorrect API key provided: sk-1' }, 'authentication', 'account'],
    [
      429,
      { message: 'Rate limit reached for gpt-x in organization o on tokens per min' },
      'rate_limited',
      'model',
    ],
    [429, { message: 'Rate limit reached for requests' }, 'rate_limited', 'account'],
  ] as const)('%i %j is %s and concerns the %s', (status, more, kind, scope) => {
    expect(read(status, error(more))).toMatchObject({ status, kind, scope });
  });

  test('an empty purse looks like a rate limit and is none', () => {
    expect(read(429, error({ type: 'insufficient_quota', code: 'insufficient_quota' }))).toMatchObject({
      kind: 'billing',
      retryable: false,
      code: 'insufficient_quota',
    });
  });

  test('the field at fault, the code and the request id are kept', () => {
    const failure = read(
      400,
      error({ type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' }),
      { 'x-request-id': 'req_9' },
    );
    expect(failure).toMatchObject({
      param: 'messages',
      code: 'context_length_exceeded',
      type: 'invalid_request_error',
      upstream: { protocol: 'openai-chat', status: 400, requestId: 'req_9', error: { message: 'why' } },
    });
  });

  test('how long to wait is read from either header', () => {
    expect(read(429, error(), { 'retry-after': '3' }).retryAfterMs).toBe(3000);
    expect(read(429, error(), { 'retry-after-ms': '250', 'retry-after': '1' }).retryAfterMs).toBe(250);
    const date = { date: 'Sat, 21 Nov 2026 11:00:00 GMT', 'retry-after': 'Sat, 21 Nov 2026 11:00:20 GMT' };
    expect(read(429, error(), date).retryAfterMs).toBe(20_000);
    expect(read(429, error({ message: 'Please try again in 6m0s.' })).retryAfterMs).toBe(360_000);
  });

  test.each([
    [{ detail: 'Invalid API Key' }, 'Invalid API Key'],
    [{ detail: [{ loc: ['body', 'messages'], msg: 'field required' }] }, 'messages: field required'],
    [{ message: 'plain' }, 'plain'],
    [{ error: 'words' }, 'words'],
    [[{ error: { message: 'listed', code: 400 } }], 'listed'],
    ['upstream connect error', 'upstream connect error'],
    ['<html>oops</html>', 'the upstream answered with status 502'],
  ])('the message in %j is found', (body, message) => {
    expect(read(502, body).message).toBe(message);
  });

  test('a page instead of JSON is the upstream’s fault', () => {
    expect(read(404, '<html></html>')).toMatchObject({ kind: 'upstream', scope: 'provider', status: 404 });
    expect(read(403, '<html></html>')).toMatchObject({ kind: 'upstream', scope: 'provider', status: 403 });
    expect(read(413, '<html></html>')).toMatchObject({ kind: 'too_large', scope: 'request' });
    expect(read(400, 'no')).toMatchObject({ kind: 'invalid_request', scope: 'request', message: 'no' });
    expect(read(401, '')).toMatchObject({ kind: 'authentication', scope: 'account' });
  });

  (corpusAvailable ? test : test.skip)('recorded errors keep their status and message', () => {
    for (const { status, body, contentType } of errorFixtures('openai-chat')) {
      const failure = read(status, body, { 'content-type': contentType ?? '' });
      expect(failure.status).toBe(status);
      expect(body).toContain(JSON.stringify(failure.message).slice(1, 20));
      expect(['authentication', 'rate_limited', 'invalid_request', 'not_found']).toContain(failure.kind);
    }
  });
});

describe('an error for a client', () => {
  const write = (failure: Partial<Failure> & { kind: FailureKind }): JsonObject =>
    openaiChat.encodeFailure(
      { scope: 'request', status: 400, message: 'why', retryable: false, ...failure },
      'req_1',
    ).error as JsonObject;

  test('has the four members of an OpenAI error', () => {
    expect(write({ kind: 'invalid_request', param: 'model' })).toEqual({
      message: 'why',
      type: 'invalid_request_error',
      param: 'model',
      code: null,
    });
    expect(write({ kind: 'rate_limited' })).toMatchObject({
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    });
    expect(write({ kind: 'billing' })).toMatchObject({ code: 'insufficient_quota' });
  });

  test('keeps the words of an upstream of its kin, and not those of others', () => {
    const of = (protocol: 'openai-chat' | 'anthropic-messages') =>
      write({ kind: 'overloaded', type: 'engine_overloaded', upstream: { protocol } }).type;
    expect(of('openai-chat')).toBe('engine_overloaded');
    expect(of('anthropic-messages')).toBe('server_error');
  });
});
