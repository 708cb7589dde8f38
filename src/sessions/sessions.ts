import type { Queries, Row, Store } from '../store/store.ts';
import { asArray, asString, isObject, type Json, type JsonObject } from '../turn/json.ts';
import { additionsTo, newBranch, placeAfter, trim, type Addition, type Place } from './branches.ts';
import type { Sealing } from './compaction.ts';
import { startCollector, sweep, type CollectorLimits } from './collect.ts';
import { checkStates, type LeftStates } from './provider-state.ts';
import { countUses, keepItems, readItems, readItemsById, type Cover } from './item-store.ts';
import {
  entriesText,
  hashIn,
  isMuteItem,
  parseEntries,
  shownItem,
  storedItem,
  storedValue,
  type Entry,
  type Stored,
} from './items.ts';

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
}

/** What a snapshot is found by. */
export type Name = 'id' | 'conversation';

/** What conversations remember. Everything belongs to one caller; another with the same ids finds nothing. */
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
  /** Forgets a response; turns that continued it keep what they need of it. False when there is none. */
  remove(caller: string, id: string, by?: Name): Promise<boolean>;
  /** Collects what has expired. Returns how many branches went. */
  sweep(): Promise<number>;
  /** Seals what is stored, and what a compaction holds; absent where nothing can be sealed. */
  readonly sealing?: Sealing;
  /** Tells of a fault that no client is told of. */
  complain(error: unknown): void;
  close(): void;
}

export interface SessionLimits extends CollectorLimits {
  /** How long a conversation is kept after its last turn. */
  readonly retentionMs: number;
  /** Of one turn: its new items and its response. */
  readonly turnBytesMax: number;
}

export const defaultSessionLimits: SessionLimits = {
  retentionMs: 30 * 24 * 3600_000,
  turnBytesMax: 32 * 1024 * 1024,
  callerBytesMax: 4 * 1024 * 1024 * 1024,
  sweepEveryMs: 60_000,
};

export class SessionTooLarge extends Error {
  override readonly name = 'SessionTooLarge';
}

/** Members of a response from this length of their text on are stored once, as tools and instructions repeat. */
const longMemberMin = 256;

