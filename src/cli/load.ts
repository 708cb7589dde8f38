import type { Accounts } from '../accounts/accounts.ts';
import { loadConfig, type Flags } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import type { Config, ProviderSchemas } from '../config/schema.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';

/** The configuration, or `undefined` after its problems were told on `stderr`. */
export async function loadOrComplain(
  host: Host,
  kinds: ProviderSchemas,
  flags: Flags,
): Promise<{ config: Config; file?: string } | undefined> {
  const loaded = loadConfig({ kinds, env: host.env, flags, cwd: host.cwd });
  if (loaded.ok) return loaded;
  await host.stderr.write(`${loaded.problems.map(formatProblem).map(escapeControls).join('\n')}\n`);
  return undefined;
}

/**
 * The configuration together with the providers that somebody has logged in to, or is about to: without any file they
 * start by themselves.
 */
export function withLogins(
  loaded: { readonly config: Config; readonly file?: string },
  accounts: Accounts,
  host: Host,
  kinds: ProviderSchemas,
  flags: Flags,
  more: readonly string[] = [],
): Config {
  if (loaded.file !== undefined) return loaded.config;
  const loggedIn = [...accounts.list().map(({ provider }) => provider), ...more];
  const again = loadConfig({ kinds, env: host.env, flags, cwd: host.cwd, loggedIn });
  return again.ok ? again.config : loaded.config;
}
