import type { Quota, QuotaWindow } from '../../accounts/quota.ts';
import { asNumber, asObject, asString, type Json, type JsonObject } from '../../turn/json.ts';

/** The family of limits that names itself nowhere. */
const usual = 'codex';
/** Further families at most: their names come from the backend. */
const familiesMax = 8;

/**
 * Reads `x-codex-primary-used-percent` and its kin, of one family of limits; a window without a percentage says nothing.
 * The headers stand on successes and on refusals.
 */
export function readQuota(headers: Headers, nowMs: number, family = usual): Quota | undefined {
  const windows = windowsOf(headers, family, nowMs);
  const credits = creditsOf({
    has: flag(headers.get('x-codex-credits-has-credits')),
    unlimited: flag(headers.get('x-codex-credits-unlimited')),
    balance: headers.get('x-codex-credits-balance'),
  });
  if (windows.length === 0 && credits === undefined) return undefined;
  return { windows, plan: headers.get('x-codex-plan-type') ?? undefined, credits, seenMs: nowMs };
}

/** The same of all families; the windows of the further ones have the family's name before their own. */
export function readQuotas(headers: Headers, nowMs: number): Quota | undefined {
  const quota = readQuota(headers, nowMs);
  const families = new Set<string>();
  headers.forEach((_, name) => {
    const family = /^x-([a-z0-9-]+)-(?:primary|secondary)-used-percent$/.exec(name)?.[1];
    if (family !== undefined && family !== usual && families.size < familiesMax) families.add(family);
  });
  if (families.size === 0) return quota;
  const further = [...families].flatMap((family) =>
    windowsOf(headers, family, nowMs).map((window) => ({
      ...window,
      name: `${family.replace(/^codex-/, '')} ${window.name}`,
    })),
  );
  return { ...quota, windows: [...(quota?.windows ?? []), ...further], seenMs: nowMs };
}

/** Reads `GET /wham/usage`, where the official client looks without asking a model. */
export function readUsage(body: Json, nowMs: number): Quota | undefined {
  const usage = asObject(body);
  const windows = usageWindows(asObject(usage?.rate_limit), nowMs);
  const own = asObject(usage?.credits);
  const balance = own?.balance;
  const credits = creditsOf({
    has: own?.has_credits,
    unlimited: own?.unlimited,
    balance: typeof balance === 'number' ? String(balance) : asString(balance),
  });
  if (windows.length === 0 && credits === undefined) return undefined;
  return { windows, plan: asString(usage?.plan_type), credits, seenMs: nowMs };
}

/** When the windows that are used up are whole again, the last of them; `undefined` when none is. */
export function exhaustedUntilMs(quota: Quota | undefined): number | undefined {
  const resets = (quota?.windows ?? []).flatMap(({ usedRatio, resetsMs }) =>
    usedRatio >= 1 && resetsMs !== undefined ? [resetsMs] : [],
  );
  return resets.length === 0 ? undefined : Math.max(...resets);
}

const windowsOf = (headers: Headers, family: string, nowMs: number): QuotaWindow[] =>
  ['primary', 'secondary'].flatMap((name) => {
    const read = (what: string) => numberOf(headers.get(`x-${family}-${name}-${what}`));
    return windowOf(name, nowMs, {
      percent: read('used-percent'),
      minutes: read('window-minutes'),
      at: read('reset-at'),
      after: read('reset-after-seconds'),
    });
  });

const usageWindows = (limits: JsonObject | undefined, nowMs: number): QuotaWindow[] =>
  ['primary', 'secondary'].flatMap((name) => {
    const window = asObject(limits?.[`${name}_window`]);
    const seconds = asNumber(window?.limit_window_seconds);
    return windowOf(name, nowMs, {
      percent: asNumber(window?.used_percent),
      minutes: seconds === undefined ? undefined : seconds / 60,
      at: asNumber(window?.reset_at),
      after: asNumber(window?.reset_after_seconds),
    });
  });

/** As the backend counts: percent, minutes, seconds since the epoch or from now. */
interface Said {
  readonly percent?: number;
  readonly minutes?: number;
  readonly at?: number;
  readonly after?: number;
}

function windowOf(name: string, nowMs: number, { percent, minutes, at, after }: Said): QuotaWindow[] {
  if (percent === undefined) return [];
  const resetsMs = at !== undefined ? at * 1000 : after === undefined ? undefined : nowMs + after * 1000;
  return [
    {
      name,
      usedRatio: percent / 100,
      lengthMs: minutes === undefined ? undefined : minutes * 60_000,
      resetsMs,
    },
  ];
}

/** Both flags are needed; without credits there is nothing to tell. */
function creditsOf({
  has,
  unlimited,
  balance,
}: {
  has?: Json;
  unlimited?: Json;
  balance?: string | null;
}): Quota['credits'] {
  if (has !== true || typeof unlimited !== 'boolean') return undefined;
  return { unlimited, balance: balance || undefined };
}

/** A blank header is no zero. */
function numberOf(text: string | null): number | undefined {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

const flag = (text: string | null): boolean | undefined =>
  text === null || !/^(?:true|false)$/i.test(text) ? undefined : /^true$/i.test(text);
