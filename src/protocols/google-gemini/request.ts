export { decodeRequest } from './request-decode.ts';
export { encodeRequest } from './request-encode.ts';
