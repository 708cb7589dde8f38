import type { GatewayKey } from '../access/keys.ts';
import type { UsageLedger, UsageQuery, UsageRow } from '../access/usage-ledger.ts';
import { isConfigured, type Account } from '../accounts/account.ts';
import type { HealthEntry } from '../accounts/health-board.ts';
import type { Quota } from '../accounts/quota.ts';
import type { State } from './state.ts';

/** What stands on the health board for an account: what is wrong with it, and with its provider as a whole. */
export const healthOf = (account: Account, board: readonly HealthEntry[]): HealthEntry[] =>
  board.filter((entry) => entry.account === account.id || entry.account === `@${account.provider}`);

/** An account as programs are told of it, by `--json` and `/admin` alike. No secret is in it. */
export const shownAccount = (account: Account, { health, quotas }: Boards) => ({
  id: account.id,
  provider: account.provider,
  name: account.name,
  kind: account.kind,
  configured: isConfigured(account),
  profile: account.profile,
  priority: account.priority,
  weight: account.weight,
  enabled: account.enabled,
  state: account.state,
  why: account.stateWhy,
  expires: timeText(account.expiresMs),
  health: healthOf(account, health.list()).map(shownHealth),
  quota: shownQuota(quotas.of(account.id)),
});

/** Where it stands how accounts are. */
type Boards = Pick<State, 'health' | 'quotas'>;

/** What an upstream has said of an account's quota; `null` where it has said nothing. */
const shownQuota = (quota: Quota | undefined) =>
  quota === undefined
    ? null
    : {
        seen: timeText(quota.seenMs),
        plan: quota.plan ?? null,
        credits: quota.credits ?? null,
        windows: quota.windows.map(({ name, usedRatio, lengthMs, resetsMs }) => ({
          name,
          used_percent: Math.round(usedRatio * 1000) / 10,
          minutes: lengthMs === undefined ? null : lengthMs / 60_000,
          resets: timeText(resetsMs),
        })),
      };

/** A line of the health board. Without a model it concerns all of them. */
export const shownHealth = ({ model, state, why, untilMs, strikes }: HealthEntry) => ({
  model: model === '' ? null : model,
  state,
  why,
  until: timeText(untilMs),
  strikes,
});

/** A gateway key. What it is called and what it may do, never the key itself. */
export const shownKey = (key: GatewayKey) => ({
  id: key.id,
  prefix: `drg_${key.prefix}`,
  name: key.name,
  role: key.role,
  rules: key.rules,
  created: timeText(key.createdMs),
  expires: timeText(key.expiresMs),
  revoked: timeText(key.revokedMs),
});

/** A row of usage and whose it is. */
export interface NamedUsage extends UsageRow {
  /** What `by` stands for, where that is a key or an account. */
  readonly id: string;
}

/** A row of usage: dollars as a number. */
export const shownUsage = ({ nanoUsd, ...row }: NamedUsage) => ({ ...row, usd: nanoUsd / 1e9 });

const dayMs = 24 * 60 * 60_000;

/** Sums of the last `days` days, today included (UTC); keys and accounts stand by their names. */
export async function usageOf(
  state: Pick<State, 'accounts' | 'keys'> & { readonly usage: UsageLedger },
  { by, days }: { readonly by: UsageQuery['by']; readonly days: number },
  nowMs: number,
): Promise<NamedUsage[]> {
  const today = Math.floor(nowMs / dayMs) * dayMs;
  const rows = await state.usage.sums({ by, fromMs: today - (days - 1) * dayMs });
  const names = new Map<string, string>([['', '(none)']]);
  if (by === 'key') for (const { id, name } of state.keys?.list() ?? []) names.set(id, name);
  if (by === 'account')
    for (const { id, provider, name } of state.accounts.list()) names.set(id, `${provider}/${name}`);
  return rows.map((row) => ({ ...row, id: row.by, by: names.get(row.by) ?? row.by }));
}

const timeText = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();
