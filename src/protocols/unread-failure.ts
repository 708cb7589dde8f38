import type { Failure, FailureKind, FailureScope } from '../turn/failure.ts';
import type { FailedResponse } from './protocol.ts';
import type { ProtocolId } from '../turn/part.ts';
import { waitHint } from './wait-hint.ts';

/**
 * What a refusal means whose body is not the protocol's: a proxy's page, plain text, nothing. Only the status speaks
 * then. Most such answers come from something in front of the upstream and say nothing of an account.
 */
export function unreadFailure(protocol: ProtocolId, response: FailedResponse): Failure {
  const { status, headers, text } = response;
  const isPage = (headers.get('content-type') ?? '').includes('html') || text.trimStart().startsWith('<');
  const [kind, scope] = meaningOf(status, isPage);
  // Plain text is worth showing; a page, or JSON of some other kind, is not.
  const words = isPage || /^\s*[[{]/.test(text) ? '' : text.trim().slice(0, wordsCharsMax);
  return {
    kind,
    scope,
    status: status >= 400 && status < 600 ? status : 502,
    message: words || `the upstream answered with status ${status}`,
    code: 'upstream_error',
    retryable: scope !== 'request' && (status >= 500 || status === 408 || status === 429),
    retryAfterMs: waitHint(headers, status),
    upstream: { protocol, status, requestId: requestIdOf(headers), ...(words && { error: words }) },
  };
}

const wordsCharsMax = 300;

/** Anthropic calls it `request-id`, all others `x-request-id`. */
export const requestIdOf = (headers: Headers): string | undefined =>
  headers.get('x-request-id') ?? headers.get('request-id') ?? undefined;

function meaningOf(status: number, isPage: boolean): readonly [FailureKind, FailureScope] {
  switch (status) {
    case 400:
    case 411:
    case 414:
    case 415:
    case 431:
      return ['invalid_request', 'request'];
    case 401:
      return ['authentication', 'account'];
    case 402:
      return ['billing', 'account'];
    case 408:
    case 504:
    case 524:
      return ['timeout', 'provider'];
    case 413:
      return ['too_large', 'request'];
    case 422:
      return ['unprocessable', 'request'];
    case 429:
      // A page is of a guard that counts addresses, not accounts.
      return ['rate_limited', isPage ? 'provider' : 'account'];
    case 503:
    case 529:
      return ['overloaded', 'provider'];
    default:
      return ['upstream', 'provider'];
  }
}
