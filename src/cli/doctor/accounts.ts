import { isConfigured, type Account } from '../../accounts/account.ts';
import type { HealthEntry } from '../../accounts/health-board.ts';
import { healthOf } from '../../server/shown.ts';
import type { State } from '../../server/state.ts';
import { minuteText } from '../table.ts';
import type { Finding } from './finding.ts';

/** How the accounts are, by what is known without asking anybody. */
export function checkAccounts({ accounts, health }: State): Finding[] {
  const list = accounts.list().filter(({ secret }) => secret.token !== '');
  if (list.length === 0) {
    const cure = 'log in: `dragoman login PROVIDER`, or put an API key into the configuration';
    return [
      {
        check: 'accounts',
        level: 'note',
        what: 'there are none; only models without an account answer',
        cure,
      },
    ];
  }
  const board = health.list();
  return list.map((account) => state(account, board, Date.now()));
}

function state(account: Account, board: readonly HealthEntry[], nowMs: number): Finding {
  const name = `${account.name} at ${account.provider}`;
  const login = isConfigured(account)
    ? `mend the key of ${account.provider} in the configuration`
    : `\`dragoman login ${account.provider}\``;
  if (account.state === 'needs_login')
    return {
      check: 'accounts',
      level: 'problem',
      what: `${name} needs a login: ${account.stateWhy}`,
      cure: login,
    };
  if (!account.enabled) return { check: 'accounts', level: 'note', what: `${name} is switched off` };
  const { expiresMs } = account;
  if (expiresMs !== undefined && expiresMs <= nowMs && account.secret.refreshToken === undefined)
    return {
      check: 'accounts',
      level: 'problem',
      what: `${name} has expired (${minuteText(expiresMs)})`,
      cure: login,
    };
  const sick = healthOf(account, board).filter(({ untilMs }) => untilMs > nowMs);
  if (sick.length === 0) return { check: 'accounts', level: 'ok', what: name };
  const why = sick
    .map((entry) => `${entry.state} until ${minuteText(entry.untilMs)}: ${entry.why}`)
    .join('; ');
  return {
    check: 'accounts',
    level: 'note',
    what: `${name} is ${why}`,
    cure: 'it is asked again by itself then',
  };
}
