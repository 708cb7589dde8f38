import { publicName } from '../routing/catalog.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';
import { loadOrComplain, withLogins } from './load.ts';
import { openHostState } from './state.ts';
import { version } from './version.ts';

/** `dragoman models`: what the configured providers offer, without starting to listen. */
export async function models(flags: { config?: string; json?: boolean }, host: Host): Promise<number> {
  const { createGateway, providerSchemas } = await host.gateway();
  const loaded = await loadOrComplain(host, providerSchemas, { config: flags.config });
  if (loaded === undefined) return 1;
  const recorder = { record() {}, streamsOpen() {} };
  const state = await openHostState(loaded.config, host);
  const config = withLogins(loaded, state.accounts, host, providerSchemas, { config: flags.config });
  const gateway = createGateway({ config, version, recorder, metrics: () => '', state, env: host.env });
  try {
    const { models: found, failed } = await gateway.models();
    const lines = flags.json
      ? [JSON.stringify(found, (name, value: unknown) => (name === 'ownEntry' ? undefined : value))]
      : found.map((entry) => escapeControls(publicName(entry)));
    if (lines.length > 0) await host.stdout.write(`${lines.join('\n')}\n`);
    for (const name of failed) await host.stderr.write(`could not ask ${name} for its models\n`);
    return failed.length > 0 ? 1 : 0;
  } finally {
    await gateway.stop({ drainMs: 0 });
    await state.close();
  }
}
