import { asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { ReasoningPart, Seal } from '../../turn/part.ts';
import { packSeal, unpackSeal } from '../seal.ts';
import { protocolId } from './names.ts';

/**
 * A thought signature stands on a part of another kind: on the call that the thoughts led to, on the text, or on an
 * empty text behind it. The turn has it on a reasoning part, where every protocol has a place for it, and says with
 * the first character of the seal where it belongs; base64 has none of these, and one on a call goes without.
 *
 * `call`: the call that follows. `next`: whatever other part follows. `self`: the thought itself. `text`: the text
 * before. `alone`: an empty text.
 */
export type SignaturePlace = 'call' | 'next' | 'self' | 'text' | 'alone';

const marks: readonly (readonly [place: SignaturePlace, mark: string])[] = [
  ['next', '!'],
  ['self', '.'],
  ['text', '^'],
  ['alone', '~'],
  ['call', ''],
];

export const ownSeal = (signature: string, place: SignaturePlace, issuer?: string): Seal => ({
  protocol: protocolId,
  issuer,
  value: marks.find(([one]) => one === place)![1] + signature,
});

/** The signature in this protocol's own seal, and where it belongs. */
export function openSeal({ value }: Seal): { signature: string; place: SignaturePlace } {
  const [place, mark] = marks.find(([, mark]) => value.startsWith(mark))!;
  return { signature: value.slice(mark.length), place };
}

const head = 'drgt1:';
const packedHead = btoa(head);

/**
 * Puts reasoning of other protocols into a thought signature. The field holds bytes, which some clients decode and
 * write again, so the whole is base64. The words go along: a maker wants them back to the letter, and Gemini CLI
 * keeps no thought in its history.
 */
export function packReasoning(parts: readonly ReasoningPart[]): string {
  const packed = parts.map(({ seal, id, text, summary, hidden }) => ({
    seal: seal && packSeal(seal, id),
    text,
    summary,
    hidden,
  }));
  return Buffer.from(head + JSON.stringify(packed)).toString('base64');
}

/** Reads what `packReasoning` wrote; nothing for a signature that the API made. */
export function unpackReasoning(signature: string): ReasoningPart[] | undefined {
  if (!signature.startsWith(packedHead)) return undefined;
  let packed: Json;
  try {
    packed = JSON.parse(Buffer.from(signature, 'base64').toString().slice(head.length)) as Json;
  } catch {
    return undefined;
  }
  return Array.isArray(packed) ? packed.filter(isObject).map(unpackPart) : undefined;
}

function unpackPart(packed: JsonObject): ReasoningPart {
  const part: ReasoningPart = { kind: 'reasoning' };
  const opened = unpackSeal(asString(packed.seal) ?? '', protocolId);
  if (opened?.id !== undefined) part.id = opened.id;
  if (opened !== undefined) part.seal = opened.seal;
  if (typeof packed.text === 'string') part.text = packed.text;
  if (Array.isArray(packed.summary)) part.summary = packed.summary.filter((text) => typeof text === 'string');
  if (packed.hidden === true) part.hidden = true;
  return part;
}

/** The words of a reasoning part as one text. */
export const wordsOf = ({ text, summary }: ReasoningPart): string => text || (summary?.join('\n\n') ?? '');
