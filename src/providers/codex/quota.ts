/** One window of an account's quota. */
export interface QuotaWindow {
  readonly usedPercent: number;
  readonly windowMinutes?: number;
  /** Milliseconds since the epoch. */
  readonly resetsMs?: number;
}

/** What the backend's headers say of an account's quota. */
export interface Quota {
  readonly primary?: QuotaWindow;
  readonly secondary?: QuotaWindow;
  readonly plan?: string;
  readonly credits?: { readonly has: boolean; readonly unlimited: boolean; readonly balance?: string };
  /** The family of limits that a refusal is about; `codex` where none is named. */
  readonly activeLimit?: string;
  readonly seenMs: number;
}

/** Reads `x-codex-primary-used-percent` and its kin; a window without a percentage says nothing. */
export function readQuota(headers: Headers, nowMs: number, family = 'codex'): Quota | undefined {
  const primary = windowOf(headers, `x-${family}-primary`, nowMs);
  const secondary = windowOf(headers, `x-${family}-secondary`, nowMs);
  const has = flag(headers.get('x-codex-credits-has-credits'));
  const unlimited = flag(headers.get('x-codex-credits-unlimited'));
  const plan = headers.get('x-codex-plan-type') ?? undefined;
  if (primary === undefined && secondary === undefined && has === undefined) return undefined;
  return {
    primary,
    secondary,
    plan,
    credits:
      has === undefined || unlimited === undefined
        ? undefined
        : { has, unlimited, balance: headers.get('x-codex-credits-balance') || undefined },
    activeLimit: headers.get('x-codex-active-limit') ?? undefined,
    seenMs: nowMs,
  };
}

/** When the windows that are used up are whole again, the last of them; `undefined` when none is. */
export function exhaustedUntilMs(quota: Quota | undefined): number | undefined {
  const resets = [quota?.primary, quota?.secondary].flatMap((window) =>
    window !== undefined && window.usedPercent >= 100 && window.resetsMs !== undefined
      ? [window.resetsMs]
      : [],
  );
  return resets.length === 0 ? undefined : Math.max(...resets);
}

function windowOf(headers: Headers, prefix: string, nowMs: number): QuotaWindow | undefined {
  const usedPercent = numberOf(headers.get(`${prefix}-used-percent`));
  if (usedPercent === undefined) return undefined;
  const at = numberOf(headers.get(`${prefix}-reset-at`));
  const after = numberOf(headers.get(`${prefix}-reset-after-seconds`));
  const resetsMs = at !== undefined ? at * 1000 : after === undefined ? undefined : nowMs + after * 1000;
  return { usedPercent, windowMinutes: numberOf(headers.get(`${prefix}-window-minutes`)), resetsMs };
}

/** A blank header is no zero. */
function numberOf(text: string | null): number | undefined {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

const flag = (text: string | null): boolean | undefined =>
  text === null || !/^(?:true|false)$/i.test(text) ? undefined : /^true$/i.test(text);
