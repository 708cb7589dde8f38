import { invalidRequest, type Failure } from '../turn/failure.ts';

/** The client has cancelled it, and stays. */
export const cancelled: Failure = {
  kind: 'cancelled',
  scope: 'request',
  status: 499,
  message: 'the response was cancelled',
  code: 'response_cancelled',
  retryable: false,
};

/** A cancel of a response that does not run. */
export const notActive = invalidRequest('there is no such response in progress to cancel', 'response_id', {
  code: 'response_cancel_not_active',
});

/** More lanes than a connection may have. */
export const tooManyLanes = invalidRequest(
  'This WebSocket connection has reached its stream limit.',
  'stream_id',
  {
    code: 'websocket_stream_limit_reached',
  },
);

/** A turn that no room was left for. */
export const queueFull: Failure = {
  kind: 'rate_limited',
  scope: 'request',
  status: 429,
  message: 'too many turns wait on this connection; this one was not taken',
  code: 'websocket_queue_full',
  retryable: true,
};

/** In the words on which clients connect again and send the whole conversation. */
export const lifetimeOver = (lifetimeMs: number): Failure =>
  invalidRequest(
    `Responses websocket connection limit reached (${Math.round(lifetimeMs / 60_000)} minutes). Create a new websocket connection to continue.`,
    undefined,
    { code: 'websocket_connection_limit_reached' },
  );
