import { asString, isObject } from '../turn/json.ts';
import type { Extras, NativePart, ProtocolId } from '../turn/part.ts';

/**
 * Names of the members that only other protocols read, as their clients write them, for notes on what an
 * encoder leaves out. Responses keeps an item's members apart from those of its content; the names are inside.
 *
 * @example
 * foreignMembers({ 'openai-responses': { item: { author: '/root' } } }, 'openai-chat') // ['author']
 */
export function foreignMembers(extras: Extras | undefined, own: ProtocolId): string[] {
  const names: string[] = [];
  for (const protocol in extras) {
    if (protocol === own) continue;
    const members = extras[protocol as ProtocolId];
    for (const key in members) {
      const value = members[key];
      const holds = protocol === 'openai-responses' && (key === 'item' || key === 'content');
      if (!holds || !isObject(value)) names.push(key);
      else names.push(...Object.keys(value).filter((inner) => inner !== 'type' && inner !== 'role'));
    }
  }
  return names;
}

/**
 * The words of a part that only its own protocol knows, where it is no more than a word: the name of a tool that a
 * search has found.
 */
export const nativeText = (part: NativePart): string | undefined =>
  part.type === 'tool_reference' ? asString(part.value.tool_name) : undefined;
