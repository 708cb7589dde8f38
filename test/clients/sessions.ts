/**
 * Lets real clients work through long sessions on upstreams of every protocol:
 * `npm run sessions -- [--quick] [--write] [name]`. `--quick` takes a few of them, whose results must be those of the
 * table in `docs/clients.md`; `--write` puts the results into it. Two run side by side. Ends with a line `N passed, N failed`.
 */
import { allPairs, quickPairs } from './matrix.ts';
import { session } from './session.ts';
import { sideBySide } from './side-by-side.ts';
import { cell, cellKey, readCells, writeCells } from './table.ts';

/** Tool calls of a session: some are made two at once, so that the model takes 50 turns, the last without any. */
const calls = 60;

const args = process.argv.slice(2);
const wanted = args
  .filter((arg) => !arg.startsWith('--'))
  .join(' ')
  .toLowerCase();
const writes = args.includes('--write');
const table = readCells();
const results = new Map<string, string>();
let passed = 0;
let failed = 0;
const pairs = (args.includes('--quick') ? quickPairs : allPairs).map(([client, upstream]) => ({
  client,
  upstream,
  name: `${client.name} (${client.protocol}) on a ${upstream} upstream`,
}));
await sideBySide(
  pairs.filter(({ name }) => name.toLowerCase().includes(wanted)),
  async ({ client, upstream, name }, stage) => {
    const startedMs = performance.now();
    const { turns, faults: found, said } = await session(client, upstream, stage, calls);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    const key = cellKey(client, upstream);
    const came = cell({ turns, faults: found });
    results.set(key, came);
    const faults =
      writes || table.get(key) === came
        ? found
        : [...found, `docs/clients.md says ${table.get(key)}, it is ${came}`];
    console.log(`${faults.length > 0 ? '✗' : '✓'} ${name} works through ${turns} turns (${seconds} s)`);
    if (faults.length > 0) console.log(`${faults.join('\n')}\n${said}`);
    if (faults.length > 0) failed++;
    else passed++;
  },
);
if (writes) writeCells(results);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
