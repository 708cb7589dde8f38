import type { Queries, Row, Store } from '../store/store.ts';
import { FailureError, type Failure } from '../turn/failure.ts';
import type { Json, JsonObject } from '../turn/json.ts';
import { additionsTo, trim, type Addition, type Place } from './branches.ts';
import type { Sealing } from './compaction.ts';
import { commitTurn, rewriteConversation } from './commit.ts';
import { startCollector, sweep, type CollectorLimits } from './collect.ts';
import { checkStates, type LeftStates } from './provider-state.ts';
import { readItems, readItemsById, type Cover } from './item-store.ts';
import { hashIn, parseEntries, shownItems, withoutId, type Entry } from './items.ts';
import { unname } from './names.ts';
import { writtenForm } from './written.ts';

/** A stored response, as the turn that continues it needs it. */
export interface Snapshot extends Place {
  readonly caller: string;
  /** The response's id; empty where only a conversation has its name. */
  readonly id: string;
  /** The conversation whose last turn it is. */
  readonly conversation?: Conversation;
  /** What providers have left with it. */
  readonly state: LeftStates;
  readonly createdMs: number;
}

/** A name that moves on from turn to turn, as `POST /v1/conversations` gives it. */
export interface Conversation {
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly metadata: JsonObject;
}

/** A turn that has ended well. */
export interface FinishedTurn {
  readonly caller: string;
  readonly parent: Snapshot | undefined;
  /** What the request brought beside its parent's conversation. */
  readonly inputs: readonly JsonObject[];
  /** The Response as the client got it, with its `id` and `output`. */
  readonly response: JsonObject;
  /** The conversation that it becomes the last turn of. */
  readonly conversation?: Conversation;
  /** The upstream spoke the protocol itself. */
  readonly native: boolean;
  /** What providers leave with this snapshot; inherited from its parent where they leave nothing. */
  readonly state?: LeftStates;
  /** What they write to the parent, which is a note for the next turn that continues it. */
  readonly parentState?: LeftStates;
  /** How long it is kept, where its caller has a time of its own. */
  readonly retentionMs?: number;
  /** False where only the connection that it came on may remember it. */
  readonly isStored?: boolean;
}

/** What a snapshot is found by. */
export type Name = 'id' | 'conversation';

/**
 * What conversations remember. Everything belongs to one caller; another with the same ids finds nothing. Whatever
 * reads fails with a retryable failure when the store is away.
 */
export interface Sessions {
  /** By a response's id, or by a conversation's. */
  find(caller: string, id: string, by?: Name): Promise<Snapshot | undefined>;
  /**
   * The conversation up to and with a response, as the JSON texts of its items in order; `undefined` when a part of
   * it is gone.
   */
  history(snapshot: Snapshot): Promise<string[] | undefined>;
  /** Items by id, whichever response they were in. */
  references(caller: string, ids: readonly string[]): Promise<Map<string, string>>;
  /**
   * Stores a turn under its response's id. A conversation that was compacted begins anew with its reply. Throws what
   * the store does, and a `SessionTooLarge`.
   */
  commit(turn: FinishedTurn): Promise<void>;
  /** The Response with its output. */
  response(caller: string, id: string): Promise<JsonObject | undefined>;
  /** The items that a response was made from, the oldest first, each with an id. */
  inputItems(caller: string, id: string): Promise<JsonObject[] | undefined>;
  /** All items of a conversation, the oldest first, each with an id; `undefined` when a part of it is gone. */
  items(snapshot: Snapshot): Promise<JsonObject[] | undefined>;
  /** Tells something else of a conversation. False when there is none. */
  describe(caller: string, conversation: Conversation): Promise<boolean>;
  /** Takes an item out of what a conversation goes on from; its earlier responses keep it. False when it is not in it. */
  takeOut(snapshot: Snapshot, conversation: Conversation, itemId: string): Promise<boolean>;
  /** Forgets a response; turns that continued it keep what they need of it. False when there is none. */
  remove(caller: string, id: string, by?: Name): Promise<boolean>;
  /** Collects what has expired. Returns how many branches went. */
  sweep(): Promise<number>;
  /** What holds for turns from now on. */
  readonly limits: SessionLimits;
  configure(limits: Partial<SessionLimits>): void;
  /** Seals what is stored, and what a compaction holds; absent where nothing can be sealed. */
  readonly sealing?: Sealing;
  /** Tells of a fault that no client is told of. */
  complain(error: unknown): void;
  close(): void;
}

