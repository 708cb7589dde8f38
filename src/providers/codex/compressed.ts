import type { WireRequest } from '../provider.ts';

/** The official client's. */
const level = 3;

/** The request with its body in zstd: whole conversations go up with every turn, and they are text. */
export async function compressed(request: WireRequest): Promise<WireRequest> {
  const body = await Bun.zstdCompress(request.body, { level });
  return { ...request, headers: { ...request.headers, 'content-encoding': 'zstd' }, body };
}
