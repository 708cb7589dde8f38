import { asNumber, asObject, asString, type JsonObject } from '../../turn/json.ts';

/** What the event `codex.rate_limits` says, in the headers that say it over HTTP. */
export function limitHeaders(event: JsonObject): Record<string, string> {
  const headers: Record<string, string> = {};
  const put = (name: string, value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      headers[name] = String(value);
  };
  const limits = asObject(event.rate_limits);
  const family = familyOf(asString(event.metered_limit_name));
  for (const name of ['primary', 'secondary']) {
    const window = asObject(limits?.[name]);
    if (asNumber(window?.used_percent) === undefined) continue;
    put(`x-${family}-${name}-used-percent`, window?.used_percent);
    put(`x-${family}-${name}-window-minutes`, window?.window_minutes);
    put(`x-${family}-${name}-reset-at`, window?.reset_at);
  }
  put('x-codex-plan-type', event.plan_type);
  const credits = asObject(event.credits);
  put('x-codex-credits-has-credits', credits?.has_credits);
  put('x-codex-credits-unlimited', credits?.unlimited);
  put('x-codex-credits-balance', credits?.balance);
  return headers;
}

function familyOf(name: string | undefined): string {
  const family = name?.toLowerCase().replaceAll('_', '-');
  return family !== undefined && /^[a-z0-9-]{1,64}$/.test(family) ? family : 'codex';
}
