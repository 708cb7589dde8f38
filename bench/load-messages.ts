/** What run.ts asks the load generator for, and what it answers. One answer for each ask, in order. */
export type Ask =
  | {
      /** Sends a request again and again over keep-alive connections. */
      readonly kind: 'batch';
      readonly port: number;
      readonly request: string;
      readonly count: number;
      readonly connections: number;
      readonly terminal: string;
    }
  | {
      /** Opens streams and answers when each has begun. */
      readonly kind: 'open';
      readonly port: number;
      readonly request: string;
      readonly streams: number;
      readonly terminal: string;
    }
  /** Starts to count; answers when it has. */
  | { readonly kind: 'mark' }
  /** Events since the mark and how long they took from write to read. */
  | { readonly kind: 'read' }
  /** Waits until all streams have ended. */
  | { readonly kind: 'finish' }
  /** Cuts all streams off. */
  | { readonly kind: 'leave' };

export interface Answers {
  batch: {
    readonly replies: readonly (ReplyShape & { readonly count: number })[];
    readonly failures: readonly string[];
  };
  open: { readonly begun: number };
  mark: Record<never, never>;
  read: { readonly events: number; readonly delayP50Us: number; readonly delayP99Us: number };
  finish: { readonly complete: number; readonly failures: readonly string[] };
  leave: Record<never, never>;
}

/** What is compared between replies. */
export interface ReplyShape {
  readonly status: number;
  readonly bytes: number;
  readonly hash: string;
  /** Lines that begin with `data:`. */
  readonly events: number;
  /** Whether it ended with the event its protocol ends with. */
  readonly terminal: boolean;
}
