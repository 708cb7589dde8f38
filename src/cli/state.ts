import { homedir } from 'node:os';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
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
