import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { conversationBackup } from '../sessions/backup.ts';
import { exportStore, importStore } from '../store/backup.ts';
import type { Host } from './host.ts';
import { withState, type StateFlags } from './with-state.ts';

/** `dragoman export`: the store as lines of JSON on stdout. */
export function exportState(flags: StateFlags, host: Host): Promise<number> {
  return withState(flags, host, async ({ store }) => {
    for await (const line of exportStore(store, conversationBackup)) await host.stdout.write(line);
    return 0;
  });
}

/** `dragoman import FILE` */
export function importState(
  file: string,
  flags: StateFlags & { readonly merge?: boolean },
  host: Host,
): Promise<number> {
  return withState(flags, host, async ({ store, vault }) => {
    const lines = createReadStream(resolve(host.cwd, file), 'utf8');
    const counts = await importStore(store, lines, flags.merge ? 'beside' : 'alone', conversationBackup);
    const [row] = await store.all(`SELECT value FROM settings WHERE name = 'vault'`);
    if (flags.json) await host.stdout.write(`${JSON.stringify(counts)}\n`);
    else {
      const { accounts = 0, gateway_keys: keys = 0, session_snapshots: turns = 0 } = counts;
      const kept = turns === 0 ? '' : `, and ${turns} turns of conversations`;
      await host.stdout.write(`imported ${accounts} accounts and ${keys} keys${kept}\n`);
    }
    if (row !== undefined && row.value !== vault.keyId) {
      await host.stderr.write(
        'It is sealed with another key: bring DRAGOMAN_SECRET or vault.key over, too.\n',
      );
    }
    return 0;
  });
}
