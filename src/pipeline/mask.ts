import { secretTexts, type Account } from '../accounts/account.ts';
import type { Failure } from '../turn/failure.ts';
import type { Json } from '../turn/json.ts';
import type { LaneStream } from './relay.ts';

/** Takes out of an upstream's words what it was sent to prove the gateway by: some repeat it in their errors. */
export type Mask = (text: string) => string;

/** `configured` are secrets beside the account's own, such as those in headers that are sent with every request. */
export const maskFor =
  (account: Account, configured: readonly string[]): Mask =>
  (text) => {
    for (const secret of [...secretTexts(account.secret), ...configured])
      if (text.includes(secret)) text = text.replaceAll(secret, '[redacted]');
    return text;
  };

/** A failure in an upstream's words, masked. */
export function maskedFailure(failure: Failure, mask: Mask): Failure {
  if (failure.upstream === undefined) return failure;
  const { message, code, type, param, upstream } = failure;
  const { error } = upstream;
  return {
    ...failure,
    message: mask(message),
    code: code && mask(code),
    type: type && mask(type),
    param: param && mask(param),
    upstream:
      error === undefined
        ? upstream
        : { ...upstream, error: JSON.parse(mask(JSON.stringify(error))) as Json },
  };
}

/** Masks what a lane gives out when the stream fails: the words are in that piece, and all before it was reply. */
export function maskedLane(lane: LaneStream, mask: Mask): LaneStream {
  const { sight } = lane;
  function masked(bytes: Uint8Array): Uint8Array {
    if (sight.failure === undefined) return bytes;
    sight.failure = maskedFailure(sight.failure, mask);
    return maskedBytes(bytes, mask);
  }
  return {
    sight,
    push: (chunk) => masked(lane.push(chunk)),
    end: (failure) => masked(lane.end(failure)),
  };
}

/** Byte by byte, as a piece may end within a character. */
export const maskedBytes = (bytes: Uint8Array, mask: Mask): Uint8Array =>
  Buffer.from(mask(Buffer.from(bytes).toString('latin1')), 'latin1');
