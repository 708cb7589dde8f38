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
