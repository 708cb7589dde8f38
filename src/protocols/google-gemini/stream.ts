export { streamDecoder } from './stream-decode.ts';
export { streamEncoder } from './stream-encode.ts';
