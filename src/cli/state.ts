import { homedir } from 'node:os';
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { createVault, keyFromFile, keyFromSecret, type Vault } from '../accounts/vault.ts';
import type { Config } from '../config/schema.ts';
import { openState, type StateOptions } from '../server/state.ts';
import { openStore } from '../store/open.ts';
import type { HostState } from './with-state.ts';
import type { Host } from './host.ts';

/**
 * The directory of the program's state: `$DRAGOMAN_HOME`, `./.dragoman` where that exists or in a checkout, else the
 * platform's place for such data.
 */
export function homeDirectory({ env, cwd }: Pick<Host, 'env' | 'cwd'>): string {
  if (env.DRAGOMAN_HOME) return resolve(cwd, env.DRAGOMAN_HOME);
  const local = resolve(cwd, '.dragoman');
  if (existsSync(local) || existsSync(resolve(cwd, 'src', 'cli', 'main.ts'))) return local;
  const home = env.HOME || homedir();
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'dragoman');
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'dragoman');
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'dragoman');
}

/** Where the store is: as configured, else a database file in the home directory. */
export function storeAddress(config: Pick<Config, 'store'>, host: Pick<Host, 'env' | 'cwd'>): string {
  const { store } = config;
  if (store === undefined) return `sqlite:${join(homeDirectory(host), 'dragoman.db')}`;
  const path = store.startsWith('sqlite:') ? store.slice('sqlite:'.length) : undefined;
  if (path === undefined || path === ':memory:' || isAbsolute(path)) return store;
  return `sqlite:${resolve(host.cwd, path)}`;
}

/** The vault's key: from `DRAGOMAN_SECRET`, else from a file in the home directory that only its owner can read. */
function openVault(host: Pick<Host, 'env' | 'cwd'>): Vault {
  const secret = host.env.DRAGOMAN_SECRET;
  return createVault(secret ? keyFromSecret(secret) : keyFromFile(join(homeDirectory(host), 'vault.key')));
}

/** Opens what the gateway keeps, as a running gateway on the same store sees it. */
export async function openHostState(
  config: Pick<Config, 'store'>,
  host: Host,
  told: Pick<StateOptions, 'complain' | 'keepSecret'> = {},
): Promise<HostState> {
  const vault = openVault(host);
  const store = await openStore(storeAddress(config, host));
  const state = await openState({ stored: { store, vault }, ...told });
  return { ...state, store, vault };
}
