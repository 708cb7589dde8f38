/** Calls each of its members once a period, spread over it: no tick calls all of them. */
export interface Wheel {
  /** Adds a member; what it returns takes it out again. */
  readonly add: (member: () => void) => () => void;
}

/** The period is a whole number of ms, near to 1 s / perSecond. */
export function startWheel(perSecond: number): Wheel {
  const slots = Array.from({ length: Math.round(1000 / perSecond) }, () => new Set<() => void>());
  let nextSlot = 0;
  let ticks = 0;
  let tickedAt = performance.now();
  setInterval(() => {
    // A timer that comes late makes up for what it missed.
    for (const now = performance.now(); tickedAt + 1 <= now; tickedAt++)
      for (const member of slots[ticks++ % slots.length]!) member();
  }, 1);
  return {
    add(member) {
      const slot = slots[nextSlot++ % slots.length]!;
      slot.add(member);
      return () => void slot.delete(member);
    },
  };
}
