import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Part, ReasoningPart } from '../../turn/part.ts';
import type { Turn, TurnRequest } from '../../turn/request.ts';
import type { EncodeTarget } from '../protocol.ts';
import { foreignMembers } from '../foreign-members.ts';
import { upstreamCallId } from '../repairs/call-ids.ts';
import { sealFits } from '../seal.ts';
import { encodeBlock, isBlank } from './block-encode.ts';
import type { BlockWriter } from './block-writer.ts';
import { repairMessages, type Message } from './message-repairs.ts';
import { protocolId } from './names.ts';

/**
 * The turns of another protocol as `system` and `messages`, in the order the API insists on: leading system and
 * developer turns become the system prompt, later ones a marked user text; an assistant's calls are answered
 * by the very next message, results first.
 *
 * What a turn becomes depends on it and on what stands before it, never on what follows, so that the messages
 * of the next turn begin with those of this one and the upstream's prompt cache holds.
 */
export function conversation(
  request: TurnRequest,
  target: EncodeTarget,
  toolName: BlockWriter['toolName'],
  notes: Note[],
): { system: JsonObject[] | string | undefined; messages: JsonObject[] } {
  const writer = foreignWriter(target, toolName, notes);
  const system: JsonObject[] = [];
  writeInto(system, request.instructions, writer, 'instructions', true);

  const messages: Message[] = [];
  let leading = true;
  request.turns.forEach((turn, i) => {
    const path = turnPath(request, turn, i);
    noteTurn(turn, path, notes);
    if (turn.role === 'user' || turn.role === 'assistant') leading = false;
    if (leading) writeInto(system, turn.parts, writer, path, true);
    else if (turn.role === 'assistant') addAssistant(messages, turn, writer, path);
    else if (turn.role === 'user') addUser(messages, turn, writer, path);
    else addReminder(messages, turn, writer, path);
  });
  repairMessages(messages, notes);
  return {
    system: system.length === 0 ? undefined : plain(system),
    messages: messages.map(({ role, blocks }) => ({
      role,
      content: role === 'user' ? plain(blocks) : blocks,
    })),
  };
}

function foreignWriter(target: EncodeTarget, toolName: BlockWriter['toolName'], notes: Note[]): BlockWriter {
  const writer: BlockWriter = {
    to: 'upstream',
    own: false,
    callId: upstreamCallId,
    toolName,
    seal: (part) => foreignSeal(part, target, writer),
    path: '',
    notes,
  };
  return writer;
}

/** The API verifies signatures: reasoning goes up only with one that this upstream made. */
function foreignSeal(part: ReasoningPart, target: EncodeTarget, writer: BlockWriter): string | null {
  if (part.seal && sealFits(part.seal, protocolId, target.issuer)) return part.seal.value;
  if (part.seal === undefined && !part.text && !part.summary?.some((section) => section !== '')) return null;
  writer.notes.push({
    path: writer.path,
    action: 'dropped',
    why: 'reasoning without a signature of this upstream cannot be sent',
    weight: 'note',
  });
  return null;
}

/** Where a turn stands in the client's request. */
function turnPath(request: TurnRequest, turn: Turn, index: number): string {
  if (request.protocol !== 'openai-responses') return `messages[${index}]`;
  return `input[${turn.parts[0]?.item?.index ?? index}]`;
}

function noteTurn(turn: Turn, path: string, notes: Note[]): void {
  const drop = (member: string) =>
    notes.push({ path: `${path}.${member}`, action: 'dropped', why: 'no counterpart', weight: 'note' });
  if (turn.name !== undefined) drop('name');
  const extras = [turn.extras, ...turn.parts.map((part) => part.extras)];
  for (const key of new Set(extras.flatMap((each) => foreignMembers(each, protocolId)))) drop(key);
}

/** Appends the blocks of some parts; the system prompt holds text alone. */
function writeInto(
  blocks: JsonObject[],
  parts: readonly Part[],
  writer: BlockWriter,
  path: string,
  textOnly: boolean,
): void {
  parts.forEach((part, i) => {
    writer.path = `${path}.content[${i}]`;
    // Tools that join in mid-conversation are on offer from the start; the part itself says nothing more.
    if (part.kind === 'tool_change' && part.add !== undefined) return;
    if (textOnly && part.kind !== 'text') {
      const why = `a system prompt holds text, not ${part.kind}`;
      writer.notes.push({ path: writer.path, action: 'dropped', why, weight: 'degrade' });
      return;
    }
    const block = encodeBlock(part, writer);
    if (block && !isBlank(block)) blocks.push(block);
  });
}

function addAssistant(messages: Message[], turn: Turn, writer: BlockWriter, path: string): void {
  const blocks: JsonObject[] = [];
  writeInto(blocks, turn.parts, writer, path, false);
  if (blocks.length === 0) return;
  const last = messages.at(-1);
  if (last?.role === 'assistant') last.blocks.push(...blocks);
  else messages.push({ role: 'assistant', blocks, results: 0 });
}

function addUser(messages: Message[], turn: Turn, writer: BlockWriter, path: string): void {
  const blocks: JsonObject[] = [];
  writeInto(blocks, turn.parts, writer, path, false);
  const results = blocks.filter((block) => block.type === 'tool_result');
  const others = blocks.filter((block) => block.type !== 'tool_result');
  if (results.length === 0) {
    if (others.length > 0) messages.push({ role: 'user', blocks: others, results: 0 });
    return;
  }
  const asked = messages.findLastIndex((message) => message.role === 'assistant');
  const answer = asked < 0 ? undefined : messages[asked + 1];
  if (answer === undefined) {
    messages.push({ role: 'user', blocks: [...results, ...others], results: results.length });
    return;
  }
  answer.blocks.splice(answer.results, 0, ...results);
  answer.results += results.length;
  if (others.length > 0) answer.blocks.push(...others);
}

/** A system or developer turn after the conversation has begun. */
function addReminder(messages: Message[], turn: Turn, writer: BlockWriter, path: string): void {
  const blocks: JsonObject[] = [];
  writeInto(blocks, turn.parts, writer, path, true);
  if (blocks.length === 0) return;
  for (const block of blocks) block.text = `<system-reminder>\n${String(block.text)}\n</system-reminder>`;
  writer.notes.push({
    path,
    action: 'repaired',
    why: `a ${turn.role} message in mid-conversation is sent as a marked user message`,
    weight: 'note',
  });
  messages.push({ role: 'user', blocks, results: 0 });
}

/** One bare text as a plain string. */
function plain(blocks: JsonObject[]): JsonObject[] | string {
  const [only] = blocks;
  const bare = blocks.length === 1 && only!.type === 'text' && Object.keys(only!).length === 2;
  return bare ? (only!.text as string) : blocks;
}
