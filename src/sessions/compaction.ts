import { isObject, type Json, type JsonObject } from '../turn/json.ts';

/** Seals text so that only this gateway can open it, and only for what it was sealed about. */
export interface Sealing {
  seal(text: string, about: string): string;
  /** Throws when it was sealed elsewhere, for something else, or was changed. */
  open(sealed: string, about: string): string;
}

/** What the sealed summary of this gateway begins with; all other compactions belong to their upstream. */
const prefix = 'drgc.';
/** What a request must hold to have one. */
export const summaryNeedle = `"${prefix}`;

const about = (caller: string): string => `a compaction of ${caller}`;

/** The item that takes the place of a conversation: only the caller that it was made for can have it opened. */
export const compactionItem = (
  sealing: Sealing,
  caller: string,
  id: string,
  summary: string,
): JsonObject => ({
  id,
  type: 'compaction',
  encrypted_content: prefix + sealing.seal(summary, about(caller)),
});

/** The same items with the summaries of this gateway opened. Throws for one that is not the caller's. */
export const withOpenSummaries = (sealing: Sealing, caller: string, items: readonly Json[]): Json[] =>
  items.map((item) => {
    if (!isObject(item) || item.type !== 'compaction') return item;
    const { encrypted_content: sealed } = item;
    if (typeof sealed !== 'string' || !sealed.startsWith(prefix)) return item;
    const summary = sealing.open(sealed.slice(prefix.length), about(caller));
    return {
      type: 'message',
      role: 'user',
      content: [{ type: 'input_text', text: `${summaryHeading}\n\n${summary}` }],
    };
  });

const summaryHeading =
  'What follows is a summary of this conversation up to here. It stands for everything that was said before.';

/** What a model is asked for at the end of a conversation that is to be compacted. */
export const summaryWish = `Write a summary of this conversation that can take its place, so that another model can go on \
with the work from it alone. Say what the user wants, with every constraint and preference that was stated; what was \
done and found out, with the exact names, paths, commands, numbers and errors that are still needed; what was decided \
and why; what is under way, and what is left to do. Be complete and terse. Answer with the summary only, and call no \
tool.`;

/** Of the user's own messages, as many of the last ones as have this many characters together stay as they were. */
const keptCharsMax = 40_000;

/** The user's last messages, in their order. */
export function lastUserMessages(items: readonly JsonObject[]): JsonObject[] {
  const kept: JsonObject[] = [];
  let chars = 0;
  for (const item of items.toReversed()) {
    if (item.role !== 'user' || (item.type !== undefined && item.type !== 'message')) continue;
    // An earlier summary is in the later one.
    if (JSON.stringify(item.content ?? null).includes(summaryHeading)) continue;
    chars += JSON.stringify(item).length;
    if (chars > keptCharsMax) break;
    kept.unshift(item);
  }
  return kept;
}
