import type { Queries, Row } from './store.ts';

/** What is called when there is news; one that fails is called again at the next look. */
export type Hear = () => unknown;

/** Who waits for a topic, and the count at which it was last told. */
interface Listener {
  readonly topic: string;
  readonly hear: Hear;
  seen: string | undefined;
}

/**
 * Topics are counters in the store that grow with each announcement, so that nothing is missed for good: whoever was
 * away, or did not get a notice, sees at the next look that it is behind.
 */
export interface TopicWatch {
  listen(topic: string, hear: Hear): () => void;
  /** Looks now, as there may be news. */
  look(): void;
  stop(): void;
}

/** Looks every `pollMs` as long as somebody listens. */
export function topicWatch(read: () => Promise<readonly Row[]>, pollMs: number): TopicWatch {
  const listeners = new Set<Listener>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let looking = false;
  let again = false;

  async function look(): Promise<void> {
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    try {
      do {
        again = false;
        tell(await read());
      } while (again);
    } catch {
      // The store is away, and its users say so. The next look sees what was missed.
    } finally {
      looking = false;
    }
  }

  function tell(rows: readonly Row[]): void {
    const counts = new Map(rows.map(({ name, value }) => [String(name), String(value)]));
    for (const listener of listeners) {
      const count = counts.get(topicName(listener.topic));
      if (count === listener.seen) continue;
      listener.seen = count;
      void heard(listener);
    }
  }

  async function heard(listener: Listener): Promise<void> {
    try {
      await listener.hear();
    } catch {
      listener.seen = undefined;
    }
  }

  return {
    listen(topic, hear) {
      const listener: Listener = { topic, hear, seen: undefined };
      listeners.add(listener);
      if (timer === undefined) {
        timer = setInterval(() => void look(), pollMs);
        (timer as { unref?: () => void }).unref?.();
      }
      // What was announced between the listener's own reading and now would be missed otherwise.
      void look();
      return () => listeners.delete(listener);
    },
    look: () => void look(),
    stop() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

const topicName = (topic: string): string => `topic:${topic}`;

export const readTopics = (queries: Queries): Promise<Row[]> =>
  queries.all(`SELECT name, value FROM settings WHERE name LIKE 'topic:%'`);

export const countAnnouncement = (queries: Queries, topic: string): Promise<number> =>
  queries.run(
    `INSERT INTO settings (name, value) VALUES (?, '1')
     ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(settings.value AS BIGINT) + 1 AS TEXT)`,
    [topicName(topic)],
  );
