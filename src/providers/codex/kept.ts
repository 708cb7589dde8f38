import type { ProviderState } from '../../sessions/provider-state.ts';
import type { TurnOutcome } from '../provider.ts';
import type { Identity } from './identity.ts';
import { continueWindow, readSnapshot, settleWindow, writeSnapshot, type SessionSnapshot } from './window.ts';

/** What the conversation that a turn continues knows of its session. */
export function parentSession(state: ProviderState | undefined): SessionSnapshot | undefined {
  const stored = state?.readParent();
  return stored && readSnapshot(stored);
}

/** Goes on in the window of the conversation, and leaves with it what its next turn needs. */
export function keepSession(identity: Identity, state: ProviderState): Identity {
  const { session, ownWindow } = identity;
  const parent = parentSession(state);
  const step = parent?.session === session ? continueWindow(parent, ownWindow) : undefined;
  if (step) state.leaveWithParent(writeSnapshot(step.parent));
  const kept = step?.window ?? identity.window;
  const snapshot = settleWindow(session, kept, { compacted: false, callerWindow: ownWindow });
  state.leave(writeSnapshot(snapshot));
  return { ...identity, window: ownWindow ?? kept };
}

/** A turn whose reply has taken the place of the conversation begins a new window. */
export function settleSession({ mode }: TurnOutcome, state: ProviderState): void {
  const stored = state.read();
  const snapshot = stored && readSnapshot(stored);
  if (mode !== 'replace' || snapshot === undefined) return;
  const { session, window, callerWindow } = snapshot;
  state.leave(writeSnapshot(settleWindow(session, window, { compacted: true, callerWindow })));
}
