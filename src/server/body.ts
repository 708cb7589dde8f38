import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { BodyTooLarge, readBounded, sourceOf } from '../pipeline/byte-source.ts';
import { refuse } from '../turn/failure.ts';
import { entryOf } from '../turn/json.ts';

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

/** Request encodings that are taken; Codex sends `zstd`. */
const decoders: Record<string, Inflate> = {
  gzip: promisify(zlib.gunzip) as unknown as Inflate,
  deflate: promisify(zlib.inflate) as unknown as Inflate,
  br: promisify(zlib.brotliDecompress) as unknown as Inflate,
  zstd: promisify(zlib.zstdDecompress) as unknown as Inflate,
};

/**
 * Reads a request body, decompressed, of at most `bytesMax` bytes before and after. Refuses with 413 beyond
 * that, 415 for an encoding it does not know, 400 for one that is broken.
 */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) > bytesMax) tooLarge(bytesMax);
  const bytes = announced !== null ? await request.bytes() : await readChunked(request, bytesMax);
  const encoding = request.headers.get('content-encoding');
  return encoding === null || encoding === 'identity' ? bytes : inflate(bytes, encoding, bytesMax);
}

async function readChunked(request: Request, bytesMax: number): Promise<Uint8Array> {
  try {
    return await readBounded(sourceOf(request.body), bytesMax);
  } catch (error) {
    if (error instanceof BodyTooLarge) tooLarge(bytesMax);
    throw error;
  }
}

async function inflate(bytes: Uint8Array, encoding: string, bytesMax: number): Promise<Uint8Array> {
  const decode = entryOf(decoders, encoding.trim().toLowerCase());
  if (!decode) {
    refuse(`the content encoding ${JSON.stringify(encoding.slice(0, 40))} is not supported`, undefined, {
      status: 415,
      kind: 'unsupported',
    });
  }
  try {
    return await decode(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') tooLarge(bytesMax);
    refuse(`the request body is not valid ${encoding}`);
  }
}

function tooLarge(bytesMax: number): never {
  refuse(`the request body is larger than ${bytesMax} bytes`, undefined, {
    status: 413,
    kind: 'too_large',
    code: 'request_too_large',
  });
}
