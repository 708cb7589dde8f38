import type { Protocol } from '../protocol.ts';
import { count } from './count.ts';
import { decodeFailure, encodeFailure, failureFrames } from './failure.ts';
import { opaque } from './opaque.ts';
import { decodeRequest, encodeRequest } from './request.ts';
import { decodeResult, encodeResult } from './result.ts';
import { streamDecoder, streamEncoder } from './stream.ts';
import { tap } from './tap.ts';
import { own } from './wire.ts';

/** OpenAI's Responses protocol, and Open Responses. */
export const openaiResponses: Protocol = {
  id: own,
  conversation: 'input',
  decodeRequest,
  encodeRequest,
  streamDecoder,
  streamEncoder,
  decodeResult,
  encodeResult,
  decodeFailure,
  encodeFailure,
  failureFrames,
  tap,
  opaque,
  count,
};
