import { escapeControls } from '../telemetry/escape.ts';
import type { Client } from './clients/client.ts';
import { EditError } from './clients/format.ts';
import { forgetJournal, readJournal, type JournalFile } from './clients/journal.ts';
import { placesOf } from './clients/places.ts';
import { findFile, takeAway, withoutSetup, write } from './clients/plan.ts';
import type { Host } from './host.ts';
import { homeDirectory } from './state.ts';
import type { HostState } from './with-state.ts';

/** What became of one file. */
interface Undone {
  readonly path: string;
  /** `restored` to the byte, `removed` as there was none, `cleaned` of the gateway's settings only, or `gone` already. */
  readonly outcome: 'restored' | 'removed' | 'cleaned' | 'gone';
  /** Settings that somebody has changed since, and that stay. */
  readonly kept: readonly string[];
}

/** `dragoman setup CLIENT --undo` */
export async function undoSetup(
  client: Client,
  flags: { readonly json?: boolean },
  host: Host,
  state: HostState,
): Promise<number> {
  const home = homeDirectory(host);
  const journal = readJournal(home, client.name);
  if (journal === undefined) {
    await host.stderr.write(
      `error: nothing is known of a setup of ${client.title} in ${escapeControls(home)}\n`,
    );
    return 1;
  }
  const files = journal.files.map((file) => undoFile(client, file, host));
  const revoked = journal.key && (await state.keys?.revoke(journal.key.id));
  forgetJournal(home, client.name);
  if (flags.json) {
    await host.stdout.write(
      `${JSON.stringify({ client: client.name, files, revoked: revoked ? `drg_${revoked.prefix}` : null })}\n`,
    );
    return 0;
  }
  for (const { path, outcome, kept } of files) {
    await host.stdout.write(`${escapeControls(`${path}: ${words[outcome]}`)}\n`);
    if (kept.length > 0)
      await host.stderr.write(`note: changed since and left: ${escapeControls(kept.join(', '))}\n`);
  }
  if (revoked) await host.stdout.write(`revoked the key drg_${revoked.prefix}_…\n`);
  return 0;
}

const words: Readonly<Record<Undone['outcome'], string>> = {
  restored: 'as it was before',
  removed: 'removed; there was none before',
  cleaned: 'edited since, so that it cannot be brought back to the byte; the gateway’s own settings are out',
  gone: 'is gone already',
};

function undoFile(client: Client, file: JournalFile, host: Host): Undone {
  const { path, folders } = file;
  const now = findFile(path);
  if (now === undefined) return { path, outcome: 'gone', kept: [] };
  const format = formatOf(client, path, host);
  const { found, edited, kept } = withoutSetup(format, now, file);
  if (found === undefined) {
    takeAway(path, folders);
    return { path, outcome: 'removed', kept };
  }
  write(path, found);
  return { path, outcome: edited ? 'cleaned' : 'restored', kept };
}

/** A client's files differ in their form by their name only. */
function formatOf(client: Client, path: string, host: Host) {
  const files = client.settings({ url: '', key: undefined, model: undefined, models: [] }, placesOf(host));
  const same =
    files.find((file) => file.path === path) ?? files.find((file) => ending(file.path) === ending(path));
  if (same === undefined) throw new EditError(`${path} is no file of ${client.title}`);
  return same.format;
}

/** `jsonc` counts as `json`. */
const ending = (path: string): string => /\.(\w+?)c?$/.exec(path)?.[1] ?? '';
