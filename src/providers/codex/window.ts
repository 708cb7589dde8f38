import { asNumber, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';

/**
 * What a stored conversation knows of its session, for whoever keeps conversations. Values are never changed in place:
 * what a turn leaves behind is a new one for its own snapshot, and one for the parent's.
 */
export interface SessionSnapshot {
  readonly session: string;
  /** `{thread}:{generation}`, as it was last sent. */
  readonly window: string;
  /** The window that the caller named then. */
  readonly callerWindow?: string;
  /** A turn has followed already: the next one is a fork. */
  readonly continued: boolean;
  /** The generation that the next fork gets. */
  readonly nextGeneration: number;
}

/** The window of a turn, and what the parent's snapshot is from then on. */
export interface WindowStep {
  readonly window: string;
  readonly parent: SessionSnapshot;
}

/** The first window of a thread. */
export const firstWindow = (thread: string): string => `${thread}:0`;

/**
 * The window of a turn that goes on from a stored one: kept when it is continued, a later one when it is forked. A
 * caller that names its windows says by itself which of the two it is.
 */
export function continueWindow(parent: SessionSnapshot, callerWindow?: string): WindowStep {
  const { window, callerWindow: before, continued, nextGeneration } = parent;
  const generation = generationOf(window);
  const thread = threadOf(window);
  const next = Math.max(generation + 1, nextGeneration);
  const isCallers = callerWindow !== undefined && before !== undefined;
  const isFork = isCallers ? callerWindow !== before : continued;
  return isFork
    ? { window: `${thread}:${next}`, parent: { ...parent, continued: true, nextGeneration: next + 1 } }
    : { window, parent: { ...parent, continued: true, nextGeneration: next } };
}

/** What a finished turn leaves on its own snapshot. A compaction begins a new window, unless the caller has begun it. */
export function settleWindow(
  session: string,
  window: string,
  turn: { readonly compacted: boolean; readonly callerWindow?: string },
): SessionSnapshot {
  const { compacted, callerWindow } = turn;
  const generation = generationOf(window) + (compacted ? 1 : 0);
  return {
    session,
    window: `${threadOf(window)}:${generation}`,
    callerWindow: callerWindow && compacted ? advanced(callerWindow) : callerWindow,
    continued: false,
    nextGeneration: generation + 1,
  };
}

/** A snapshot as it was stored; throws for what is no snapshot of a session, gives `undefined` for an empty one. */
export function readSnapshot(stored: Json | undefined): SessionSnapshot | undefined {
  if (!isObject(stored)) throw new Error('what is stored of the session is no object');
  if (Object.keys(stored).length === 0) return undefined;
  const session = asString(stored.session);
  const window = asString(stored.window);
  if (session === undefined || window === undefined) throw new Error('what is stored names no session');
  return {
    session,
    window,
    callerWindow: asString(stored.callerWindow),
    continued: stored.continued === true,
    nextGeneration: asNumber(stored.nextGeneration) ?? generationOf(window) + 1,
  };
}

export const writeSnapshot = (snapshot: SessionSnapshot): JsonObject => ({ ...snapshot });

const generationOf = (window: string): number => Number(/:(\d{1,9})$/.exec(window)?.[1] ?? 0);
const threadOf = (window: string): string => window.replace(/:\d{1,9}$/, '');

/** The caller has moved on by itself: its next window is not another step. */
const advanced = (window: string): string =>
  /:\d{1,9}$/.test(window) ? `${threadOf(window)}:${generationOf(window) + 1}` : window;
