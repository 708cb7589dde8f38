import { bufferOf } from '../protocols/bytes.ts';
import { streamTap, type TapRules } from '../protocols/tap.ts';
import type { Provider } from '../providers/provider.ts';
import { isCompaction } from '../sessions/items.ts';
import type { PendingState } from '../sessions/provider-state.ts';
import type { Conversation, Snapshot, TurnMemory } from '../sessions/sessions.ts';
import { asArray, asObject, type Json, type JsonObject } from '../turn/json.ts';
import type { LaneStream } from './relay.ts';

/** What is known of a turn before its reply. */
export interface KeptTurn {
  readonly caller: string;
  readonly parent: Snapshot | undefined;
  /** The conversation that the turn belongs to, by its name. */
  readonly conversation: Conversation | undefined;
  readonly state: PendingState;
  /** How long its caller's turns are kept, where that is settled for it alone. */
  readonly retentionMs: number | undefined;
  readonly inputs: () => readonly JsonObject[];
  /** False where only the connection that it came on may remember it. */
  readonly isStored: boolean;
}

/** Where a reply comes from. */
export interface ReplySource {
  readonly provider: Pick<Provider, 'name' | 'settle'>;
  readonly native: boolean;
}

/**
 * Stores a turn as the client sees it, whichever lane it came in. The terminal event waits for the store, so that
 * whoever has seen it can continue from it, even when the process is killed right after; nothing before it waits.
 */
export interface Keeper {
  /** Watches a reply that streams to the client. */
  lane<L extends LaneStream>(lane: L, source: ReplySource): L;
  /** Reads a reply that is there as a whole; gives back the same. */
  whole(reply: Response, source: ReplySource): Promise<Response>;
}

/** A store that takes longer does not keep the client from its reply, which then cannot be continued. */
const commitMs = 5_000;

export function createKeeper(sessions: TurnMemory, turn: KeptTurn): Keeper {
  let isWatched = false;

  /** Stores it; a store that fails costs the client nothing but the memory of this turn. */
  async function keep(response: JsonObject, { provider, native }: ReplySource): Promise<void> {
    const { caller, parent, conversation, state, retentionMs, inputs, isStored } = turn;
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => resolve('late'), commitMs);
    try {
      const mode = asArray(response.output).some(isCompaction) ? 'replace' : 'append';
      provider.settle?.({ responseId: response.id as string, mode }, state.of(provider.name));
      const continues = continued(parent, conversation);
      const stored = sessions.commit({
        caller,
        parent,
        conversation,
        inputs: inputs(),
        response: { ...response, ...continues },
        native,
        retentionMs,
        isStored,
        ...state.take(),
      });
      stored.catch(() => undefined);
      if ((await Promise.race([stored, late])) === 'late') {
        sessions.complain(new Error(`a turn was not stored within ${commitMs / 1000} s`));
      }
    } catch (error) {
      sessions.complain(error);
    } finally {
      clearTimeout(timer);
      state.take();
    }
  }

  function watch(source: ReplySource) {
    const seen: { stored?: Promise<void> } = {};
    const tap = streamTap(
      terminalRules((response) => {
        seen.stored ??= keep(response, source);
      }),
    );
    return { tap, seen };
  }

  return {
    // Only these two of the source: a stream may be open for long, and holds no more than it needs.
    lane(lane, { provider, native }) {
      isWatched = true;
      const { tap, seen } = watch({ provider, native });
      let held: Promise<Uint8Array> | undefined;

      /** What may go on at once; from the terminal event on it is held. */
      function pass(bytes: Uint8Array, isLast: boolean): Uint8Array {
        const wasStored = seen.stored !== undefined;
        if (bytes.length > 0) tap.push(bytes);
        if (isLast) tap.end();
        const { stored } = seen;
        if (stored === undefined || wasStored) return bytes;
        const from = terminalStart(bytes);
        held = stored.then(() => bytes.subarray(from));
        return bytes.subarray(0, from);
      }

      return {
        ...lane,
        push: (chunk: Uint8Array) => pass(lane.push(chunk), false),
        end: (failure: Parameters<LaneStream['end']>[0]) => pass(lane.end(failure), true),
        held() {
          const taken = held;
          held = undefined;
          return taken;
        },
      };
    },
    async whole(reply, source) {
      if (isWatched || reply.status !== 200) return reply;
      const bytes = await reply.bytes();
      if (reply.headers.get('content-type')?.startsWith('text/event-stream')) {
        const { tap, seen } = watch(source);
        tap.push(bytes);
        tap.end();
        await seen.stored;
      } else {
        const response = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
        if (isKeepable(response)) await keep(response, source);
      }
      return new Response(bytes as BodyInit, { status: reply.status, headers: reply.headers });
    },
  };
}

/** What a response says of what it continues. */
export function continued(
  parent: Snapshot | undefined,
  conversation: Conversation | undefined,
): JsonObject | undefined {
  if (conversation !== undefined) return { conversation: { id: conversation.id } };
  return parent && { previous_response_id: parent.id };
}

/** Where the terminal event begins in bytes that hold at least its end. */
function terminalStart(bytes: Uint8Array): number {
  const text = bufferOf(bytes);
  const at = Math.max(...terminalNeedles.map((needle) => text.lastIndexOf(needle)));
  const blank = at < 0 ? -1 : text.lastIndexOf('\n\n', at);
  return blank < 0 ? 0 : blank + 2;
}

const terminalNeedles = ['"response.completed"', '"response.incomplete"'];

const isKeepable = ({ id, status }: JsonObject): boolean =>
  typeof id === 'string' && id !== '' && (status === 'completed' || status === 'incomplete');

/** Finds the finished Response in a stream. Some servers leave its output empty: then it is what was done before. */
function terminalRules(found: (response: JsonObject) => void): TapRules {
  const done: Json[] = [];
  return {
    needles: ['"response.output_item.done"', ...terminalNeedles],
    observe({ type, item, output_index, response }) {
      if (type === 'response.output_item.done' && item !== undefined) {
        done[typeof output_index === 'number' ? output_index : done.length] = item;
      } else if (type === 'response.completed' || type === 'response.incomplete') {
        const ended = asObject(response);
        if (ended === undefined || !isKeepable(ended)) return;
        const isEmpty = asArray(ended.output).length === 0;
        found(isEmpty ? { ...ended, output: done.filter((each) => each !== undefined) } : ended);
      }
    },
    observeResult() {},
  };
}
