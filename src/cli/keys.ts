import type { GatewayKey, KeyRing } from '../access/keys.ts';
import { rulesSchema, type KeyRules } from '../access/rules.ts';
import { shownKey } from '../server/shown.ts';
import type { Host } from './host.ts';
import { minuteText, table } from './table.ts';
import { withState, type StateFlags } from './with-state.ts';

export interface CreateFlags extends StateFlags {
  readonly admin?: boolean;
  readonly expires?: number;
  readonly models?: string[];
  readonly providers?: string[];
  readonly rpm?: number;
  readonly tpm?: number;
  readonly concurrent?: number;
  /** Milliseconds; 0 keeps no conversations. */
  readonly retention?: number;
  readonly budget?: {
    readonly per: 'day' | 'week' | 'month';
    readonly usd?: number;
    readonly tokens?: number;
  }[];
}

/** `dragoman keys create NAME` */
export function createKey(name: string, flags: CreateFlags, host: Host): Promise<number> {
  return withKeys(flags, host, async (keys) => {
    const { key, secret } = await keys.create({
      name,
      role: flags.admin ? 'admin' : 'client',
      rules: rulesOf(flags),
      expiresMs: flags.expires === undefined ? undefined : Date.now() + flags.expires,
    });
    if (flags.json) {
      await host.stdout.write(`${JSON.stringify({ ...shownKey(key), key: secret })}\n`);
      return 0;
    }
    // Alone on stdout, so that `KEY=$(dragoman keys create laptop)` works.
    await host.stdout.write(`${secret}\n`);
    await host.stderr.write('This is the only time the key is shown.\n');
    return 0;
  });
}

/** `dragoman keys list` */
export function listKeys(flags: StateFlags, host: Host): Promise<number> {
  return withKeys(flags, host, async (keys) => {
    const list = keys.list();
    if (flags.json) await host.stdout.write(`${JSON.stringify(list.map(shownKey))}\n`);
    else if (list.length === 0)
      await host.stderr.write('There are no keys: callers on this machine need none.\n');
    else {
      const rows = list.map((key) => [
        key.name,
        `drg_${key.prefix}_…`,
        key.role,
        stateOf(key),
        rulesText(key.rules),
      ]);
      await host.stdout.write(table(['NAME', 'KEY', 'ROLE', 'STATE', 'MAY'], rows));
    }
    return 0;
  });
}

/** `dragoman keys revoke NAME` */
export function revokeKey(which: string, flags: StateFlags, host: Host): Promise<number> {
  return withKeys(flags, host, async (keys) => {
    const key = await keys.revoke(which);
    if (key === undefined) {
      await host.stderr.write(`error: there is no key ${JSON.stringify(which)} in force\n`);
      return 1;
    }
    await host.stdout.write(
      flags.json ? `${JSON.stringify(shownKey(key))}\n` : `revoked ${key.name} (drg_${key.prefix}_…)\n`,
    );
    return 0;
  });
}

const withKeys = (flags: StateFlags, host: Host, work: (keys: KeyRing) => Promise<number>): Promise<number> =>
  withState(flags, host, (state) => work(state.keys!));

function rulesOf({ models, providers, rpm, tpm, concurrent, retention, budget = [] }: CreateFlags): KeyRules {
  const rules: Record<string, unknown> = {
    models,
    providers,
    requests_per_minute: rpm,
    tokens_per_minute: tpm,
    concurrent,
    retention_days: retention === undefined ? undefined : retention / dayMs,
  };
  for (const { per, ...amount } of budget) {
    rules[`per_${per}`] = { ...(rules[`per_${per}`] as object | undefined), ...amount };
  }
  return rulesSchema.parse(JSON.parse(JSON.stringify(rules)));
}

const dayMs = 24 * 60 * 60_000;

function stateOf({ expiresMs, revokedMs }: GatewayKey): string {
  if (revokedMs !== undefined) return `revoked ${minuteText(revokedMs)}`;
  if (expiresMs === undefined) return 'in force';
  return expiresMs <= Date.now() ? `expired ${minuteText(expiresMs)}` : `until ${minuteText(expiresMs)}`;
}

function rulesText(rules: KeyRules): string {
  const texts: string[] = [];
  if (rules.models) texts.push(rules.models.join(' '));
  if (rules.providers) texts.push(`at ${rules.providers.join(' ')}`);
  if (rules.requests_per_minute) texts.push(`${rules.requests_per_minute} requests/min`);
  if (rules.tokens_per_minute) texts.push(`${rules.tokens_per_minute} tokens/min`);
  if (rules.concurrent) texts.push(`${rules.concurrent} at a time`);
  const { retention_days: days } = rules;
  if (days !== undefined) texts.push(days === 0 ? 'conversations not kept' : `conversations kept ${days} d`);
  for (const window of ['day', 'week', 'month'] as const) {
    const { usd, tokens } = rules[`per_${window}`] ?? {};
    if (usd !== undefined) texts.push(`$${usd}/${window}`);
    if (tokens !== undefined) texts.push(`${tokens} tokens/${window}`);
  }
  return texts.length === 0 ? 'everything' : texts.join(', ');
}
