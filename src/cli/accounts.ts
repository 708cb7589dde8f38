import type { Account } from '../accounts/account.ts';
import type { HealthEntry } from '../accounts/health-board.ts';
import { healthOf, shownAccount } from '../server/shown.ts';
import type { Host } from './host.ts';
import { minuteText, table } from './table.ts';
import { version } from './version.ts';
import { withState, type StateFlags } from './with-state.ts';

/** `dragoman accounts` */
export function listAccounts(flags: StateFlags, host: Host): Promise<number> {
  return withState(flags, host, async (state, config) => {
    const { accounts, health } = state;
    const { createGateway } = await host.gateway();
    // Wiring the gateway brings the accounts of the configuration to those of the store.
    const recorder = { record() {}, streamsOpen() {} };
    await createGateway({ config, version, recorder, metrics: () => '', state }).stop({ drainMs: 0 });
    const list = accounts.list().filter(({ secret }) => secret.token !== '');
    const sick = health.list();
    if (flags.json)
      await host.stdout.write(`${JSON.stringify(list.map((account) => shownAccount(account, sick)))}\n`);
    else if (list.length === 0)
      await host.stderr.write('There are no accounts. Log in with `dragoman login PROVIDER`.\n');
    else {
      const rows = list.map((account) => [
        account.provider,
        account.name,
        account.kind === 'oauth' ? 'login' : 'API key',
        stateText(account, sick),
      ]);
      await host.stdout.write(table(['PROVIDER', 'NAME', 'KIND', 'STATE'], rows));
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
