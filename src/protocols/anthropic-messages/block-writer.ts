import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Part, ReasoningPart } from '../../turn/part.ts';
import type { Member } from '../contract.ts';
import type { Ledger } from '../ledger.ts';
import type { Places } from '../places.ts';
import type { Abilities } from '../protocol.ts';
import { cacheControl } from './cache.ts';
import { protocolId } from './names.ts';
import { spelling } from './spelling.ts';

/** What the history is written with, for an upstream. */
export interface Upstream {
  readonly ledger: Ledger;
  readonly places: Places;
  readonly abilities: Abilities;
}

/** What differs between writing history for an upstream and writing a reply for a client. */
export interface BlockWriter {
  /** Absent for a reply to a client. */
  readonly upstream?: Upstream;
  /** The parts came in this very protocol and are written as they were, fit or not. */
  readonly own: boolean;
  callId(id: string): string;
  toolName(name: string, namespace?: string): string;
  /**
   * The opaque value of a reasoning part: `undefined` when it has none, `null` when the part must be left out
   * because its seal is somebody else's (the writer notes why).
   */
  seal(part: ReasoningPart): string | undefined | null;
  /** Where the part stands: in the client's request, or in the reply. */
  path: string;
  /** What a reply could not hold; a request's losses go to the ledger. */
  readonly notes: Note[];
}

/** Adds the cache mark, the protocol's own extras and the spelling of the part that a block was made from. */
export function dress(part: Part, block: JsonObject): JsonObject {
  const extras = part.extras?.[protocolId];
  const spelt = spelling(part);
  if (part.cache) block.cache_control = cacheControl(part.cache);
  if (extras) Object.assign(block, extras);
  if (spelt) Object.assign(block, spelt);
  return block;
}

/**
 * Accounts for what is left out: a request's part as the contract says of the member, a reply's in these words.
 * Returns nothing, so that it can stand where a block would.
 */
export function drop(
  writer: BlockWriter,
  member: Member,
  reply: { readonly why: string; readonly weight: Note['weight']; readonly at?: string },
  detail?: string,
): undefined {
  const { upstream, notes, path } = writer;
  if (upstream) upstream.ledger.lose(member, path, detail);
  else notes.push({ path: path + (reply.at ?? ''), action: 'dropped', why: reply.why, weight: reply.weight });
}
