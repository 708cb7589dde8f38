import type { Protocol } from '../protocol.ts';
import { count } from './count.ts';
import { decodeFailure, encodeFailure, failureFrames } from './failure.ts';
import { protocolId } from './names.ts';
import { renameModel } from './nested-model.ts';
import { opaque } from './opaque.ts';
import { decodeRequest, encodeRequest } from './request.ts';
import { decodeResult, encodeResult } from './result.ts';
import { streamDecoder, streamEncoder } from './stream.ts';
import { tap } from './tap.ts';

/** Google's Gemini API: `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`. */
export const googleGemini: Protocol = {
  id: protocolId,
  conversation: 'contents',
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
  renameModel,
};
