/** Conversations remembered at most, one for each of their models, and how long after their last turn. */
const heldMax = 100_000;
const idleMs = 60 * 60_000;
/**
 * How many more conversations for its weight an account may have than the one with the fewest: a share of those, and
 * about as many as chance alone makes, so that as a rule the keys decide, in every process alike.
 */
const aheadMax = (least: number): number => Math.max(least * 0.08, 1.5 * Math.sqrt(least), 4);

/** An account as far as spreading conversations over it goes. */
export interface Share {
  readonly id: string;
  readonly weight: number;
}

/**
 * Which account holds a conversation's prompt cache. In memory: after a restart, and in another process, a
 * conversation is found where it was as far as its key alone tells (rendezvous hashing); the balance of load
 * moves a few.
 */
export interface Affinity {
  /** The account that what goes by this key last went to. */
  held(key: string): string | undefined;
  /**
   * The account for a conversation that none holds: by its key, so that other processes choose the same, but none that
   * has many more than another.
   */
  choose(conversation: string, among: readonly Share[]): string;
  /** It has gone there. */
  hold(key: string, account: string): void;
}

export function createAffinity(nowMs: () => number): Affinity {
  /** In the order of their last turn. */
  const holders = new Map<string, { account: string; atMs: number }>();
  const counts = new Map<string, number>();

  const count = (account: string, change: 1 | -1): void => {
    const now = (counts.get(account) ?? 0) + change;
    if (now <= 0) counts.delete(account);
    else counts.set(account, now);
  };

  function forget(key: string): void {
    const holder = holders.get(key);
    if (holder === undefined) return;
    holders.delete(key);
    count(holder.account, -1);
  }

  function forgetOld(): void {
    const oldest = nowMs() - idleMs;
    for (const [key, { atMs }] of holders) {
      if (atMs > oldest && holders.size <= heldMax) break;
      forget(key);
    }
  }

  return {
    held(key) {
      const holder = holders.get(key);
      if (holder === undefined) return undefined;
      if (nowMs() - holder.atMs <= idleMs) return holder.account;
      forget(key);
      return undefined;
    },
    choose(conversation, among) {
      const load = ({ id, weight }: Share): number => (counts.get(id) ?? 0) / weight;
      const least = Math.min(...among.map(load));
      const most = least + aheadMax(least);
      const ranked = among
        .map((share) => ({ share, score: score(conversation, share) }))
        .sort((a, b) => b.score - a.score);
      // The one with the fewest is always among them.
      return ranked.find(({ share }) => load(share) < most)!.share.id;
    },
    hold(key, account) {
      forget(key);
      holders.set(key, { account, atMs: nowMs() });
      count(account, 1);
      forgetOld();
    },
  };
}

/** Weighted rendezvous: each account draws a number from the conversation's key, and the highest has it. */
function score(conversation: string, { id, weight }: Share): number {
  const drawn = (hash(`${conversation}\n${id}`) + 0.5) / 2 ** 32;
  return -weight / Math.log(drawn);
}

/** 32-bit FNV-1a with a final mix, so that keys that differ in one character lie far apart. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
