import type { Config } from '../config/schema.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { AnyInspection, InspectedWord } from '../providers/provider.ts';
import type { Host } from './host.ts';
import { loadOrComplain, withLogins } from './load.ts';
import { openHostState } from './state.ts';
import { table } from './table.ts';
import type { StateFlags } from './with-state.ts';

const dayMs = 24 * 60 * 60_000;

/** `dragoman TYPE NAME`: what the kind of upstream tells of itself, for each provider of that type. */
export async function inspect(
  type: string,
  { name, inspect: look }: AnyInspection,
  flags: StateFlags,
  host: Host,
): Promise<number> {
  const { providerSchemas } = await host.gateway();
  const loaded = await loadOrComplain(host, providerSchemas, { config: flags.config });
  if (loaded === undefined) return 1;
  const configured = await providersOf(loaded, type, host, flags);
  if (configured.length === 0)
    await host.stderr.write(`There is no provider of the type ${type}: this is what one would have.\n`);
  const asked =
    configured.length > 0
      ? configured
      : [providerSchemas[type]!.parse({ name: type, type }) as { name: string }];
  const told = asked.map((entry) => ({
    provider: entry.name,
    words: look(entry as never, host.env).map(shown),
  }));
  if (flags.json) {
    const named = told.map(({ provider, words }) => ({ provider, [name]: words }));
    await host.stdout.write(`${JSON.stringify(named)}\n`);
    return 0;
  }
  for (const { provider, words } of told) {
    if (told.length > 1) await host.stdout.write(`${escapeControls(provider)}\n`);
    await host.stdout.write(table(['NAME', 'VALUE', 'ORIGIN', 'AGE', 'SOURCE'], words.map(rowOf)));
  }
  return 0;
}

/** The providers of a type as they are configured; without a file, those that somebody has logged in to. */
async function providersOf(
  loaded: { readonly config: Config; readonly file?: string },
  type: string,
  host: Host,
  flags: StateFlags,
): Promise<readonly { readonly name: string }[]> {
  const ofType = ({ providers }: Config) => providers.filter((entry) => entry.type === type);
  if (loaded.file !== undefined) return ofType(loaded.config);
  const { providerSchemas } = await host.gateway();
  const state = await openHostState(loaded.config, host);
  try {
    return ofType(withLogins(loaded, state.accounts, host, providerSchemas, { config: flags.config }));
  } finally {
    await state.close();
  }
}

/** A word as programs are told of it. */
const shown = ({ name, value, origin, source, sinceMs, secret, unused }: InspectedWord) => ({
  name,
  value: secret ? '********' : value,
  origin,
  source: source ?? null,
  age_days: sinceMs === undefined ? null : Math.max(0, Math.floor((Date.now() - sinceMs) / dayMs)),
  used: unused !== true,
});

const rowOf = ({ name, value, origin, source, age_days: days, used }: ReturnType<typeof shown>): string[] => [
  name,
  value,
  used ? origin : `${origin}, not used`,
  days === null ? '' : `${days} ${days === 1 ? 'day' : 'days'}`,
  source ?? '',
];
