import { expect } from 'bun:test';

/** Below the limit of a test; it only bounds a hang, so that a busy machine may take its time. */
const withinMs = 45_000;

/** Waits until something holds that is to happen soon. */
export async function eventually(holds: () => unknown): Promise<void> {
  const giveUpMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > giveUpMs) expect.unreachable(`it did not happen within ${withinMs} ms: ${holds}`);
    await Bun.sleep(5);
  }
}
