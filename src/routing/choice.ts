import type { Account } from '../accounts/account.ts';
import type { HealthBoard, Mark } from '../accounts/health-board.ts';
import type { Health } from '../accounts/health.ts';
import type { Provider } from '../providers/provider.ts';
import type { Failure } from '../turn/failure.ts';
import type { Affinity } from './affinity.ts';
import type { Route } from './catalog.ts';
import { createSpread, type Strategy } from './spread.ts';

/** One place a request may go. */
export interface Candidate {
  readonly route: Route;
  readonly account: Account;
  /** Why this one, for the log: `only`, `held`, `balance`, …; `last-resort` at a provider that is backing off. */
  readonly why: string;
}

/** One request's way through the candidates. */
export interface Choice {
  /** The next to try, each once; `undefined` when none is left. */
  next(): Candidate | undefined;
  /** How it went with the last one. */
  failed(failure: Failure): void;
  succeeded(): void;
  /** The request that went to the last one has ended, with a failure if that came after it had succeeded. */
  ended(failure?: Failure): void;
  /** There may be another to try after the last one. */
  readonly hasMore: boolean;
  /** What is wrong with those that were passed over. */
  readonly passedOver: readonly Health[];
}

export interface Chooser {
  /** Whether there is a choice at all, and a conversation is to be held where it is. */
  holds(targets: readonly Route[]): boolean;
  /** `conversation` is a key of the caller and the conversation; without one nothing is held. */
  choose(targets: readonly Route[], conversation: string | undefined): Choice;
}

/** Stands for the provider itself on the board: what is wrong with it is wrong with all its accounts. */
export const providerKey = (provider: Provider): string => `@${provider.name}`;

export interface ChooserDeps {
  readonly accountsOf: (provider: Provider) => readonly Account[];
  readonly health: HealthBoard;
  readonly affinity: Affinity;
  readonly strategy: Strategy;
}

/** A provider that has failed a request itself. */
interface Down {
  readonly mayAsk: boolean;
  /** What was asked there, and how it failed. */
  readonly at: Try;
  readonly failure: Failure;
}

/** Where a candidate's request stands. */
interface Try extends Candidate {
  readonly since: Mark;
  state: 'asked' | 'serving' | 'over';
}

export function createChooser({ accountsOf, health, affinity, strategy }: ChooserDeps): Chooser {
  const spread = createSpread(strategy, affinity);

  const countOf = (targets: readonly Route[]): number =>
    targets.reduce((sum, { provider }) => sum + accountsOf(provider).length, 0);

  function choose(targets: readonly Route[], asked: string | undefined): Choice {
    const conversation = strategy === 'balance' ? asked : undefined;
    const tried = new Set<string>();
    const passedOver = new Map<string, Health>();
    /** Providers that have failed this request themselves, and whether they may be asked once more. */
    const down = new Map<string, Down>();
    // The only one is asked even when it is not well: its own answer says more than ours would.
    const isOnly = countOf(targets) === 1;
    let last: Try | undefined;

    const backsOff = ({ provider }: Route): boolean =>
      !isOnly && (down.has(provider.name) || !health.usable(providerKey(provider), ''));

    const mayAsk = ({ provider }: Route): boolean => down.get(provider.name)?.mayAsk !== false;

    const untried = (route: Route): Account[] =>
      accountsOf(route.provider).filter(
        (account) => account.state === 'ready' && !tried.has(placeOf(route, account)),
      );

    const isUsable = (route: Route, account: Account): boolean =>
      isOnly || health.usable(account.id, route.model);

    function candidateAt(route: Route): Candidate | undefined {
      const usable: Account[] = [];
      for (const account of untried(route)) {
        if (isUsable(route, account)) usable.push(account);
        else passedOver.set(placeOf(route, account), health.of(account.id, route.model));
      }
      if (usable.length === 0) return undefined;
      const held = conversation === undefined ? undefined : affinity.held(holdKey(conversation, route));
      const mine = usable.find(({ id }) => id === held);
      if (mine) return { route, account: mine, why: 'held' };
      const first = Math.min(...usable.map(({ priority }) => priority));
      const account = spread.pick(
        usable.filter(({ priority }) => priority === first),
        conversation,
      );
      return { route, account, why: isOnly ? 'only' : strategy };
    }

    /**
     * Providers that back off come after all others, and are asked all the same when nothing else is left: one
     * failure, which may have been the request's own doing, must not shut out everybody.
     */
    function candidate(): Candidate | undefined {
      const resting: Route[] = [];
      for (const route of targets) {
        if (backsOff(route)) {
          resting.push(route);
          continue;
        }
        const found = candidateAt(route);
        if (found) return found;
      }
      for (const route of resting) {
        const found = mayAsk(route) ? candidateAt(route) : undefined;
        if (found) return { ...found, why: 'last-resort' };
      }
      return undefined;
    }

    function close(ended: Try): void {
      if (ended.state === 'over') return;
      ended.state = 'over';
      spread.close(ended.account);
    }

    return {
      next() {
        const found = candidate();
        if (found === undefined) return undefined;
        const { route, account } = found;
        tried.add(placeOf(route, account));
        health.tries(providerKey(route.provider), '');
        last = { ...found, since: health.tries(account.id, route.model), state: 'asked' };
        spread.open(account);
        return found;
      },
      failed(failure) {
        const { route, why, since } = last!;
        close(last!);
        report(last!, failure, since);
        if (failure.scope !== 'provider') return;
        // At another account once more, unless it has been found to back off before or says how long to wait.
        const again = why !== 'last-resort' && failure.retryAfterMs === undefined;
        down.set(route.provider.name, { mayAsk: again, at: last!, failure });
      },
      succeeded() {
        const { route, account, since } = last!;
        if (last!.state === 'asked') last!.state = 'serving';
        health.succeeded(providerKey(route.provider), '', since);
        health.succeeded(account.id, route.model, since);
        const before = down.get(route.provider.name);
        // The provider is well, and so it was the account: it is left alone for a moment.
        if (before && before.at.account.id !== account.id)
          report(before.at, { ...before.failure, scope: 'account' }, before.at.since);
        if (conversation !== undefined) affinity.hold(holdKey(conversation, route), account.id);
      },
      ended(failure) {
        if (last === undefined || last.state === 'over') return;
        const isProbe = last.state === 'asked';
        close(last);
        if (failure !== undefined) report(last, failure);
        else if (isProbe) release(last);
      },
      get hasMore() {
        return targets.some(
          (route) => mayAsk(route) && untried(route).some((account) => isUsable(route, account)),
        );
      },
      get passedOver() {
        return [...passedOver.values()];
      },
    };
  }

  function report(failedTry: Try, failure: Failure, since?: Mark): void {
    const { route, account } = failedTry;
    if (failure.scope === 'provider') health.failed(providerKey(route.provider), '', failure, since);
    else health.failed(account.id, route.model, failure, since);
    // Whatever the probe was of, it is over.
    release(failedTry);
  }

  function release({ route, account }: Try): void {
    health.released(providerKey(route.provider), '');
    health.released(account.id, route.model);
  }

  return { holds: (targets) => strategy === 'balance' && countOf(targets) > 1, choose };
}

const placeOf = ({ model }: Route, { id }: Account): string => `${id}\n${model}`;

/** A prompt cache is one model's; the models of a conversation may be at different providers. */
const holdKey = (conversation: string, { provider, model }: Route): string =>
  `${conversation}\n${provider.name}\n${model}`;
