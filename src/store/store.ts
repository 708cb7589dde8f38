/** A value that both engines hold alike. Times are milliseconds since the epoch, money is nano-dollars. */
export type SqlValue = string | number | null;

/** A row as it comes: PostgreSQL gives 64-bit integers as text, so numbers are read with `Number()`. */
export type Row = Readonly<Record<string, SqlValue>>;

/** Statements in the SQL that SQLite and PostgreSQL share, with `?` for values. */
export interface Queries {
  all(sql: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Returns how many rows were changed. */
  run(sql: string, values?: readonly SqlValue[]): Promise<number>;
}

/**
 * What outlives the process and what processes share. Slow by nature: nothing that a turn waits for may stand
 * here; callers keep what they need in memory and write behind.
 */
export interface Store extends Queries {
  readonly engine: 'sqlite' | 'postgres';
  /** All or nothing. Statements of others do not fall into it; work must use the `Queries` it is given. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /** The store as it is at this moment, to be read while others go on writing; who opened it closes it. */
  view(): Promise<View>;
  /** Tells all processes on this store, this one included, that what `topic` names has changed. */
  announce(topic: string): Promise<void>;
  /** Calls `hear` when a topic is announced, soon after, and again when it fails. Returns what ends it. */
  listen(topic: string, hear: () => unknown): () => void;
  close(): Promise<void>;
}

/** What does not change while it is read. */
export interface View extends Pick<Queries, 'all'> {
  close(): Promise<void>;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** `?` as `$1`, `$2`, … : statements hold no question mark in their text. */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replaceAll('?', () => `$${++n}`);
}
