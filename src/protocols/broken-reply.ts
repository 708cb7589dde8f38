import type { Failure } from '../turn/failure.ts';

/** The upstream's body ended before the reply did. */
export const cutFailure: Failure = {
  kind: 'cut',
  scope: 'provider',
  status: 502,
  retryable: true,
  message: 'the upstream ended the stream before it was complete',
};

/** The upstream answered with something that is not a reply of its protocol. */
export const unreadableFailure = (message: string): Failure => ({
  kind: 'upstream',
  scope: 'provider',
  status: 502,
  retryable: true,
  message,
});
