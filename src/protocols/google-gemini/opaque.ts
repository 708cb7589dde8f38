import { asArray, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Paths } from '../json-paths.ts';
import { createLedger } from '../ledger.ts';
import { saysOneOf, type IsForeign, type OpaqueRules, type Without } from '../opaque.ts';
import { noSignature, wantsSignatures } from './models.ts';
import { protocolId } from './names.ts';

const content: Paths = { parts: { '*': { thoughtSignature: true } } };

/** Thought signatures: https://ai.google.dev/gemini-api/docs/thought-signatures */
export const opaque: OpaqueRules = {
  reply: { candidates: { '*': { content } } },
  needles: ['"thoughtSignature"'],
  isBase64: true,
  members: new Set(['thoughtSignature', 'thought_signature']),
  accountBound: true,
  without,
  refuses: (failure) => saysOneOf(failure, /thought.?signature/i),
};

function without(body: JsonObject, isForeign: IsForeign, model: string): Without {
  const ledger = createLedger(protocolId, protocolId);
  const turns = asArray(body.contents).map((each, i): Json | undefined => {
    if (!isObject(each) || each.role !== 'model' || !Array.isArray(each.parts)) return each;
    let isFirstCall = true;
    let isSame = true;
    const parts = each.parts.flatMap((part, j): Json[] => {
      if (!isObject(part)) return [part];
      const isCall = (part.functionCall ?? part.function_call) !== undefined;
      const misses = isCall && isFirstCall && wantsSignatures(model);
      if (isCall) isFirstCall = false;
      const value = part.thoughtSignature ?? part.thought_signature;
      const signature = typeof value === 'string' && value !== '' ? value : undefined;
      if (signature === noSignature || (signature === undefined && !misses) || !isForeign(signature)) {
        return [part];
      }
      isSame = false;
      if (signature !== undefined) ledger.lose('parts.seal', `contents[${i}].parts[${j}]`);
      const { thoughtSignature: _, thought_signature: __, ...bare } = part;
      // For calls that others made the vendor documents a word in the place of the signature.
      if (misses) return [{ ...bare, thoughtSignature: noSignature }];
      return part.thought === true || part.text === '' ? [] : [bare];
    });
    if (isSame) return each;
    return parts.length === 0 ? undefined : { ...each, parts };
  });
  return { turns, notes: ledger.notes };
}
