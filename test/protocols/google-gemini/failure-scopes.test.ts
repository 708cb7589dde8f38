import { describe, expect, test } from 'bun:test';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import type { Failure } from '../../../src/turn/failure.ts';

const type = (name: string) => ({ '@type': `type.googleapis.com/google.rpc.${name}` });
const read = (
  code: number,
  status: string | undefined,
  message = 'why',
  details: readonly object[] = [],
  headers: Record<string, string> = {},
): Failure =>
  googleGemini.decodeFailure({
    status: code,
    headers: new Headers(headers),
    text: JSON.stringify({ error: { code, message, status, details } }),
  });

describe('a refusal of Gemini', () => {
  test.each([
    [400, 'INVALID_ARGUMENT', 'why', 'invalid_request', 'request'],
    [400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.', 'permission', 'provider'],
    [
      400,
      'FAILED_PRECONDITION',
      'Gemini API free tier is not available in your country. Please enable billing on your project.',
      'permission',
      'account',
    ],
    [401, 'UNAUTHENTICATED', 'why', 'authentication', 'account'],
    [403, 'PERMISSION_DENIED', 'The caller does not have permission', 'permission', 'account'],
    [
      403,
      'PERMISSION_DENIED',
      'You do not have permission to access the File x or it may not exist.',
      'permission',
      'request',
    ],
    [403, 'PERMISSION_DENIED', 'CachedContent not found (or permission denied)', 'permission', 'request'],
    [404, 'NOT_FOUND', 'models/x is not found for API version v1beta', 'not_found', 'model'],
    [404, 'NOT_FOUND', 'Requested entity was not found.', 'not_found', 'request'],
    [429, 'RESOURCE_EXHAUSTED', 'why', 'rate_limited', 'account'],
    [500, 'INTERNAL', 'why', 'upstream', 'provider'],
    [503, 'UNAVAILABLE', 'The model is overloaded.', 'overloaded', 'provider'],
  ] as const)('%i %s %j is %s of the %s', (code, status, message, kind, scope) => {
    expect(read(code, status, message)).toMatchObject({ kind, scope, status: code, message });
  });

  test('names a bad key and a closed purse by their reasons', () => {
    const reason = (word: string) => [{ ...type('ErrorInfo'), reason: word }];
    expect(read(400, 'INVALID_ARGUMENT', 'why', reason('API_KEY_INVALID'))).toMatchObject({
      kind: 'authentication',
      scope: 'account',
      status: 401,
    });
    expect(read(403, 'PERMISSION_DENIED', 'why', reason('BILLING_DISABLED'))).toMatchObject({
      kind: 'billing',
      scope: 'account',
    });
  });

  test('of one model’s quota leaves the account to the others', () => {
    const quota = (quotaId: string) => [{ ...type('QuotaFailure'), violations: [{ quotaId }] }];
    const perModel = 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier';
    expect(read(429, 'RESOURCE_EXHAUSTED', 'why', quota(perModel))).toMatchObject({
      scope: 'model',
      code: perModel,
    });
    expect(read(429, 'RESOURCE_EXHAUSTED', 'why', quota('RequestsPerMinutePerProject')).scope).toBe(
      'account',
    );
  });

  test('says how long to wait in its details, else in its headers', () => {
    const details = [{ ...type('RetryInfo'), retryDelay: '48s' }];
    expect(read(429, 'RESOURCE_EXHAUSTED', 'why', details, { 'retry-after': '3' }).retryAfterMs).toBe(48_000);
    expect(read(429, 'RESOURCE_EXHAUSTED', 'why', [], { 'retry-after': '3' }).retryAfterMs).toBe(3_000);
  });
});
