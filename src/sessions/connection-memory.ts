import { asArray, asString, isObject, type JsonObject } from '../turn/json.ts';
import { isCompaction, isMuteItem, withoutId } from './items.ts';
import type { LeftStates } from './provider-state.ts';
import type { FinishedTurn, Snapshot, TurnMemory } from './sessions.ts';

/** What one connection remembers of the turns that are not stored; all else is the store's. */
export interface ConnectionMemory extends TurnMemory {
  /** Bytes of text that are held now. */
  bytes(): number;
  /** Forgets everything. */
  close(): void;
}

export interface MemoryLimits {
  /** Of one connection; a conversation that does not fit cannot be continued by its last id. */
  readonly connectionBytesMax: number;
  /** Of all connections together. */
  readonly bytesMax: number;
  /** Responses of one connection that can be continued. */
  readonly responsesMax: number;
}

export const defaultMemoryLimits: MemoryLimits = {
  connectionBytesMax: 32 * 1024 * 1024,
  bytesMax: 512 * 1024 * 1024,
  responsesMax: 16,
};

/** An item that several conversations of a connection may have in common. */
interface HeldItem {
  readonly text: string;
  readonly id: string | undefined;
  readonly bytes: number;
  uses: number;
}

interface Held {
  readonly snapshot: Snapshot & { state: LeftStates };
  readonly items: readonly HeldItem[];
}

/**
 * Memories of connections, which share one bound.
 *
 * @example
 * const memoryFor = connectionMemories(defaultMemoryLimits, Date.now);
 * const memory = memoryFor(undefined);
 * await memory.commit({ caller: '', parent: undefined, inputs: [], response: { id: 'r' }, native: false });
 * (await memory.find('', 'r'))?.id; // 'r'
 */
export function connectionMemories(
  limits: MemoryLimits,
  nowMs: () => number,
): (stored: TurnMemory | undefined) => ConnectionMemory {
  const all = { bytes: 0 };
  return (stored) => connectionMemory(stored, limits, all, nowMs);
}

function connectionMemory(
  stored: TurnMemory | undefined,
  { connectionBytesMax, bytesMax, responsesMax }: MemoryLimits,
  all: { bytes: number },
  nowMs: () => number,
): ConnectionMemory {
  /** By id, the one that was used last at the end. */
  const held = new Map<string, Held>();
  /** The conversation of every snapshot that was handed out, for the turn that continues it. */
  const pasts = new WeakMap<Snapshot, readonly HeldItem[]>();
  let bytes = 0;
  let isClosed = false;

  function hold(turn: FinishedTurn): void {
    const { caller, parent, inputs, response, native, state } = turn;
    const id = asString(response.id);
    if (id === undefined || isClosed) return;
    const { items, isCompacted } = additions(inputs, response, native);
    const before = isCompacted || parent === undefined ? [] : (pasts.get(parent) ?? []);
    const snapshot: Held['snapshot'] = {
      caller,
      id,
      branch: '',
      seq: 0,
      state: { ...parent?.state, ...state },
      createdMs: nowMs(),
    };
    forget(id);
    const kept = { snapshot, items: [...before, ...items] };
    for (const item of kept.items) {
      if (item.uses++ === 0) count(item.bytes);
    }
    held.set(id, kept);
    pasts.set(snapshot, kept.items);
    const own = parent === undefined ? undefined : held.get(parent.id);
    if (own !== undefined && turn.parentState !== undefined) {
      own.snapshot.state = { ...own.snapshot.state, ...turn.parentState };
    }
    for (const oldest of held.keys()) {
      if (held.size <= responsesMax && bytes <= connectionBytesMax && all.bytes <= bytesMax) break;
      forget(oldest);
    }
  }

  function forget(id: string): void {
    for (const item of held.get(id)?.items ?? []) {
      if (--item.uses === 0) count(-item.bytes);
    }
    held.delete(id);
  }

  function count(change: number): void {
    bytes += change;
    all.bytes += change;
  }

  /** As the store is to have it: what only this connection knows goes there with the turn. */
  function forStore(turn: FinishedTurn): FinishedTurn {
    const { parent, inputs, state } = turn;
    if (parent === undefined || parent.branch !== '') return turn;
    const before = (pasts.get(parent) ?? []).map(({ text }) => JSON.parse(text) as JsonObject);
    return {
      ...turn,
      parent: undefined,
      parentState: undefined,
      inputs: [...before, ...inputs],
      state: { ...parent.state, ...state },
    };
  }

  return {
    async find(caller, id, by = 'id') {
      const own = by === 'id' ? held.get(id) : undefined;
      if (own === undefined || own.snapshot.caller !== caller) return stored?.find(caller, id, by);
      held.delete(id);
      held.set(id, own);
      return own.snapshot;
    },
    async history(snapshot) {
      const own = pasts.get(snapshot);
      if (own !== undefined) return own.map(({ text }) => text);
      const texts = await stored?.history(snapshot);
      if (texts !== undefined)
        pasts.set(
          snapshot,
          texts.map((text) => heldText(text)),
        );
      return texts;
    },
    async references(caller, ids) {
      const found = (await stored?.references(caller, ids)) ?? new Map<string, string>();
      for (const { snapshot, items } of held.values()) {
        if (snapshot.caller !== caller) continue;
        for (const { id, text } of items) if (id !== undefined && ids.includes(id)) found.set(id, text);
      }
      return found;
    },
    async commit(turn) {
      if (turn.isStored === false || stored === undefined) hold(turn);
      else await stored.commit(forStore(turn));
    },
    sealing: stored?.sealing,
    complain: (error) => stored?.complain(error),
    bytes: () => bytes,
    close() {
      isClosed = true;
      for (const id of held.keys()) forget(id);
    },
  };
}

/** What a turn adds to its conversation, or puts in its place. */
function additions(
  inputs: readonly JsonObject[],
  response: JsonObject,
  native: boolean,
): { items: HeldItem[]; isCompacted: boolean } {
  const replied = asArray(response.output).filter(isObject);
  const isCompacted = replied.some(isCompaction);
  const heard = replied.filter((item) => !(native && isMuteItem(item)));
  // The reasoning of such a reply is left out, and its server would miss it.
  const spoken = heard.length === replied.length ? heard : heard.map(withoutId);
  return { items: [...(isCompacted ? [] : inputs), ...spoken].map(heldItem), isCompacted };
}

const heldItem = (item: JsonObject): HeldItem => heldText(JSON.stringify(item), asString(item.id));

/** What the store has needs no id here: it is asked for references too. */
const heldText = (text: string, id?: string): HeldItem => ({
  text,
  id,
  bytes: Buffer.byteLength(text),
  uses: 0,
});
