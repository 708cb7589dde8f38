import type { Protocol } from '../protocol.ts';
import { count } from './count.ts';
import { decodeFailure, encodeFailure, failureFrames } from './failure.ts';
import { protocolId } from './names.ts';
import { opaque } from './opaque.ts';
import { decodeRequest, encodeRequest } from './request.ts';
import { decodeResult, encodeResult } from './result.ts';
import { streamDecoder, streamEncoder } from './stream.ts';
import { tap } from './tap.ts';

/** Anthropic's Messages API, beta features included: `POST /v1/messages`. */
export const anthropicMessages: Protocol = {
  id: protocolId,
  conversation: 'messages',
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