/** What a turn needs of what is remembered, by the store or by a connection. */
export type TurnMemory = Pick<
  Sessions,
  'find' | 'history' | 'references' | 'commit' | 'sealing' | 'complain'
>;

export interface SessionLimits extends CollectorLimits {
  /** Turns are stored at all. */
  readonly isOn: boolean;
  /** How long a conversation is kept after its last turn. */
  readonly retentionMs: number;
  /** Of all items of a conversation that is to go on. */
  readonly conversationBytesMax: number;
  /** Of one turn: its new items and its response. */
  readonly turnBytesMax: number;
}

export const defaultSessionLimits: SessionLimits = {
  isOn: true,
  retentionMs: 30 * 24 * 3600_000,
  turnBytesMax: 32 * 1024 * 1024,
  conversationBytesMax: 64 * 1024 * 1024,
  callerBytesMax: 4 * 1024 * 1024 * 1024,
  totalBytesMax: 16 * 1024 * 1024 * 1024,
  sweepEveryMs: 60_000,
};

/** Opens what a store holds of conversations, and collects what expires there. */
export function openSessions(
  store: Store,
  nowMs: () => number,
  complain: (error: unknown) => void = () => {},
  firstLimits: SessionLimits = defaultSessionLimits,
  sealing?: Sealing,
): Sessions {
  let limits = firstLimits;
  const reads: Queries = {
    all: (sql, values) => store.all(sql, values).catch(tellAway),
    run: (sql, values) => store.run(sql, values).catch(tellAway),
  };
  /** Texts of a caller lie sealed, so that nothing that was said can be read from the store alone. */
  const coverOf = (caller: string): Cover => ({
    seal: (text) => (sealing === undefined ? text : sealing.seal(text, `conversations of ${caller}`)),
    open: (text) => (sealing === undefined ? text : sealing.open(text, `conversations of ${caller}`)),
  });
  const stop = startCollector(() => sweep(store, nowMs(), limits), complain, limits);

  async function row(caller: string, id: string, by: Name = 'id'): Promise<Row | undefined> {
    const [found] = await reads.all(
      `SELECT s.branch, s.seq, s.id, s.about, s.entries, s.inputs, s.body, s.members, s.state, s.created_ms
       FROM session_snapshots AS s JOIN session_branches AS b ON b.id = s.branch
       WHERE s.caller = ? AND s.${by} = ? AND b.expires_ms > ?`,
      [caller, id, nowMs()],
    );
    return found;
  }

  async function texts(caller: string, entries: readonly Entry[]): Promise<string[] | undefined> {
    const byHash = await readItems(
      reads,
      caller,
      entries.map(({ hash }) => hash),
      coverOf(caller),
    );
    const out = entries.map(({ hash }) => byHash.get(hash));
    return out.every((text) => text !== undefined) ? out : undefined;
  }

  async function placedItems(
    snapshot: Snapshot,
  ): Promise<{ entries: readonly Entry[]; items: JsonObject[] } | undefined> {
    const entries = (await additionsTo(reads, snapshot))?.flatMap((addition) => addition.entries);
    const items = entries && (await texts(snapshot.caller, entries));
    return entries && items && { entries, items: shownItems(items, entries) };
  }

  return {
    async find(caller, id, by) {
      const found = await row(caller, id, by);
      if (found === undefined) return undefined;
      return {
        caller,
        id: String(found.id ?? ''),
        conversation:
          found.about === null ? undefined : JSON.parse(coverOf(caller).open(String(found.about))),
        branch: String(found.branch),
        seq: Number(found.seq),
        state: found.state === null ? {} : checkStates(JSON.parse(String(found.state))),
        createdMs: Number(found.created_ms),
      };
    },
    async history(snapshot) {
      const additions = await additionsTo(reads, snapshot);
      if (additions === undefined) return undefined;
      const heard = additions.map(({ entries }) => entries.filter(({ isMute }) => !isMute));
      const items = await texts(snapshot.caller, heard.flat());
      if (items === undefined) return undefined;
      let at = 0;
      return additions.flatMap((addition, i) => {
        const count = heard[i]!.length;
        const own = items.slice(at, (at += count));
        return count === addition.entries.length ? own : withoutOwnIds(addition, own);
      });
    },
    async references(caller, ids) {
      const found = await readItemsById(reads, caller, ids, coverOf(caller));
      const derived = ids.filter((id) => !found.has(id) && hashIn(id) !== undefined);
      if (derived.length === 0) return found;
      const byHash = await readItems(
        reads,
        caller,
        derived.map((id) => hashIn(id)!),
        coverOf(caller),
      );
      for (const id of derived) {
        const text = byHash.get(hashIn(id)!);
        if (text !== undefined) found.set(id, text);
      }
      return found;
    },
    async commit(turn) {
      const written = writtenForm(turn, limits.turnBytesMax);
      const { conversation } = turn;
      const cover = coverOf(turn.caller);
      const now = nowMs();
      const expiresMs = now + (turn.retentionMs ?? limits.retentionMs);
      const about = conversation === undefined ? '' : cover.seal(JSON.stringify(conversation));
      await store.transaction((queries) =>
        commitTurn(queries, turn, written, { cover, about, nowMs: now, expiresMs }),
      );
    },
    async response(caller, id) {
      const found = await row(caller, id);
      if (found === undefined) return undefined;
      const members = JSON.parse(String(found.members)) as Record<string, string>;
      const output = parseEntries(String(found.entries)).slice(Number(found.inputs));
      const cover = coverOf(caller);
      const wanted = [...output.map(({ hash }) => hash), ...Object.values(members)];
      const byHash = await readItems(reads, caller, wanted, cover);
      const body = JSON.parse(cover.open(String(found.body))) as JsonObject;
      for (const [name, hash] of Object.entries(members)) body[name] = parsed(byHash.get(hash));
      return { ...body, output: output.map(({ hash }) => parsed(byHash.get(hash))) };
    },
    async inputItems(caller, id) {
      const found = await row(caller, id);
      if (found === undefined) return undefined;
      const additions = await additionsTo(reads, { branch: String(found.branch), seq: Number(found.seq) });
      const last = additions?.pop();
      if (additions === undefined) return undefined;
      const entries = [
        ...additions.flatMap((addition) => addition.entries),
        ...(last?.entries.slice(0, last.inputs) ?? []),
      ];
      const items = await texts(caller, entries);
      return items && shownItems(items, entries);
    },
    async items(snapshot) {
      const all = await placedItems(snapshot);
      return all?.items;
    },
    async describe(caller, conversation) {
      const changed = await reads.run(
        'UPDATE session_snapshots SET about = ? WHERE caller = ? AND conversation = ?',
        [coverOf(caller).seal(JSON.stringify(conversation)), caller, conversation.id],
      );
      return changed > 0;
    },
    async takeOut(snapshot, conversation, itemId) {
      const { caller } = snapshot;
      const all = await placedItems(snapshot);
      const at = all?.items.findIndex(({ id }) => id === itemId) ?? -1;
      if (all === undefined || at < 0) return false;
      const left = all.entries.toSpliced(at, 1);
      const cover = coverOf(caller);
      const about = cover.seal(JSON.stringify(conversation));
      await store.transaction((queries) =>
        rewriteConversation(queries, snapshot, conversation.id, left, { cover, about, nowMs: nowMs() }),
      );
      return true;
    },
    async remove(caller, id, by = 'id') {
      if ((await row(caller, id, by)) === undefined) return false;
      return store.transaction(async (queries) => {
        const branch = await unname(queries, caller, by, id);
        if (branch !== undefined) await trim(queries, caller, branch);
        return branch !== undefined;
      });
    },
    sweep: () => sweep(store, nowMs(), limits),
    get limits() {
      return limits;
    },
    configure(more) {
      limits = { ...limits, ...more };
    },
    sealing,
    complain,
    close: stop,
  };
}

/** Nothing is guessed of a conversation that cannot be read. */
function tellAway(cause: unknown): never {
  throw new FailureError(storeAway(cause));
}

export const storeAway = (cause: unknown): Failure => ({
  kind: 'overloaded',
  scope: 'gateway',
  status: 503,
  message: 'what is stored of conversations cannot be reached just now',
  code: 'store_unavailable',
  retryable: true,
  retryAfterMs: 1000,
  cause,
});

/** The reasoning of such a reply is left out, and its server would miss it. */
function withoutOwnIds({ entries, inputs }: Addition, texts: readonly string[]): string[] {
  const heardInputs = entries.slice(0, inputs).filter(({ isMute }) => !isMute).length;
  return texts.map((text, i) =>
    i < heardInputs ? text : JSON.stringify(withoutId(JSON.parse(text) as JsonObject)),
  );
}

const parsed = (text: string | undefined): Json => (text === undefined ? null : (JSON.parse(text) as Json));
