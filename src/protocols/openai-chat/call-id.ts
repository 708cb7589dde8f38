import type { Abilities } from '../protocol.ts';

/** OpenAI refuses longer `tool_calls[].id` ("Expected a string with maximum length 40"); others take any. */
const charsMax = 40;

/**
 * A call id that the upstream accepts. An id too long is shortened to a hash of the whole, the same for call
 * and result; its reply never repeats an id of the history, so no way back is needed.
 */
export function callIdFor(id: string, abilities: Abilities): string {
  if (id.length <= charsMax || !abilities.modernChat) return id;
  let a = 0x811c9dc5;
  let b = 0x1000193;
  for (let i = 0; i < id.length; i++) {
    a = Math.imul(a ^ id.charCodeAt(i), 0x01000193);
    b = Math.imul(b + id.charCodeAt(i), 0x85ebca6b) ^ (b >>> 13);
  }
  const hash = (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
  return `${id.slice(0, charsMax - 17)}-${hash}`;
}
