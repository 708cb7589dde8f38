import { describe, expect, test } from 'bun:test';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import type { Failure } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { corpusAvailable, errorFixtures } from '../../support/corpus.ts';

const rpc = 'type.googleapis.com/google.rpc.';
const read = (status: number, body: unknown, headers: Record<string, string> = {}): Failure =>
  googleGemini.decodeFailure({
    status,
    headers: new Headers(headers),
    text: typeof body === 'string' ? body : JSON.stringify(body),
  });
const error = (code: number, status: string, more: JsonObject = {}): JsonObject => ({
  error: { code, message: 'so it is', status, ...more },
});

describe('an error of the API', () => {
  test.each([
    [400, 'INVALID_ARGUMENT', 'invalid_request', 'request', false],
    [400, 'FAILED_PRECONDITION', 'permission', 'account', false],
    [401, 'UNAUTHENTICATED', 'authentication', 'account', false],
    [403, 'PERMISSION_DENIED', 'permission', 'account', false],
    [404, 'NOT_FOUND', 'not_found', 'provider', false],
    [429, 'RESOURCE_EXHAUSTED', 'rate_limited', 'account', true],
    [500, 'INTERNAL', 'upstream', 'provider', true],
    [503, 'UNAVAILABLE', 'overloaded', 'provider', true],
    [504, 'DEADLINE_EXCEEDED', 'timeout', 'provider', true],
  ])('%i %s', (status, name, kind, scope, retryable) => {
    expect(read(status, error(status, name))).toMatchObject({
      kind,
      scope,
      status,
      retryable,
      message: 'so it is',
      type: name,
    });
  });

  test('a bad key is the account’s, whatever its status says', () => {
    const details = [{ '@type': `${rpc}ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com' }];
    expect(read(400, error(400, 'INVALID_ARGUMENT', { details }))).toMatchObject({
      kind: 'authentication',
      scope: 'account',
      status: 401,
      code: 'API_KEY_INVALID',
    });
  });

  test.each([
    ['48s', 48_000],
    ['0.250s', 250],
    ['soon', undefined],
  ])('a delay of %p is read', (retryDelay, ms) => {
    const details = [
      { '@type': `${rpc}QuotaFailure`, violations: [{ quotaId: 'GenerateRequestsPerDay' }] },
      { '@type': `${rpc}RetryInfo`, retryDelay },
    ];
    expect(read(429, error(429, 'RESOURCE_EXHAUSTED', { details }))).toMatchObject({
      code: 'GenerateRequestsPerDay',
    });
    expect(read(429, error(429, 'RESOURCE_EXHAUSTED', { details })).retryAfterMs).toBe(ms!);
  });

  test('a prompt that is too long is told as such', () => {
    const message = 'The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).';
    expect(read(400, error(400, 'INVALID_ARGUMENT', { message }))).toMatchObject({
      kind: 'invalid_request',
      code: 'context_length_exceeded',
    });
  });

  test('may stand in a list', () => {
    expect(read(429, [error(429, 'RESOURCE_EXHAUSTED')])).toMatchObject({ kind: 'rate_limited' });
  });

  test.each([
    ['<html>Bad gateway</html>', 502],
    ['{"message":"no"}', 403],
    ['', 500],
  ])('%p is not one', (body, status) => {
    expect(read(status, body)).toMatchObject({ kind: 'upstream', status });
  });

  test('the header says when to try again where the body does not', () => {
    expect(read(503, error(503, 'UNAVAILABLE'), { 'retry-after': '7' }).retryAfterMs).toBe(7000);
  });

  test.skipIf(!corpusAvailable)('recorded ones are all understood', () => {
    const failures = errorFixtures('google-gemini').map(({ status, body }) => read(status, body));
    expect(failures.length).toBeGreaterThan(4);
    expect(failures.filter(({ kind }) => kind === 'upstream')).toEqual([]);
  });
});

describe('an error for a client', () => {
  const failure: Failure = {
    kind: 'rate_limited',
    scope: 'account',
    status: 429,
    message: 'slow down',
    retryable: true,
  };

  test('has the shape of google.rpc.Status, and says how long to wait where Gemini CLI reads it', () => {
    expect(googleGemini.encodeFailure({ ...failure, retryAfterMs: 2000 }, 'r')).toEqual({
      error: {
        code: 429,
        message: 'slow down',
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': `${rpc}RetryInfo`, retryDelay: '2s' }],
      },
    });
  });

  test('names the field at fault', () => {
    const { error } = googleGemini.encodeFailure(
      {
        kind: 'invalid_request',
        scope: 'request',
        status: 400,
        message: 'no',
        retryable: false,
        param: 'contents',
      },
      'r',
    ) as { error: JsonObject };
    expect(error).toMatchObject({
      status: 'INVALID_ARGUMENT',
      details: [{ fieldViolations: [{ field: 'contents', description: 'no' }] }],
    });
  });

  test('of an upstream of this protocol keeps its details', () => {
    const details = [{ '@type': `${rpc}RetryInfo`, retryDelay: '48s' }];
    const theirs = error(429, 'RESOURCE_EXHAUSTED', { details });
    expect(googleGemini.encodeFailure(read(429, theirs), 'r')).toEqual(theirs);
  });

  test('ends a stream in one frame', () => {
    expect(googleGemini.failureFrames(failure, { requestId: 'r', lastData: undefined })).toBe(
      'data: {"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}\n\n',
    );
  });
});
