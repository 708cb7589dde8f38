import { createHash } from 'node:crypto';
import { lastMember, memberValue, scanMembers, valueIn, type Member } from '../protocols/json-scan.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { asObject, asString, isObject, type Json } from '../turn/json.ts';
import type { Inbound } from './exchange.ts';

/** Members by which clients say which conversation a request belongs to, the surest first. */
const named = ['prompt_cache_key', 'conversation'] as const;
/** Messages that are looked at, those of a system or developer included. */
const openingMax = 8;
/** Of each no more than this is looked at. */
const messageBytesMax = 256 * 1024;

/**
 * A key that the turns of one conversation share and those of others do not, within one caller: the id that the
 * client gave in a header or in the body, else a hash of its opening, which is all that the user said before the
 * first answer, and which every later turn repeats. `undefined` when nothing tells.
 */
export function conversationKey(
  { caller, sessionId, sessionIn, surface }: Pick<Inbound, 'caller' | 'sessionId' | 'sessionIn' | 'surface'>,
  body: Uint8Array,
): string | undefined {
  const told = sessionId ?? inBody(surface, sessionIn, body);
  return told === undefined ? undefined : `${caller.id}\n${told}`;
}

function inBody(
  { conversation }: Protocol,
  sessionIn: Inbound['sessionIn'],
  body: Uint8Array,
): string | undefined {
  const scan = scanMembers(body, ['model', ...named, 'metadata', conversation]);
  if (!scan.ok) return undefined;
  for (const name of named) {
    const id = idOf(valueIn(body, scan.members, name));
    if (id !== undefined) return `${name} ${id}`;
  }
  const metadata = asObject(valueIn(body, scan.members, 'metadata'));
  const session = metadata && sessionIn(metadata);
  if (session !== undefined) return `metadata ${session}`;
  const turns = lastMember(scan.members, conversation);
  return turns && openingOf(body, turns);
}

const idOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : asString(asObject(value)?.id);

/** Clients begin many conversations with the same words about their surroundings: one message alone tells too little. */
function openingOf(body: Uint8Array, { from, to }: Member): string | undefined {
  const hash = createHash('sha256');
  if (body[from] === 0x22) {
    // Its second turn will have it as a message.
    const content = to - from > messageBytesMax ? null : memberValue(body, { from, to });
    return hash.update(JSON.stringify({ role: 'user', content })).digest('base64url');
  }
  let at = from + 1;
  let isEmpty = true;
  for (let i = 0; i < openingMax; i++) {
    const element = nextElement(body, at, to);
    if (element === undefined) break;
    at = element.to;
    const size = element.to - element.from;
    const message = size > messageBytesMax ? undefined : memberValue(body, element);
    if (message === undefined) {
      hash.update(body.subarray(element.from, element.from + messageBytesMax));
    } else if (isByUser(message)) {
      hash.update(JSON.stringify(message, unmarked));
    } else if (isByGuide(message)) {
      continue;
    } else {
      break;
    }
    isEmpty = false;
  }
  return isEmpty ? undefined : hash.digest('base64url');
}

const roleOf = (message: Json): Json | undefined => (isObject(message) ? message.role : undefined);
/** Gemini's user needs no role. */
const isByUser = (message: Json): boolean =>
  roleOf(message) === 'user' || (isObject(message) && message.role === undefined && 'parts' in message);
const isByGuide = (message: Json): boolean => roleOf(message) === 'system' || roleOf(message) === 'developer';

/** Marks move from turn to turn, and ids are given anew. */
const unmarked = (key: string, value: unknown): unknown =>
  key === 'cache_control' || key === 'id' ? undefined : value;

/** The next object of an array that is known to be valid JSON. */
function nextElement(
  bytes: Uint8Array,
  start: number,
  end: number,
): { from: number; to: number } | undefined {
  let from = start;
  while (from < end && bytes[from] !== 0x7b) from++;
  let depth = 0;
  for (let at = from; at < end; at++) {
    const c = bytes[at];
    if (c === 0x22) {
      for (at++; bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at++;
    } else if (c === 0x7b) {
      depth++;
    } else if (c === 0x7d && --depth === 0) {
      return { from, to: at + 1 };
    }
  }
  return undefined;
}
