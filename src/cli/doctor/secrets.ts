import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { secretsOf } from '../../config/secrets.ts';
import type { Config } from '../../config/schema.ts';
import type { Host } from '../host.ts';
import { homeDirectory } from '../state.ts';
import type { Finding } from './finding.ts';

/** Whether what holds secrets can be read by its owner only. */
export function checkSecrets(config: Config | undefined, file: string | undefined, host: Host): Finding[] {
  const home = homeDirectory(host);
  const clients = join(home, 'clients');
  const held = [
    join(home, 'vault.key'),
    ...(existsSync(clients) ? readdirSync(clients).map((name) => join(clients, name)) : []),
  ].filter((path) => existsSync(path));
  const path = file === undefined ? undefined : resolve(host.cwd, file);
  if (path !== undefined && config !== undefined && existsSync(path)) {
    const text = readFileSync(path, 'utf8');
    if (secretsOf(config).some((secret) => text.includes(secret))) held.push(path);
  }
  const open = held.filter(isOpen);
  if (open.length === 0) {
    const what = held.length === 0 ? 'none are kept yet' : 'what holds them is for its owner only';
    return [{ check: 'secrets', level: 'ok', what }];
  }
  return open.map((each) => ({
    check: 'secrets',
    level: 'problem',
    what: `others on this machine may read ${each} (mode ${modeOf(each).toString(8)})`,
    cure: `chmod 600 ${each}`,
  }));
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** Windows has other rights, of which the mode tells nothing. */
const isOpen = (path: string): boolean =>
  process.platform !== 'win32' && statSync(path).isFile() && (modeOf(path) & 0o077) !== 0;
