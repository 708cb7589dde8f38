import type { UsageQuery, UsageRow } from '../access/usage-ledger.ts';
import { shownUsage, usageOf } from '../server/shown.ts';
import type { Host } from './host.ts';
import { table } from './table.ts';
import { withState, type StateFlags } from './with-state.ts';

export interface UsageFlags extends StateFlags {
  readonly by: UsageQuery['by'];
  /** How many days back, today included. */
  readonly days: number;
}

/** `dragoman usage` */
export function usage(flags: UsageFlags, host: Host): Promise<number> {
  return withState(flags, host, async (state) => {
    const rows = await usageOf({ ...state, usage: state.usage! }, flags, Date.now());
    if (flags.json) await host.stdout.write(`${JSON.stringify(rows.map(shownUsage))}\n`);
    else if (rows.length === 0) await host.stderr.write('Nothing was used in that time.\n');
    else await host.stdout.write(asTable(rows, flags.by));
    return 0;
  });
}

function asTable(rows: readonly UsageRow[], by: string): string {
  const headings = [by.toUpperCase(), 'REQUESTS', 'FAILED', 'IN', 'CACHED', 'OUT', 'USD'];
  const cells = rows.map((row) => [
    row.by,
    row.requests,
    row.failed,
    row.tokensFresh + row.tokensCacheWrite,
    row.tokensCacheRead,
    row.tokensOutput + row.tokensReasoning,
    dollars(row),
  ]);
  return table(headings, cells);
}

/** `+?` where some of it has no known price. */
const dollars = ({ nanoUsd, unpriced }: UsageRow): string =>
  `${(nanoUsd / 1e9).toFixed(4)}${unpriced > 0 ? ' +?' : ''}`;
