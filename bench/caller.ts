import { join } from 'node:path';
import { inRunDirectory } from './processes.ts';

/** The state of the gateways of this run: a gateway on loopback without keys lets everybody in. */
export const home = inRunDirectory('home');

/** What requests show as their key. */
export const caller = { key: 'bench' };

/** Makes a key with limits that are never reached, so that every request is recognised, counted and booked. */
export async function useKey(): Promise<void> {
  const main = join(import.meta.dir, '..', 'src/cli/main.ts');
  const limits = ['--rpm', '100000000', '--tpm', '100000000000', '--budget', '1000000usd/day'];
  const child = Bun.spawn([process.execPath, main, 'keys', 'create', 'bench', ...limits, '--json'], {
    env: { ...process.env, DRAGOMAN_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const made = (await new Response(child.stdout).json()) as { key: string };
  caller.key = made.key;
}
