import type { JsonObject } from '../../turn/json.ts';
import type { Part, ReasoningPart } from '../../turn/part.ts';
import type { Turn, TurnRequest } from '../../turn/request.ts';
import type { EncodeTarget } from '../protocol.ts';
import type { Ledger } from '../ledger.ts';
import { placesOf, type Places } from '../places.ts';
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
  ledger: Ledger,
): { system: JsonObject[] | string | undefined; messages: JsonObject[] } {
  const places = placesOf(request);
  const writer = foreignWriter(target, toolName, ledger, places);
  const system: JsonObject[] = [];
  writeInto(system, request.instructions, writer, (_part, i) => places.instruction(i), true);

  const messages: Message[] = [];
  let leading = true;
  request.turns.forEach((turn, i) => {
    const place = places.turn(turn, i);
    const placeOf: PlaceOf = (part, j) => places.part(turn, i, part, j);
    if (turn.name !== undefined) ledger.lose('turns.name', place);
    ledger.foreign(turn.extras, place);
    if (turn.role === 'user' || turn.role === 'assistant') leading = false;
    if (leading) writeInto(system, turn.parts, writer, placeOf, true);
    else if (turn.role === 'assistant') addAssistant(messages, turn, writer, placeOf);
    else if (turn.role === 'user') addUser(messages, turn, writer, placeOf);
    else addReminder(messages, turn, writer, placeOf, place);
  });
  repairMessages(messages, ledger);
  return {
    system: system.length === 0 ? undefined : plain(system),
    messages: messages.map(({ role, blocks }) => ({
      role,
      content: role === 'user' ? plain(blocks) : blocks,
    })),
  };
}

/** Where a part stood in the client's request. */
type PlaceOf = (part: Part, index: number) => string;

function foreignWriter(
  target: EncodeTarget,
  toolName: BlockWriter['toolName'],
  ledger: Ledger,
  places: Places,
): BlockWriter {
  const writer: BlockWriter = {
    upstream: { ledger, places, abilities: target.abilities },
    own: false,
    callId: upstreamCallId,
    toolName,
    seal: (part) => foreignSeal(part, target, writer, ledger),
    path: '',
    notes: [],
  };
  return writer;
}

/** The API verifies signatures: reasoning goes up only with one that this upstream made. */
function foreignSeal(
  part: ReasoningPart,
  target: EncodeTarget,
  { path }: BlockWriter,
  ledger: Ledger,
): string | null {
  const { seal } = part;
  if (seal && sealFits(seal, protocolId, target.issuer)) return seal.value;
  if (seal) ledger.lose('parts.seal', path);
  if (part.text || part.summary?.some((section) => section !== '')) ledger.lose('parts.reasoning', path);
  return null;
}

/** Appends the blocks of some parts; the system prompt holds text alone. */
function writeInto(
  blocks: JsonObject[],
  parts: readonly Part[],
  writer: BlockWriter,
  placeOf: PlaceOf,
  textOnly: boolean,
): void {
  const { ledger } = writer.upstream!;
  parts.forEach((part, i) => {
    writer.path = placeOf(part, i);
    ledger.foreign(part.extras, writer.path);
    // Tools that join in mid-conversation are on offer from the start; the part itself says nothing more.
    if (part.kind === 'tool_change' && part.add !== undefined) {
      ledger.lose('parts.tool_change', writer.path);
      return;
    }
    if (textOnly && part.kind !== 'text') {
      ledger.lose('turns.system_media', writer.path, part.kind === 'media' ? part.as : part.kind);
      return;
    }
    const block = encodeBlock(part, writer);
    if (block && !isBlank(block)) blocks.push(block);
  });
}

function addAssistant(messages: Message[], turn: Turn, writer: BlockWriter, placeOf: PlaceOf): void {
  const blocks: JsonObject[] = [];
  const { ledger } = writer.upstream!;
  const sayable = (part: Part, i: number): boolean => {
    if (part.kind !== 'media') return true;
    ledger.lose('parts.reply_media', placeOf(part, i), part.as);
    return false;
  };
  const indexes = new Map(turn.parts.map((part, i) => [part, i]));
  writeInto(blocks, turn.parts.filter(sayable), writer, (part) => placeOf(part, indexes.get(part)!), false);
  if (blocks.length === 0) return;
  const last = messages.at(-1);
  if (last?.role === 'assistant') last.blocks.push(...blocks);
  else messages.push({ role: 'assistant', blocks, results: 0 });
}

function addUser(messages: Message[], turn: Turn, writer: BlockWriter, placeOf: PlaceOf): void {
  const blocks: JsonObject[] = [];
  writeInto(blocks, turn.parts, writer, placeOf, false);
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
function addReminder(
  messages: Message[],
  turn: Turn,
  writer: BlockWriter,
  placeOf: PlaceOf,
  place: string,
): void {
  const blocks: JsonObject[] = [];
  writeInto(blocks, turn.parts, writer, placeOf, true);
  if (blocks.length === 0) return;
  for (const block of blocks) block.text = `<system-reminder>\n${String(block.text)}\n</system-reminder>`;
  const member = turn.role === 'developer' ? 'turns.developer' : 'turns.system';
  writer.upstream!.ledger.loseWhen(member, 'later', place);
  messages.push({ role: 'user', blocks, results: 0 });
}

/** One bare text as a plain string. */
function plain(blocks: JsonObject[]): JsonObject[] | string {
  const [only] = blocks;
  const bare = blocks.length === 1 && only!.type === 'text' && Object.keys(only!).length === 2;
  return bare ? (only!.text as string) : blocks;
}
