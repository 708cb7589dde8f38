import type { Failure } from '../turn/failure.ts';

/** Error codes of Bun's `fetch` by what they mean to a person. */
const reasons: Record<string, string> = {
  ConnectionRefused: 'the connection was refused',
  ECONNREFUSED: 'the connection was refused',
  ConnectionClosed: 'the connection was closed before an answer came',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'its host name was not found',
  FailedToOpenSocket: 'its host could not be reached',
  ETIMEDOUT: 'the connection timed out',
};

/** What a thrown `fetch` means, before the upstream has answered. Addresses stay out of the text. */
export function connectFailure(provider: string, error: unknown): Failure {
  const code = errorCode(error);
  const tls = code !== undefined && /CERT|SIGNATURE|SSL|TLS|SELF_SIGNED|ALTNAME/i.test(code);
  const reason = tls
    ? `its TLS certificate was not accepted (${code})`
    : (reasons[code ?? ''] ?? 'no connection');
  return {
    kind: 'unreachable',
    scope: 'provider',
    status: 502,
    message: `provider ${provider} could not be reached: ${reason}`,
    code: 'upstream_unreachable',
    retryable: !tls,
    cause: error,
  };
}

/** The upstream stopped in the middle of its reply. */
export const cutFailure = (cause?: unknown): Failure => ({
  kind: 'cut',
  scope: 'provider',
  status: 502,
  message: 'the upstream ended the stream before it was complete',
  code: 'upstream_cut',
  retryable: true,
  cause,
});

/** Nothing came from the upstream for longer than is allowed. */
export const idleFailure = (idleMs: number): Failure => ({
  kind: 'timeout',
  scope: 'provider',
  status: 504,
  message: `the upstream sent nothing for ${Math.round(idleMs / 1000)} s`,
  code: 'upstream_timeout',
  retryable: true,
});

/** The upstream answered with something that is not its protocol. */
export const strangeFailure = (what: string, upstreamStatus: number): Failure => ({
  kind: 'upstream',
  scope: 'provider',
  status: upstreamStatus >= 500 ? upstreamStatus : 502,
  message: `the upstream answered ${upstreamStatus} with ${what}`,
  code: 'upstream_error',
  retryable: true,
  upstream: { status: upstreamStatus },
});

/** The upstream's stream could not be read to its end: an event beyond all bounds, or a fault of a codec. */
export const unreadableFailure = (cause: unknown): Failure => ({
  kind: 'upstream',
  scope: 'gateway',
  status: 502,
  message: "the upstream's stream could not be read",
  code: 'upstream_error',
  retryable: false,
  cause,
});

/** The client left; nobody reads this. */
export const cancelledFailure: Failure = {
  kind: 'cancelled',
  scope: 'request',
  status: 499,
  message: 'the client closed the request',
  retryable: false,
};

const errorCode = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
};
