import type { Account } from '../accounts/account.ts';
import type { HealthEntry } from '../accounts/health-board.ts';
import { currentWindows, type Quota, type QuotaWindow } from '../accounts/quota.ts';
import type { Gateway } from '../gateway.ts';
import { askQuota } from '../server/ask-quota.ts';
import { healthOf, shownAccount } from '../server/shown.ts';
import type { State } from '../server/state.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';
import { minuteText, table } from './table.ts';
import { version } from './version.ts';
import { withState, type StateFlags } from './with-state.ts';

/** `dragoman accounts`; `ask`: what is used of their quotas is asked anew. */
export function listAccounts(flags: StateFlags & { readonly ask?: boolean }, host: Host): Promise<number> {
  return withState(flags, host, async (state, config) => {
    const { accounts, health, quotas } = state;
    const { createGateway } = await host.gateway();
    // Wiring the gateway brings the accounts of the configuration to those of the store.
    const recorder = { record() {}, streamsOpen() {} };
    const gateway = createGateway({ config, version, recorder, metrics: () => '', state, env: host.env });
    const list = accounts.list().filter(({ secret }) => secret.token !== '');
    if (flags.ask) for (const account of list) await askOrComplain(state, gateway, account, host);
    await gateway.stop({ drainMs: 0 });
    const sick = health.list();
    if (flags.json)
      await host.stdout.write(`${JSON.stringify(list.map((account) => shownAccount(account, state)))}\n`);
    else if (list.length === 0)
      await host.stderr.write('There are no accounts. Log in with `dragoman login PROVIDER`.\n');
    else {
      const rows = list.map((account) => [
        account.provider,
        account.name,
        account.kind === 'oauth' ? 'login' : 'API key',
        stateText(account, sick),
        quotaText(quotas.of(account.id)),
      ]);
      const headings = ['PROVIDER', 'NAME', 'KIND', 'STATE', 'QUOTA'];
      const isTold = rows.some((row) => row[4] !== '');
      await host.stdout.write(
        isTold
          ? table(headings, rows)
          : table(
              headings.slice(0, 4),
              rows.map((row) => row.slice(0, 4)),
            ),
      );
    }
    return 0;
  });
}

/** `dragoman logout PROVIDER [NAME]` */
export function logout(
  provider: string,
  name: string | undefined,
  flags: StateFlags,
  host: Host,
): Promise<number> {
  return withState(flags, host, async ({ accounts }) => {
    const found = accounts
      .list()
      .filter((account) => account.provider === provider && (name === undefined || account.name === name));
    if (found.length === 0) {
      await host.stderr.write(`error: there is no login of ${name ?? 'anybody'} at ${provider}\n`);
      return 1;
    }
    if (found.length > 1) {
      const names = found.map((account) => account.name).join(', ');
      await host.stderr.write(`error: there are several logins at ${provider}; say which: ${names}\n`);
      return 2;
    }
    const [account] = found as [Account];
    await accounts.remove(account.id);
    await host.stdout.write(
      flags.json
        ? `${JSON.stringify({ provider, name: account.name })}\n`
        : `logged out ${account.name} at ${provider}\n`,
    );
    return 0;
  });
}

function stateText(account: Account, sick: readonly HealthEntry[]): string {
  if (!account.enabled) return 'switched off';
  if (account.state === 'needs_login') return `needs a login: ${account.stateWhy}`;
  const entries = healthOf(account, sick).filter(({ untilMs }) => untilMs > Date.now());
  if (entries.length === 0) return 'ok';
  return entries
    .map(
      ({ model, state, why, untilMs }) =>
        `${model === '' ? '' : `${model} `}${state} until ${minuteText(untilMs)}: ${why}`,
    )
    .join('; ');
}

async function askOrComplain(state: State, gateway: Gateway, account: Account, host: Host): Promise<void> {
  try {
    await askQuota(state, gateway.provider(account.provider), account);
  } catch (error) {
    const why = escapeControls((error as Error).message);
    await host.stderr.write(`could not ask for the quota of ${escapeControls(account.name)}: ${why}\n`);
  }
}

/** `primary (5h) 12%, whole at 2026-11-21 14:05`; windows that are whole again since are left out. */
function quotaText(quota: Quota | undefined): string {
  if (quota === undefined) return '';
  const windows = currentWindows(quota, Date.now()).map(windowText);
  if (windows.length === 0) return `none used since ${minuteText(quota.seenMs)}`;
  const plan = quota.plan === undefined ? '' : `${quota.plan}: `;
  return `${plan}${windows.join('; ')}`;
}

function windowText({ name, usedRatio, lengthMs, resetsMs }: QuotaWindow): string {
  const length = lengthMs === undefined ? '' : ` (${lengthText(lengthMs)})`;
  const until = resetsMs === undefined ? '' : `, whole at ${minuteText(resetsMs)}`;
  return `${name}${length} ${Math.round(usedRatio * 100)}%${until}`;
}

const hourMs = 3_600_000;

function lengthText(ms: number): string {
  if (ms >= 48 * hourMs) return `${Math.round(ms / (24 * hourMs))}d`;
  return ms >= hourMs ? `${Math.round(ms / hourMs)}h` : `${Math.round(ms / 60_000)}min`;
}
