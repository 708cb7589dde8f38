import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { WireRequest } from '../provider.ts';

const compress = promisify(zlib.zstdCompress);

/** The official client's level. */
const options: zlib.ZstdOptions = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 3 } };

/** The request with its body in zstd: whole conversations go up with every turn, and they are text. */
export async function compressed(request: WireRequest): Promise<WireRequest> {
  const body = await compress(request.body, options);
  return { ...request, headers: { ...request.headers, 'content-encoding': 'zstd' }, body };
}
