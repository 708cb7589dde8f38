import { asArray, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Paths } from '../json-paths.ts';
import { createLedger } from '../ledger.ts';
import { saysOneOf, type IsForeign, type OpaqueRules, type Without } from '../opaque.ts';
import { own } from './fields.ts';

const message: Paths = {
  reasoning_details: { '*': { signature: true, data: true } },
  reasoning_opaque: true,
};

/** What compatible servers want back unread: the signed or encrypted entries of `reasoning_details`, and `reasoning_opaque`. */
export const opaque: OpaqueRules = {
  reply: { choices: { '*': { delta: message, message } } },
  needles: ['"reasoning_details"', '"reasoning_opaque"'],
  members: new Set(['signature', 'data', 'reasoning_opaque']),
  accountBound: true,
  without,
  refuses: (failure) =>
    saysOneOf(
      failure,
      /invalid_encrypted_content|thought.?signature|signature\W* in \W*thinking|reasoning_(?:details|opaque)/i,
    ),
};

function without(body: JsonObject, isForeign: IsForeign): Without {
  const ledger = createLedger(own, own);
  const sealed = (value: Json | undefined): boolean =>
    typeof value === 'string' && value !== '' && isForeign(value);
  const isSealed = (entry: Json): boolean =>
    isObject(entry) && (sealed(entry.signature) || sealed(entry.data));

  const turns = asArray(body.messages).map((entry, i): Json | undefined => {
    if (!isObject(entry) || entry.role !== 'assistant') return entry;
    const { reasoning_details: details, reasoning_opaque, ...rest } = entry;
    const kept = Array.isArray(details) ? details.filter((each) => !isSealed(each)) : undefined;
    const isSame = kept === undefined || kept.length === asArray(details).length;
    const losesOpaque = sealed(reasoning_opaque);
    if (isSame && !losesOpaque) return entry;
    ledger.lose('parts.seal', `messages[${i}]`);
    const out: JsonObject = rest;
    if (details !== undefined && (isSame || kept.length > 0)) out.reasoning_details = isSame ? details : kept;
    if (reasoning_opaque !== undefined && !losesOpaque) out.reasoning_opaque = reasoning_opaque;
    return out;
  });
  return { turns, notes: ledger.notes };
}
