import type { Store } from '../store/store.ts';

/**
 * Work that only one process on a store may do at a time. A holder that dies loses its lease when the time is up;
 * a lease is therefore a bound on waste, not a proof: what is written under it must still check what it replaces.
 * Times are those of each process, whose clocks have to agree to within what is left of a lease that is prolonged.
 */
export interface Leases {
  /** Whether the lease was had. One that is had is to be let go. */
  take(name: string, ms: number): Promise<boolean>;
  /** Whether it was still this process's. */
  prolong(name: string, ms: number): Promise<boolean>;
  release(name: string): Promise<void>;
}

export function createLeases(store: Store, nowMs: () => number): Leases {
  const holder = crypto.randomUUID();
  return {
    async take(name, ms) {
      const now = nowMs();
      const taken = await store.run(
        `INSERT INTO leases (name, holder, until_ms) VALUES (?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
         WHERE leases.until_ms <= ?`,
        [name, holder, now + ms, now],
      );
      return taken === 1;
    },
    async prolong(name, ms) {
      const prolonged = await store.run('UPDATE leases SET until_ms = ? WHERE name = ? AND holder = ?', [
        nowMs() + ms,
        name,
        holder,
      ]);
      return prolonged === 1;
    },
    async release(name) {
      await store.run('DELETE FROM leases WHERE name = ? AND holder = ?', [name, holder]);
    },
  };
}
