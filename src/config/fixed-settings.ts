import type { Config } from './schema.ts';

/** The paths of settings that differ and are read once, at the start. */
export function fixedSettings(before: Config, after: Config): string[] {
  const changed: string[] = [];
  for (const name of ['host', 'port', 'idle_ms', 'keep_alive_ms', 'drain_ms'] as const) {
    if (before.server[name] !== after.server[name]) changed.push(`server.${name}`);
  }
  if (before.server.body_bytes_max < after.server.body_bytes_max) changed.push('server.body_bytes_max');
  if (before.store !== after.store) changed.push('store');
  if (before.log.format !== after.log.format) changed.push('log.format');
  if (before.log.level !== after.log.level) changed.push('log.level');
  return changed;
}
