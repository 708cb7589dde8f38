import { startStage, type Stage } from './upstreams.ts';

/** As many clients as a small machine has cores; each waits for its model now and then. */
const lanes = 2;

/** Does a piece of work for each of these, two at a time, each lane on a stage of its own. */
export async function sideBySide<T>(
  all: readonly T[],
  work: (one: T, stage: Stage) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(lanes, all.length) }, async () => {
      const stage = await startStage();
      try {
        for (let at = next++; at < all.length; at = next++) await work(all[at]!, stage);
      } finally {
        await stage.stop();
      }
    }),
  );
}
