import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Part, ReasoningPart } from '../../turn/part.ts';
import { cacheControl } from './cache.ts';
import { protocolId } from './names.ts';
import { spelling } from './spelling.ts';

/** What differs between writing history for an upstream and writing a reply for a client. */
export interface BlockWriter {
  readonly to: 'upstream' | 'client';
  /** The parts came in this very protocol and are written as they were, fit or not. */
  readonly own: boolean;
  callId(id: string): string;
  toolName(name: string, namespace?: string): string;
  /**
   * The opaque value of a reasoning part: `undefined` when it has none, `null` when the part must be left out
   * because its seal is somebody else's (the writer notes why).
   */
  seal(part: ReasoningPart): string | undefined | null;
  /** Where the part stands, in the words of the side that is written for. */
  path: string;
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

/** Notes what is left out; returns nothing, so that it can stand where a block would. */
export function drop(
  writer: Pick<BlockWriter, 'path' | 'notes'>,
  why: string,
  weight: Note['weight'],
  member = '',
): undefined {
  writer.notes.push({ path: writer.path + member, action: 'dropped', why, weight });
}
