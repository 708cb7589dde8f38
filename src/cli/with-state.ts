import type { State } from '../server/state.ts';
import type { Store } from '../store/store.ts';
import type { Config } from '../config/schema.ts';
import type { Vault } from '../accounts/vault.ts';
import type { Host } from './host.ts';
import { loadOrComplain, withLogins } from './load.ts';
import { openHostState } from './state.ts';

/** Flags that every command on the state has. */
export interface StateFlags {
  readonly config?: string;
  readonly json?: boolean;
}

export type HostState = State & { readonly store: Store; readonly vault: Vault };

/**
 * Does a command's work on the state that a running gateway of the same configuration has, and closes it. `loggingIn`
 * names providers that are about to have a login.
 */
export async function withState(
  flags: StateFlags,
  host: Host,
  work: (state: HostState, config: Config, file: string | undefined) => Promise<number>,
  loggingIn: readonly string[] = [],
): Promise<number> {
  const { providerSchemas } = await host.gateway();
  const loaded = await loadOrComplain(host, providerSchemas, { config: flags.config });
  if (loaded === undefined) return 1;
  const state = await openHostState(loaded.config, host);
  try {
    const config = withLogins(
      loaded,
      state.accounts,
      host,
      providerSchemas,
      { config: flags.config },
      loggingIn,
    );
    return await work(state, config, loaded.file);
  } finally {
    await state.close();
  }
}
