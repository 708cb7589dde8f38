import type { Account } from '../accounts/account.ts';
import type { Affinity } from './affinity.ts';

/**
 * How one of several accounts of equal priority is chosen. `balance`: conversations are spread by weight and stay
 * where they are. `fill-first`: the first that is well. `round-robin`: each in turn, by weight. `least-loaded`: the
 * one with the fewest requests open for its weight.
 */
export type Strategy = 'balance' | 'fill-first' | 'round-robin' | 'least-loaded';

/** Spreads requests over accounts that are equally good. */
export interface Spread {
  /** One of them; `among` is never empty. */
  pick(among: readonly Account[], conversation: string | undefined): Account;
  /** A request goes to the account. */
  open(account: Account): void;
  /** That request has ended. */
  close(account: Account): void;
}

export function createSpread(strategy: Strategy, affinity: Affinity): Spread {
  const openCounts = new Map<string, number>();
  /** How far each account has come in its turns: one request moves it on by 1 over its weight. */
  const turns = new Map<string, number>();
  let turn = 0;

  const load = ({ id, weight }: Account): number => (openCounts.get(id) ?? 0) / weight;
  /** One that was away for long does not catch up. */
  const turnOf = ({ id }: Account): number => Math.max(turns.get(id) ?? 0, turn);
  const least = (among: readonly Account[], by: (account: Account) => number): Account =>
    among.reduce((best, account) => (by(account) < by(best) ? account : best));

  function inTurn(among: readonly Account[]): Account {
    const account = least(among, turnOf);
    turn = turnOf(account);
    turns.set(account.id, turn + 1 / account.weight);
    return account;
  }

  return {
    pick(among, conversation) {
      if (among.length === 1 || strategy === 'fill-first') return among[0]!;
      if (strategy === 'round-robin') return inTurn(among);
      if (strategy === 'balance' && conversation !== undefined) {
        const id = affinity.choose(conversation, among);
        return among.find((account) => account.id === id)!;
      }
      // Without a conversation to spread there is only the load of the moment.
      const lightest = load(least(among, load));
      return inTurn(among.filter((account) => load(account) === lightest));
    },
    open({ id }) {
      openCounts.set(id, (openCounts.get(id) ?? 0) + 1);
    },
    close({ id }) {
      const count = (openCounts.get(id) ?? 1) - 1;
      if (count <= 0) openCounts.delete(id);
      else openCounts.set(id, count);
    },
  };
}
