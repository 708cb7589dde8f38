import { homedir } from 'node:os';
import type { Host } from '../host.ts';
import type { Places, SettingsFile } from './client.ts';
import { findFile } from './plan.ts';
import { valueAt } from './format.ts';

export const placesOf = ({ env }: Pick<Host, 'env'>): Places => ({ env, home: env.HOME || homedir() });

/** What stands in the files for a role now, whoever has written it; `undefined` where nothing can be read. */
export function standing(files: readonly SettingsFile[], role: 'url' | 'key' | 'model'): string | undefined {
  for (const { path, format, settings } of files) {
    const setting = settings.find((each) => each.role === role);
    if (setting === undefined) continue;
    try {
      const value = valueAt(format.parse(findFile(path)?.text ?? ''), setting.path);
      return typeof value === 'string' ? value : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}
