import type { Protocol } from '../protocol.ts';
import { decodeFailure, encodeFailure, failureFrames } from './failure.ts';
import { own } from './fields.ts';
import { opaque } from './opaque.ts';
import { decodeRequest, encodeRequest } from './request.ts';
import { decodeResult, encodeResult } from './result.ts';
import { streamDecoder, streamEncoder } from './stream.ts';
import { tap } from './tap.ts';

/** OpenAI Chat Completions, with the members that compatible servers add to it. */
export const openaiChat: Protocol = {
  id: own,
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
};
