import type { CheckId } from '../check.ts';

/** That a check finds a fault: what was planted, who must find it, who finds it too, and who did. */
export interface Proof {
  readonly check: CheckId;
  readonly fault: string;
  readonly also?: readonly CheckId[];
  /** The recorded replies or the vendors' descriptions are needed. */
  readonly needsCorpus?: true;
  found(): Promise<readonly CheckId[]> | readonly CheckId[];
}
