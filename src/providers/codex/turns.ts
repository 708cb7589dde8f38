/** Turns that may still go on with tool results, and what the backend wants to be told again within one. */
export interface Turns {
  /** The turn that began with this message of the user. */
  begun(key: string): string | undefined;
  begin(key: string, turn: string): void;
  /** The routing token that the backend gave first under this key. */
  state(key: string): string | undefined;
  keepState(key: string, token: string): void;
}

/** Older turns are forgotten: their tool results then count as a new turn. */
const turnsMax = 10_000;

export function createTurns(): Turns {
  const turns = new Map<string, string>();
  const states = new Map<string, string>();
  return {
    begun: (key) => turns.get(key),
    begin: (key, turn) => remember(turns, key, turn),
    state: (key) => states.get(key),
    keepState(key, token) {
      if (!states.has(key)) remember(states, key, token);
    },
  };
}

function remember(map: Map<string, string>, key: string, value: string): void {
  map.delete(key);
  map.set(key, value);
  for (const [oldest] of map) {
    if (map.size <= turnsMax) break;
    map.delete(oldest);
  }
}
