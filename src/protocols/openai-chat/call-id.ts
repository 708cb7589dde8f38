import type { Abilities } from '../protocol.ts';
import { shortCallId } from '../repairs/call-ids.ts';

/** OpenAI refuses longer `tool_calls[].id` ("Expected a string with maximum length 40"); others take any. */
const charsMax = 40;

/** A call id that the upstream accepts. */
export const callIdFor = (id: string, abilities: Abilities): string =>
  id.length <= charsMax || !abilities.modernChat ? id : shortCallId(id, charsMax);
