import { isObject, type JsonObject } from '../turn/json.ts';
import type { FinishedTurn, Snapshot } from './sessions.ts';

/** What each provider, by its name, has left with a snapshot. Nobody but that provider looks inside. */
export type LeftStates = Readonly<Record<string, JsonObject>>;

/** Of one provider's value, as JSON text. */
const stateBytesMax = 8 * 1024;

/** What one provider may keep with a conversation. It is the same for all dispatches of a turn. */
export interface ProviderState {
  /** What this turn has left so far, else what was left with the snapshot that it continues. */
  read(): JsonObject | undefined;
  /** Leaves a value with the snapshot that this turn ends in. Throws when it is too large. */
  leave(value: JsonObject): void;
  /** What lies with the snapshot that is continued; nothing where none is. */
  readParent(): JsonObject | undefined;
  /** Writes there, for the next turn that continues it too: so forks are found. Does nothing without a parent. */
  leaveWithParent(value: JsonObject): void;
}

/** The state of one turn, for all providers that it may be tried at. */
export interface PendingState {
  of(provider: string): ProviderState;
  /** What was left; it is pending no more, whether it is then stored or not. */
  take(): Pick<FinishedTurn, 'state' | 'parentState'>;
}

/**
 * @example
 * const pending = pendingState(undefined);
 * pending.of('up').leave({ window: 1 });
 * pending.take().state; // { up: { window: 1 } }
 */
export function pendingState(parent: Snapshot | undefined): PendingState {
  let state: Record<string, JsonObject> = {};
  let parentState: Record<string, JsonObject> = {};
  return {
    of: (provider) => ({
      read: () => state[provider] ?? parent?.state[provider],
      leave(value) {
        state[provider] = checked(provider, value);
      },
      readParent: () => parentState[provider] ?? parent?.state[provider],
      leaveWithParent(value) {
        if (parent !== undefined) parentState[provider] = checked(provider, value);
      },
    }),
    take() {
      const taken = {
        state,
        ...(Object.keys(parentState).length === 0 ? undefined : { parentState }),
      };
      state = {};
      parentState = {};
      return taken;
    },
  };
}

/** What is stored is what was left: an object for each provider, none too large. */
export function checkStates(value: unknown): LeftStates {
  if (!isObject(value)) throw new TypeError('the state of a snapshot is no object');
  for (const [provider, left] of Object.entries(value)) checked(provider, left);
  return value as LeftStates;
}

function checked(provider: string, value: unknown): JsonObject {
  if (!isObject(value)) throw new TypeError(`what ${provider} leaves with a turn is no object`);
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > stateBytesMax) {
    throw new RangeError(
      `what ${provider} leaves with a turn has ${bytes} bytes, more than ${stateBytesMax}`,
    );
  }
  return value;
}