/** Opens what a store holds of conversations, and collects what expires there. */
export function openSessions(
  store: Store,
  nowMs: () => number,
  complain: (error: unknown) => void = () => {},
  limits: SessionLimits = defaultSessionLimits,
  sealing?: Sealing,
): Sessions {
  /** Texts of a caller lie sealed, so that nothing that was said can be read from the store alone. */
  const coverOf = (caller: string): Cover => ({
    seal: (text) => (sealing === undefined ? text : sealing.seal(text, `conversations of ${caller}`)),
    open: (text) => (sealing === undefined ? text : sealing.open(text, `conversations of ${caller}`)),
  });
  const stop = startCollector(() => sweep(store, nowMs(), limits), complain, limits);

  async function row(caller: string, id: string, by: Name = 'id'): Promise<Row | undefined> {
    const [found] = await store.all(
      `SELECT s.branch, s.seq, s.id, s.about, s.entries, s.inputs, s.body, s.members, s.state, s.created_ms
       FROM session_snapshots AS s JOIN session_branches AS b ON b.id = s.branch
       WHERE s.caller = ? AND s.${by} = ? AND b.expires_ms > ?`,
      [caller, id, nowMs()],
    );
    return found;
  }

  async function texts(caller: string, entries: readonly Entry[]): Promise<string[] | undefined> {
    const byHash = await readItems(
      store,
      caller,
      entries.map(({ hash }) => hash),
      coverOf(caller),
    );
    const out = entries.map(({ hash }) => byHash.get(hash));
    return out.every((text) => text !== undefined) ? out : undefined;
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
      const additions = await additionsTo(store, snapshot);
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
      const found = await readItemsById(store, caller, ids, coverOf(caller));
      const derived = ids.filter((id) => !found.has(id) && hashIn(id) !== undefined);
      if (derived.length === 0) return found;
      const byHash = await readItems(
        store,
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
      const { caller, parent, conversation } = turn;
      const cover = coverOf(caller);
      const id = asString(turn.response.id) ?? null;
      const now = nowMs();
      const expiresMs = now + limits.retentionMs;
      await store.transaction(async (queries) => {
        // A server may give an id again, even to what follows it: what had it stays where others need it.
        const before = [
          id === null ? undefined : await unname(queries, caller, 'id', id),
          conversation && (await unname(queries, caller, 'conversation', conversation.id)),
        ];
        const place =
          parent === undefined || written.isCompacted
            ? await newBranch(queries, caller, expiresMs)
            : await placeAfter(queries, caller, parent, expiresMs);
        await keepItems(queries, caller, written.items, written.uses, cover);
        await queries.run(
          `INSERT INTO session_snapshots
             (branch, seq, caller, id, conversation, about, entries, inputs, body, members, state, created_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          [
            place.branch,
            place.seq,
            caller,
            id,
            conversation?.id ?? null,
            conversation === undefined ? null : cover.seal(JSON.stringify(conversation)),
            entriesText([...place.repeated, ...written.entries]),
            place.repeated.length + written.inputs,
            cover.seal(written.body),
            JSON.stringify(written.members),
            stateText({ ...parent?.state, ...turn.state }),
            now,
          ],
        );
        await queries.run('UPDATE session_branches SET bytes = bytes + ? WHERE id = ?', [
          written.bytes,
          place.branch,
        ]);
        if (parent !== undefined && turn.parentState !== undefined) {
          await queries.run('UPDATE session_snapshots SET state = ? WHERE branch = ? AND seq = ?', [
            stateText({ ...parent.state, ...turn.parentState }),
            parent.branch,
            parent.seq,
          ]);
        }
        for (const branch of before) if (branch !== undefined) await trim(queries, caller, branch);
      });
    },
    async response(caller, id) {
      const found = await row(caller, id);
      if (found === undefined) return undefined;
      const members = JSON.parse(String(found.members)) as Record<string, string>;
      const output = parseEntries(String(found.entries)).slice(Number(found.inputs));
      const cover = coverOf(caller);
      const wanted = [...output.map(({ hash }) => hash), ...Object.values(members)];
      const byHash = await readItems(store, caller, wanted, cover);
      const body = JSON.parse(cover.open(String(found.body))) as JsonObject;
      for (const [name, hash] of Object.entries(members)) body[name] = parsed(byHash.get(hash));
      return { ...body, output: output.map(({ hash }) => parsed(byHash.get(hash))) };
    },
    async inputItems(caller, id) {
      const found = await row(caller, id);
      if (found === undefined) return undefined;
      const additions = await additionsTo(store, { branch: String(found.branch), seq: Number(found.seq) });
      const last = additions.pop();
      const entries = [
        ...additions.flatMap((addition) => addition.entries),
        ...(last?.entries.slice(0, last.inputs) ?? []),
      ];
      const items = await texts(caller, entries);
      return items?.map((text, place) => shownItem(text, entries[place]!.hash, place));
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
    sealing,
    complain,
    close: stop,
  };
}

/** Takes a name away. Returns the branch that it was in. */
async function unname(queries: Queries, caller: string, by: Name, name: string): Promise<string | undefined> {
  const [row] = await queries.all(`SELECT branch FROM session_snapshots WHERE caller = ? AND ${by} = ?`, [
    caller,
    name,
  ]);
  if (row === undefined) return undefined;
  await queries.run(cleared[by], [caller, name]);
  return String(row.branch);
}

const cleared: Record<Name, string> = {
  id: 'UPDATE session_snapshots SET id = NULL WHERE caller = ? AND id = ?',
  conversation:
    'UPDATE session_snapshots SET conversation = NULL, about = NULL WHERE caller = ? AND conversation = ?',
};

interface WrittenForm {
  readonly entries: readonly Entry[];
  readonly inputs: number;
  readonly items: ReadonlyMap<string, Stored>;
  readonly uses: ReadonlyMap<string, number>;
  readonly body: string;
  readonly members: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly isCompacted: boolean;
}

function writtenForm({ inputs, response, native }: FinishedTurn, bytesMax: number): WrittenForm {
  const { output, ...others } = response;
  const replied = asArray(output).filter(isObject);
  const isCompacted = replied.some(({ type }) => type === 'compaction');
  const items = new Map<string, Stored>();
  const keep = (stored: Stored): string => {
    items.set(stored.hash, stored);
    return stored.hash;
  };
  const kept = isCompacted ? [] : inputs;
  const entries: Entry[] = kept.map((item) => ({ hash: keep(storedItem(item)), isMute: false }));
  for (const item of replied) {
    entries.push({ hash: keep(storedItem(item)), isMute: native && isMuteItem(item) });
  }
  const body: JsonObject = {};
  const members: Record<string, string> = {};
  for (const [name, value] of Object.entries(others)) {
    const stored = isObject(value) || Array.isArray(value) || typeof value === 'string';
    const long = stored ? storedIfLong(value) : undefined;
    if (long === undefined) body[name] = value;
    else members[name] = keep(long);
  }
  const bodyText = JSON.stringify(body);
  const bytes = items.values().reduce((sum, { text }) => sum + text.length, bodyText.length);
  if (bytes > bytesMax) throw new SessionTooLarge(`a turn of ${bytes} bytes is not stored`);
  const uses = countUses([...entries.map(({ hash }) => hash), ...Object.values(members)]);
  return { entries, inputs: kept.length, items, uses, body: bodyText, members, bytes, isCompacted };
}

function storedIfLong(value: Json): Stored | undefined {
  const stored = storedValue(value);
  return stored.text.length < longMemberMin ? undefined : stored;
}

/** Its server misses the reasoning that belongs to an id it knows; without ids the rest of the reply stands alone. */
function withoutOwnIds({ entries, inputs }: Addition, texts: readonly string[]): string[] {
  const heardInputs = entries.slice(0, inputs).filter(({ isMute }) => !isMute).length;
  return texts.map((text, i) => {
    if (i < heardInputs) return text;
    const { id: _, ...item } = JSON.parse(text) as JsonObject;
    return JSON.stringify(item);
  });
}

const stateText = (state: LeftStates): string | null =>
  Object.keys(state).length === 0 ? null : JSON.stringify(checkStates(state));

const parsed = (text: string | undefined): Json => (text === undefined ? null : (JSON.parse(text) as Json));
