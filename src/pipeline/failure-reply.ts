import type { Protocol } from '../protocols/protocol.ts';
import { FailureError, type Failure } from '../turn/failure.ts';
import { errorHeaders } from './reply-headers.ts';

/** An error answer in the client's protocol; `asArray` where a stream would have come as one JSON array. */
export const failureReply = (
  surface: Protocol,
  failure: Failure,
  requestId: string,
  headers: Record<string, string> = {},
  asArray = false,
): Response => {
  const body = JSON.stringify(surface.encodeFailure(failure, requestId));
  return new Response(asArray ? `[${body}\n]` : body, {
    status: failure.status,
    headers: {
      ...headers,
      ...errorHeaders(failure),
      'content-type': 'application/json',
      'x-request-id': requestId,
    },
  });
};

/** An upstream's refusal, which is answered in its own words where the client speaks them. */
export class UpstreamRefusal extends FailureError {
  /** The failure may say another time to wait than the upstream's own. */
  readonly reply: (failure: Failure) => Response;

  constructor(failure: Failure, reply: (failure: Failure) => Response) {
    super(failure);
    this.reply = reply;
  }
}
