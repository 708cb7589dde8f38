import type { JsonObject } from '../../turn/json.ts';
import type { Ledger } from '../ledger.ts';

/** A message while the conversation is put together. */
export interface Message {
  readonly role: 'user' | 'assistant';
  blocks: JsonObject[];
  /** How many of the blocks are tool results; they come first. */
  results: number;
}

/** The longest call id, less the room that a number behind it takes. */
const repeatedIdCharsMax = 60;

/** Brings messages of another protocol into the order that the API insists on. */
export function repairMessages(messages: Message[], ledger: Ledger): void {
  endWithoutThinking(messages, ledger);
  tellCallsApart(messages, ledger);
  answerCalls(messages, ledger);
  openWithUser(messages, ledger);
  trimPrefill(messages, ledger);
}

/** "The final block in an assistant message cannot be `thinking`": a reply that was cut off there says nothing. */
function endWithoutThinking(messages: Message[], ledger: Ledger): void {
  for (let i = messages.length - 1; i >= 0; i--) {
    const { role, blocks } = messages[i]!;
    if (role !== 'assistant') continue;
    const end = blocks.findLastIndex(({ type }) => type !== 'thinking' && type !== 'redacted_thinking') + 1;
    if (end === blocks.length) continue;
    blocks.length = end;
    if (end === 0) messages.splice(i, 1);
    ledger.loseWhen('parts.reasoning', 'last', 'messages');
  }
}

/** Some servers count their calls from 0 in every reply; here each id is to be met once. */
function tellCallsApart(messages: readonly Message[], ledger: Ledger): void {
  const seen = new Set<string>();
  messages.forEach(({ role, blocks }, i) => {
    if (role !== 'assistant') return;
    const ids = new Map<unknown, string[]>();
    for (const block of blocks) {
      if (block.type !== 'tool_use') continue;
      const id = String(block.id);
      let fresh = id;
      for (let n = 2; seen.has(fresh); n++) fresh = `${id.slice(0, repeatedIdCharsMax)}-${n}`;
      if (fresh !== id) ledger.repair('messages', `the call id ${id} was used before`, 'note');
      seen.add(fresh);
      ids.set(id, [...(ids.get(id) ?? []), fresh]);
      block.id = fresh;
    }
    for (const block of messages[i + 1]?.blocks ?? []) {
      const next = block.type === 'tool_result' ? ids.get(block.tool_use_id)?.shift() : undefined;
      if (next !== undefined) block.tool_use_id = next;
    }
  });
}

/** Gives every call its result and every result its call. */
function answerCalls(messages: Message[], ledger: Ledger): void {
  if (messages.at(-1)?.blocks.some(isCall)) messages.push({ role: 'user', blocks: [], results: 0 });
  messages.forEach((message, i) => {
    if (message.role === 'assistant') return;
    const open = new Set<unknown>();
    for (const block of messages[i - 1]?.blocks ?? []) if (isCall(block)) open.add(block.id);
    const results: JsonObject[] = [];
    const others: JsonObject[] = [];
    for (const block of message.blocks) {
      if (block.type !== 'tool_result') others.push(block);
      else if (open.delete(block.tool_use_id)) results.push(block);
      else {
        others.push(...orphan(block));
        const why = `the result of ${String(block.tool_use_id)} answers no call and is sent as text`;
        ledger.repair('messages', why, 'degrade');
      }
    }
    for (const id of open) {
      const content = 'The tool gave no result.';
      results.push({ type: 'tool_result', tool_use_id: id as string, content, is_error: true });
      const why = `the call ${String(id)} has no result; one that says so is sent`;
      ledger.repair('messages', why, 'degrade');
    }
    message.blocks = [...results, ...others];
  });
}

const isCall = (block: JsonObject): boolean => block.type === 'tool_use';

/** What a result holds, as the user's own words. */
function orphan({ tool_use_id: id, content }: JsonObject): JsonObject[] {
  const head = `Result of the tool call ${String(id)}:`;
  if (!Array.isArray(content)) return [{ type: 'text', text: `${head}\n${String(content ?? '')}` }];
  return [{ type: 'text', text: head }, ...(content as JsonObject[])];
}

function openWithUser(messages: Message[], ledger: Ledger): void {
  if (messages[0]?.role === 'user') return;
  messages.unshift({ role: 'user', blocks: [{ type: 'text', text: '.' }], results: 0 });
  const why = 'a conversation must begin with a user message; one with a full stop is put in front';
  ledger.repair('messages', why, 'note');
}

/** A reply that is begun by the client must not end in white space. */
function trimPrefill(messages: Message[], ledger: Ledger): void {
  const last = messages.at(-1);
  const block = last?.role === 'assistant' ? last.blocks.at(-1) : undefined;
  if (block?.type !== 'text' || typeof block.text !== 'string') return;
  const text = block.text.trimEnd();
  if (text === block.text) return;
  last!.blocks[last!.blocks.length - 1] = { ...block, text };
  ledger.repair('messages', 'white space at the end of the last assistant message is cut', 'note');
}
