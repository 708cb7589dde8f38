/** One window of an account's quota, as its upstream tells of it. */
export interface QuotaWindow {
  /** The upstream's own word, such as `primary`. */
  readonly name: string;
  /** 1 when it is used up; may be more. */
  readonly usedRatio: number;
  readonly lengthMs?: number;
  /** When it is whole again, in milliseconds since the epoch. */
  readonly resetsMs?: number;
}

/** What an upstream has said of an account's quota. */
export interface Quota {
  readonly windows: readonly QuotaWindow[];
  readonly plan?: string;
  /** What may be spent beyond the windows, in the upstream's own words. */
  readonly credits?: { readonly unlimited: boolean; readonly balance?: string };
  /** When it said so, in milliseconds since the epoch. */
  readonly seenMs: number;
}

/** The windows that still hold what was said of them: the others are whole again since. */
export const currentWindows = ({ windows }: Quota, nowMs: number): readonly QuotaWindow[] =>
  windows.filter(({ resetsMs = Infinity }) => resetsMs > nowMs);
