export { decodeResult } from './stream-decode.ts';
export { encodeResult } from './stream-encode.ts';
