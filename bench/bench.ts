import type { Load, Running } from './processes.ts';
import type { Targets } from './cases.ts';

/** What the cases run against. */
export interface Bench {
  readonly upstream: Running;
  readonly load: Load;
  /** In the order in which each round visits them. */
  readonly servers: readonly Server[];
  readonly rounds: number;
  readonly pacedRounds: number;
  readonly progress: (text: string) => void;
}

export interface Server {
  readonly name: 'gateway' | 'nginx' | 'relay';
  readonly running: Running;
}

/** CPU in µs of each server for one request or one event: the medians over the rounds. */
export interface Comparison {
  readonly id: string;
  readonly name: string;
  readonly gateway: number;
  readonly nginx?: number;
  readonly relay: number;
  readonly targets: Targets;
}

/** One number with the most that it may be. */
export interface Check {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly max?: number;
}

export interface Results {
  readonly comparisons: Comparison[];
  readonly checks: Check[];
  /** Replies that were not as they had to be; the numbers of their case mean nothing. */
  readonly faults: string[];
  /** What makes a number less sure than it looks. */
  readonly doubts: string[];
}
