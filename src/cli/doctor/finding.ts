/** What was looked at. */
export type Check =
  'runtime' | 'configuration' | 'secrets' | 'store' | 'port' | 'accounts' | 'upstreams' | 'clock' | 'clients';

/** One thing that was found. */
export interface Finding {
  readonly check: Check;
  /** A `note` keeps nothing from working; a `problem` does. */
  readonly level: 'ok' | 'note' | 'problem';
  readonly what: string;
  /** What to do about it. */
  readonly cure?: string;
}
