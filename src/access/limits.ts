import type { RateState } from '../telemetry/record.ts';
import type { GatewayKey } from './keys.ts';
import { windowEnd, windows, windowStart, type KeyRules, type Window } from './rules.ts';

/** What a key has used up, as a stretch of time's sum. */
export interface Spent {
  readonly nanoUsd: number;
  readonly tokens: number;
}

/** Why a request is not let in now. */
export interface LimitReached {
  readonly limit: 'requests_per_minute' | 'tokens_per_minute' | 'concurrent' | `per_${Window}`;
  /** For budgets: what is used up. */
  readonly unit?: 'usd' | 'tokens';
  readonly retryAfterMs: number;
}

/** One request that was let in. */
export interface Admission {
  readonly requests?: RateState;
  readonly tokens?: RateState;
  /** Ends the request and books what it used; called once, however it ended. */
  end(used: Spent): void;
}

export interface Limits {
  admit(key: GatewayKey): Admission | LimitReached;
  /** What the store knows of a key's spending since each window began: read at start, and when others spent too. */
  restore(keyId: string, spent: Readonly<Record<Window, Spent>>): void;
  spent(keyId: string): Readonly<Record<Window, Spent>>;
}

const minuteMs = 60_000;
const nano = 1_000_000_000;

/**
 * Rates, concurrency and budgets of keys, in memory. A request is let in while its key has something left, and what
 * it used is booked when it ends, so that a budget is overrun by at most what is under way.
 */
export function createLimits(nowMs: () => number): Limits {
  const meters = new Map<string, Meter>();
  const meterOf = (id: string): Meter => {
    let meter = meters.get(id);
    if (!meter) meters.set(id, (meter = createMeter(nowMs())));
    return meter;
  };

  return {
    admit(key) {
      const now = nowMs();
      const meter = meterOf(key.id);
      const reached = blocked(meter, key.rules, now);
      if (reached) return reached;
      const { rules } = key;
      meter.open++;
      const requests = rate(meter.requests, rules.requests_per_minute, now, 1);
      const tokens = rate(meter.tokens, rules.tokens_per_minute, now, 0);
      let ended = false;
      return {
        requests,
        tokens,
        end(used) {
          if (ended) return;
          ended = true;
          meter.open--;
          if (rules.tokens_per_minute !== undefined) {
            rate(meter.tokens, rules.tokens_per_minute, nowMs(), used.tokens);
          }
          book(meter, used, nowMs());
        },
      };
    },
    restore(keyId, spent) {
      const meter = meterOf(keyId);
      const now = nowMs();
      meter.dayStart = windowStart('day', now);
      for (const window of windows)
        meter.spent[window] = { start: windowStart(window, now), ...spent[window] };
    },
    spent(keyId) {
      const meter = meterOf(keyId);
      turnPages(meter, nowMs());
      return meter.spent;
    },
  };
}

/** A bucket that refills evenly: `level` is what is used, and it may be overdrawn by what ends later. */
interface Bucket {
  level: number;
  atMs: number;
}

/** What was spent in one window. */
interface Page {
  start: number;
  nanoUsd: number;
  tokens: number;
}

interface Meter {
  readonly requests: Bucket;
  readonly tokens: Bucket;
  open: number;
  readonly spent: Record<Window, Page>;
  /** No page has to be turned within this day. */
  dayStart: number;
}

function createMeter(now: number): Meter {
  const page = (window: Window): Page => ({ start: windowStart(window, now), nanoUsd: 0, tokens: 0 });
  return {
    requests: { level: 0, atMs: now },
    tokens: { level: 0, atMs: now },
    open: 0,
    spent: { day: page('day'), week: page('week'), month: page('month') },
    dayStart: windowStart('day', now),
  };
}

function blocked(meter: Meter, rules: KeyRules, now: number): LimitReached | undefined {
  if (rules.concurrent !== undefined && meter.open >= rules.concurrent) {
    return { limit: 'concurrent', retryAfterMs: 1_000 };
  }
  turnPages(meter, now);
  for (const window of windows) {
    const budget = rules[`per_${window}`];
    if (budget === undefined) continue;
    const spent = meter.spent[window];
    const isUsdSpent = budget.usd !== undefined && spent.nanoUsd >= budget.usd * nano;
    if (!isUsdSpent && (budget.tokens === undefined || spent.tokens < budget.tokens)) continue;
    const unit = isUsdSpent ? 'usd' : 'tokens';
    return { limit: `per_${window}`, unit, retryAfterMs: windowEnd(window, now) - now };
  }
  return (
    full('requests_per_minute', meter.requests, rules, now, 1) ??
    full('tokens_per_minute', meter.tokens, rules, now, 0)
  );
}

/** Whether a bucket has no room for `least` more. */
function full(
  limit: 'requests_per_minute' | 'tokens_per_minute',
  bucket: Bucket,
  rules: KeyRules,
  now: number,
  least: number,
): LimitReached | undefined {
  const most = rules[limit];
  if (most === undefined) return undefined;
  drain(bucket, most, now);
  const over = bucket.level + least - most;
  if (least === 0 ? over < 0 : over <= 0) return undefined;
  return { limit, retryAfterMs: Math.ceil((Math.max(over, 1) / most) * minuteMs) };
}

function rate(bucket: Bucket, most: number | undefined, now: number, use: number): RateState | undefined {
  if (most === undefined) return undefined;
  drain(bucket, most, now);
  bucket.level += use;
  return {
    limit: most,
    remaining: Math.max(0, Math.floor(most - bucket.level)),
    resetMs: Math.ceil((bucket.level / most) * minuteMs),
  };
}

function drain(bucket: Bucket, most: number, now: number): void {
  bucket.level = Math.max(0, bucket.level - ((now - bucket.atMs) / minuteMs) * most);
  bucket.atMs = now;
}

/** Begins a new page for each window that has passed; every window ends with a day. */
function turnPages(meter: Meter, now: number): void {
  const dayStart = windowStart('day', now);
  if (meter.dayStart === dayStart) return;
  meter.dayStart = dayStart;
  for (const window of windows) {
    const start = windowStart(window, now);
    if (meter.spent[window].start !== start) meter.spent[window] = { start, nanoUsd: 0, tokens: 0 };
  }
}

function book(meter: Meter, used: Spent, now: number): void {
  turnPages(meter, now);
  for (const window of windows) {
    const page = meter.spent[window];
    page.nanoUsd += used.nanoUsd;
    page.tokens += used.tokens;
  }
}
