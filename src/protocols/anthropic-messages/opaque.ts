import { asArray, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Paths } from '../json-paths.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import { saysOneOf, type IsForeign, type OpaqueRules, type Without } from '../opaque.ts';
import { protocolId } from './names.ts';
import { loopLacksThinking } from './thinking.ts';

const block: Paths = { signature: true, data: true };

/**
 * Signatures of thinking, and thinking that is not shown. They hold in all accounts of the vendor, and for the
 * model that thought only: https://github.com/anthropics/anthropic-sdk-python/issues/1598
 */
export const opaque: OpaqueRules = {
  reply: { content: { '*': block }, content_block: block, delta: { signature: true } },
  needles: ['"signature"', '"redacted_thinking"'],
  pieces: { each: '"signature_delta"', start: '"content_block_start"' },
  members: new Set(['signature', 'data']),
  accountBound: false,
  sealsAll: true,
  without,
  refuses: (failure) =>
    saysOneOf(
      failure,
      /signature\W* in \W*thinking|thinking\W* blocks? .*cannot be modified|expected \W*thinking|signature: field required/i,
    ),
};

function without(body: JsonObject, isForeign: IsForeign): Without {
  const ledger = createLedger(protocolId, protocolId);
  const turns = asArray(body.messages).map((message, i): Json | undefined => {
    if (!isObject(message) || message.role !== 'assistant' || !Array.isArray(message.content)) return message;
    const { content } = message;
    const kept = content.filter((each, j) => {
      const value = sealOf(each);
      if (value === undefined || !isForeign(value)) return true;
      ledger.lose('parts.seal', `messages[${i}].content[${j}]`);
      return false;
    });
    if (kept.length === content.length) return message;
    return kept.length === 0 ? undefined : { ...message, content: kept };
  });
  return { turns, members: withoutThinking(body, turns, ledger), notes: ledger.notes };
}

function sealOf(value: Json): string | undefined {
  if (!isObject(value)) return undefined;
  const seal = value.type === 'thinking' ? value.signature : value.type === 'redacted_thinking' && value.data;
  return typeof seal === 'string' ? seal : undefined;
}

/**
 * With a budget, the API wants a turn that is under way to begin with the thinking that it began with. Where that is
 * gone the turn goes on without thinking, and so without the edits of it.
 */
function withoutThinking(
  body: JsonObject,
  turns: readonly (Json | undefined)[],
  ledger: Ledger,
): JsonObject | undefined {
  const { thinking, context_management: managed } = body;
  if (!isObject(thinking) || thinking.type !== 'enabled') return undefined;
  if (!loopLacksThinking(turns.filter(isObject))) return undefined;
  ledger.loseWhen('reasoning.budgetTokens', 'begun');
  const members: JsonObject = { thinking: { type: 'disabled' } };
  if (!isObject(managed) || !Array.isArray(managed.edits)) return members;
  const ofThinking = (edit: Json): boolean =>
    isObject(edit) && typeof edit.type === 'string' && edit.type.startsWith('clear_thinking');
  if (!managed.edits.some(ofThinking)) return members;
  const edits = managed.edits.filter((edit) => !ofThinking(edit));
  return { ...members, context_management: { ...managed, edits } };
}
