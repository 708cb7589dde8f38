import type { CheckId, Miss } from './check.ts';
import type { Surface } from './finish.ts';
import { type Loss, losses } from './losses.ts';

/** One thing asked on one surface of an upstream of one protocol, streamed or not. */
export interface Cell {
  readonly subject: string;
  readonly upstream: Surface;
  readonly surface: Surface;
  readonly stream: boolean;
  /** The checks that were made. */
  readonly ran: readonly CheckId[];
  /** Faults of the gateway. */
  readonly misses: readonly Miss[];
  /** Misses with a known, forced cause. */
  readonly losses: readonly { readonly miss: Miss; readonly cause: string }[];
  /** Misses of the upstream's own bytes, asked without the gateway: the native lane passes them on. */
  readonly inherited: readonly Miss[];
}

type Bare = Omit<Cell, 'losses' | 'inherited'>;

/** Sorts what was missed into faults and forced losses. The same misses make the same cell. */
export function cellOf(bare: Bare, inherited: readonly Miss[] = []): Cell {
  const forced = bare.misses.flatMap((miss) => {
    const loss = lossFor(bare, miss);
    return loss ? [{ miss, cause: loss.cause }] : [];
  });
  const faults = bare.misses.filter((miss) => !forced.some((entry) => entry.miss === miss));
  return {
    ...bare,
    misses: [...faults].sort((a, b) => (a.check + a.detail < b.check + b.detail ? -1 : 1)),
    losses: forced,
    inherited,
  };
}

function lossFor(cell: Bare, miss: Miss): Loss | undefined {
  return losses.find(
    (loss) =>
      (typeof loss.fixture === 'string' ? loss.fixture === cell.subject : loss.fixture.test(cell.subject)) &&
      [loss.upstream ?? cell.upstream].flat().includes(cell.upstream) &&
      [loss.surface ?? cell.surface].flat().includes(cell.surface) &&
      (loss.stream === undefined || loss.stream === cell.stream) &&
      loss.check === miss.check &&
      (loss.detail === undefined || loss.detail.test(miss.detail)),
  );
}
