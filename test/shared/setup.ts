import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/cli/program.ts';
import { createVault, keyFromSecret } from '../../src/accounts/vault.ts';
import { storedAccounts, type StoredAccounts } from '../../src/accounts/stored-accounts.ts';
import { createGateway, providerSchemas } from '../../src/gateway.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { ask } from '../gateway/setup.ts';
import { projectRoot, startServe, type Program } from '../support/program.ts';

export const secret = 'several words of which the vault is made';
const vault = createVault(keyFromSecret(secret));

export type Running = Program & { readonly url: string };

/** Starts a gateway that shares a store with others. */
export const startShared = (
  address: string,
  providers: readonly Record<string, unknown>[],
  extra: Record<string, unknown> = {},
  env: Record<string, string> = {},
): Promise<Running> =>
  startServe({
    command: [process.execPath, join(projectRoot, 'test/shared/process.ts'), 'serve'],
    config: { store: address, providers, ...extra },
    env: { DRAGOMAN_SECRET: secret, ...env },
  });

/** What a command says that is run in this process, beside the gateways on a store. */
export async function command(address: string, ...args: string[]): Promise<string> {
  let text = '';
  const outputTo = (write: (more: string) => void) => ({ write, terminal: false, color: false });
  const status = await run(args, {
    env: { DRAGOMAN_SECRET: secret, DRAGOMAN_STORE: address },
    cwd: tmpdir(),
    stdout: outputTo((more) => void (text += more)),
    stderr: outputTo(() => {}),
    stdin: { terminal: false, text: async () => '', ask: async () => '' },
    openBrowser: async () => false,
    onSignal: () => () => {},
    gateway: async () => ({ createGateway, providerSchemas }),
  });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with status ${status}`);
  return text.trim();
}

/** The state as a further process on the store sees it. */
export const openSharedState = async (address: string): Promise<State> =>
  openState({ stored: { store: await openStore(address), vault } });

/** The store as a further process sees it. */
export async function openShared(address: string): Promise<{ store: Store; accounts: StoredAccounts }> {
  const store = await openStore(address);
  return { store, accounts: storedAccounts(store, vault, Date.now) };
}

/** Asks once and returns the status. */
export async function status(
  { url }: { url: string },
  model: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await ask(
    { url },
    'chat',
    { model },
    { headers: { 'content-type': 'application/json', ...headers } },
  );
  await response.text();
  return response.status;
}

export const many = <T>(count: number, work: () => Promise<T>): Promise<T>[] =>
  Array.from({ length: count }, work);
