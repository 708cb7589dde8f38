import type { ProtocolId, Seal } from '../turn/part.ts';

const mark = 'drg1:';

/**
 * Puts a seal into the one opaque slot that a foreign protocol offers (an Anthropic `signature`, a Responses
 * `encrypted_content`), labelled with its maker so that it finds its way back. `id` is the wire id of the item
 * that carried it, where the maker wants it returned.
 */
export function packSeal(seal: Seal, id?: string): string {
  return `${mark}${seal.protocol}:${encodeURIComponent(seal.issuer ?? '')}:${encodeURIComponent(id ?? '')}:${seal.value}`;
}

/**
 * Reads what `packSeal` wrote. A value without the label is `own`'s own seal; an empty one is none.
 */
export function unpackSeal(value: string, own: ProtocolId): { seal: Seal; id?: string } | undefined {
  if (value === '') return undefined;
  if (!value.startsWith(mark)) return { seal: { protocol: own, value } };
  const [protocol, issuer, id] = value.slice(mark.length).split(':', 3) as [string, string, string];
  const from = mark.length + protocol.length + (issuer?.length ?? 0) + (id?.length ?? 0) + 3;
  return {
    seal: {
      protocol: protocol as ProtocolId,
      issuer: decode(issuer),
      value: value.slice(from),
    },
    id: decode(id),
  };
}

/** Whether a seal may go to this upstream: its own protocol, and its own issuer where one is known. */
export const sealFits = (seal: Seal, protocol: ProtocolId, issuer: string): boolean =>
  seal.protocol === protocol && (seal.issuer === undefined || seal.issuer === issuer);

function decode(text: string | undefined): string | undefined {
  if (!text) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
