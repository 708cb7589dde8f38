import { asArray, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Paths } from '../json-paths.ts';
import { createLedger } from '../ledger.ts';
import { saysOneOf, type IsForeign, type OpaqueRules, type Without } from '../opaque.ts';
import { own } from './wire.ts';

const item: Paths = { encrypted_content: true, content: { '*': { encrypted_content: true } } };

/**
 * Encrypted reasoning and compactions. Only the organization that they were made for can have them read:
 * https://github.com/QuantumNous/new-api/issues/4662
 */
export const opaque: OpaqueRules = {
  reply: { item, output: { '*': item }, response: { output: { '*': item } } },
  needles: ['"encrypted_content"'],
  members: new Set(['encrypted_content']),
  accountBound: true,
  without,
  sealsAll: true,
  refuses: (failure) =>
    saysOneOf(
      failure,
      /invalid_encrypted_content|encrypted content .*could not be|item .*'rs_\w*' not found|its required 'reasoning' item/i,
    ),
};

function without(body: JsonObject, isForeign: IsForeign): Without {
  const ledger = createLedger(own, own);
  const sealed = (value: Json | undefined): boolean =>
    typeof value === 'string' && value !== '' && isForeign(value);
  /** The reasoning that led to what follows is left out: by its id the API would ask for it. */
  let isBare = false;

  const turns = asArray(body.input).map((entry, i): Json | undefined => {
    if (!isObject(entry)) return entry;
    const { type } = entry;
    if (type === 'reasoning') {
      // Without a seal it is known by its id, and only to a server that keeps it.
      isBare = entry.encrypted_content ? sealed(entry.encrypted_content) : isForeign(undefined);
      if (!isBare) return entry;
      ledger.lose('parts.seal', `input[${i}]`);
      return undefined;
    }
    if ((type === 'compaction' || type === 'compaction_summary') && sealed(entry.encrypted_content)) {
      ledger.lose('parts.sealed_compaction', `input[${i}]`);
      return undefined;
    }
    if (entry.role !== undefined && entry.role !== 'assistant') isBare = false;
    const kept = withoutContent(entry, sealed);
    if (kept !== entry) ledger.lose('parts.seal', `input[${i}].content`);
    if (!isBare || kept.id === undefined || !isReply(kept)) return kept;
    const { id: _, ...nameless } = kept;
    return nameless;
  });
  return { turns, notes: ledger.notes };
}

const isReply = ({ type, role }: JsonObject): boolean =>
  type === 'function_call' || type === 'custom_tool_call' || role === 'assistant';

function withoutContent(entry: JsonObject, sealed: (value: Json | undefined) => boolean): JsonObject {
  if (!Array.isArray(entry.content)) return entry;
  const isSealed = (part: Json): boolean => isObject(part) && sealed(asString(part.encrypted_content));
  if (!entry.content.some(isSealed)) return entry;
  return { ...entry, content: entry.content.filter((part) => !isSealed(part)) };
}
