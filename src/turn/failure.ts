import type { ProtocolId } from './part.ts';
import type { Json } from './json.ts';

/** What went wrong. Each protocol has one table from these to its own error types and statuses. */
export type FailureKind =
  | 'invalid_request'
  | 'authentication'
  | 'permission'
  | 'billing'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'unprocessable'
  | 'rate_limited'
  | 'overloaded'
  | 'timeout'
  /** The upstream failed or answered with something that is not its protocol. */
  | 'upstream'
  /** No connection: refused, unresolved name, TLS. */
  | 'unreachable'
  /** The upstream stopped in the middle of a reply. */
  | 'cut'
  /** The client left. */
  | 'cancelled'
  /** What the request continues is lost on the way to its upstream: only the whole conversation, sent anew, helps. */
  | 'replay'
  | 'unsupported'
  | 'internal';

/**
 * Whom a failure concerns, and so what follows: a `request` failure never rotates or cools anything, a
 * `model` or `account` failure moves on to another, a `provider` failure backs off.
 */
export type FailureScope = 'request' | 'model' | 'account' | 'provider' | 'gateway';

export interface Failure {
  readonly kind: FailureKind;
  readonly scope: FailureScope;
  /** HTTP status for the client. */
  readonly status: number;
  /** For people; never holds a secret. */
  readonly message: string;
  /** What a person can do about an account's trouble, in words of ours: it is stored and shown as it is. */
  readonly cure?: string;
  /** The request field at fault, as the client's protocol writes its path. */
  readonly param?: string;
  /** A machine word such as `model_not_found`, upstream's own where it gave one. */
  readonly code?: string;
  /** The upstream's own error type, kept for clients of the same protocol family. */
  readonly type?: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly upstream?: {
    readonly protocol?: ProtocolId;
    readonly status?: number;
    readonly requestId?: string;
    /** The upstream's error object, when it sent one. */
    readonly error?: Json;
  };
  readonly cause?: unknown;
}

/** The longest wait that is asked of a client (30 s is what they sit out): longer hints make some hang and others give up. */
export const retryAfterMsMax = 30_000;

/** A fault of the gateway's own. */
export const internalFailure = (message: string, cause?: unknown): Failure => ({
  kind: 'internal',
  scope: 'gateway',
  status: 500,
  message,
  code: 'internal_error',
  retryable: false,
  cause,
});

/** A code as far as it is one: some upstreams put sentences there, which may quote the request. */
export const machineWord = (code: string | undefined): string | undefined =>
  code !== undefined && /^[\w.:/-]{1,64}$/.test(code) ? code : undefined;

/** Carries a failure through code that throws; caught at the edge of the pipeline. */
export class FailureError extends Error {
  override readonly name = 'FailureError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message, { cause: failure.cause });
    this.failure = failure;
  }
}

/** A client's mistake: status 400 unless said otherwise. */
export function invalidRequest(message: string, param?: string, more: Partial<Failure> = {}): Failure {
  return {
    kind: 'invalid_request',
    scope: 'request',
    status: 400,
    message,
    param,
    retryable: false,
    ...more,
  };
}

/** Throws a client's mistake that names its field. */
export function refuse(message: string, param?: string, more?: Partial<Failure>): never {
  throw new FailureError(invalidRequest(message, param, more));
}
