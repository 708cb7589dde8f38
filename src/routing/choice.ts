import type { Account } from '../accounts/account.ts';
import type { HealthBoard, Mark } from '../accounts/health-board.ts';
import type { Health } from '../accounts/health.ts';
import type { Provider } from '../providers/provider.ts';
import type { Failure } from '../turn/failure.ts';
import type { Affinity } from './affinity.ts';
import type { Route } from './catalog.ts';
import { createSpread, type Spread, type Strategy } from './spread.ts';

/** One place a request may go. */
export interface Candidate {
  readonly route: Route;
  readonly account: Account;
  /** Why this one, for the log: `only`, `held`, `maker`, `balance`, …; `last-resort` at a provider that is backing off. */
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
  /**
   * `conversation` is a key of the caller and the conversation; without one nothing is held. `maker` is the place that
   * has made what the request holds and nobody else can read.
   */
  choose(targets: readonly Route[], conversation: string | undefined, maker?: Maker): Choice;
}

/** A model of an account, by their names. */
export interface Maker {
  readonly provider: string;
  /** The account's id. */
  readonly account: string;
  readonly model: string;
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
  /** The provider's own name on the board. */
  readonly provider: string;
  readonly since: Mark;
  state: 'asked' | 'serving' | 'over';
}

export function createChooser(deps: ChooserDeps): Chooser {
  const shared: Shared = { ...deps, spread: createSpread(deps.strategy, deps.affinity) };
  return {
    holds: (targets) => deps.strategy === 'balance' && countOf(shared, targets) > 1,
    choose: (targets, conversation, maker) =>
      new Way(shared, targets, deps.strategy === 'balance' ? conversation : undefined, maker),
  };
}

interface Shared extends ChooserDeps {
  readonly spread: Spread;
}

function countOf({ accountsOf }: ChooserDeps, targets: readonly Route[]): number {
  let count = 0;
  for (const { provider } of targets) count += accountsOf(provider).length;
  return count;
}

/** Every request goes one: what only a second try needs is made when there is one. */
class Way implements Choice {
  readonly #shared: Shared;
  readonly #targets: readonly Route[];
  readonly #conversation: string | undefined;
  readonly #maker: Maker | undefined;
  /** The only one is asked even when it is not well: its own answer says more than ours would. */
  readonly #isOnly: boolean;
  readonly #tries: Try[] = [];
  #passedOver: Map<string, Health> | undefined;
  /** Providers that have failed this request themselves, and whether they may be asked once more. */
  #down: Map<string, Down> | undefined;
  #last: Try | undefined;

  constructor(
    shared: Shared,
    targets: readonly Route[],
    conversation: string | undefined,
    maker: Maker | undefined,
  ) {
    this.#shared = shared;
    this.#maker = maker;
    this.#targets = targets;
    this.#conversation = conversation;
    this.#isOnly = countOf(shared, targets) === 1;
  }

  next(): Candidate | undefined {
    const found = this.#candidate();
    if (found === undefined) return undefined;
    const { health, spread } = this.#shared;
    const { route, account, why } = found;
    const provider = providerKey(route.provider);
    health.tries(provider, '');
    const since = health.tries(account.id, route.model);
    this.#last = { route, account, why, provider, since, state: 'asked' };
    this.#tries.push(this.#last);
    spread.open(account);
    return found;
  }

  failed(failure: Failure): void {
    const last = this.#last!;
    const { route, why, since } = last;
    this.#close(last);
    this.#report(last, failure, since);
    if (failure.scope !== 'provider') return;
    // At another account once more, unless it has been found to back off before or says how long to wait.
    const mayAsk = why !== 'last-resort' && failure.retryAfterMs === undefined;
    this.#down ??= new Map();
    this.#down.set(route.provider.name, { mayAsk, at: last, failure });
  }

  succeeded(): void {
    const { health, affinity } = this.#shared;
    const last = this.#last!;
    const { route, account, provider, since } = last;
    if (last.state === 'asked') last.state = 'serving';
    health.succeeded(provider, '', since);
    health.succeeded(account.id, route.model, since);
    const before = this.#down?.get(route.provider.name);
    // The provider is well, and so it was the account: it is left alone for a moment.
    if (before && before.at.account.id !== account.id)
      this.#report(before.at, { ...before.failure, scope: 'account' }, before.at.since);
    if (this.#conversation !== undefined) affinity.hold(holdKey(this.#conversation, route), account.id);
  }

  ended(failure?: Failure): void {
    const last = this.#last;
    if (last === undefined || last.state === 'over') return;
    const isProbe = last.state === 'asked';
    this.#close(last);
    if (failure !== undefined) this.#report(last, failure);
    else if (isProbe) this.#release(last);
  }

  get hasMore(): boolean {
    if (this.#isOnly) return this.#last === undefined;
    return this.#targets.some(
      (route) =>
        this.#mayAsk(route) && this.#untried(route).some((account) => this.#isUsable(route, account)),
    );
  }

  get passedOver(): readonly Health[] {
    return this.#passedOver === undefined ? [] : [...this.#passedOver.values()];
  }

  /**
   * Providers that back off come after all others, and are asked all the same when nothing else is left: one
   * failure, which may have been the request's own doing, must not shut out everybody.
   */
  #candidate(): Candidate | undefined {
    const made = this.#maker && !this.#isOnly ? this.#madeAt(this.#maker) : undefined;
    if (made) return made;
    let resting: Route[] | undefined;
    for (const route of this.#targets) {
      if (this.#backsOff(route)) {
        (resting ??= []).push(route);
        continue;
      }
      const found = this.#candidateAt(route);
      if (found) return found;
    }
    for (const route of resting ?? []) {
      const found = this.#mayAsk(route) ? this.#candidateAt(route) : undefined;
      if (found) return { ...found, why: 'last-resort' };
    }
    return undefined;
  }

  /** The maker of what the request holds, as long as it is well and the conversation has not moved on. */
  #madeAt({ provider, account: id, model }: Maker): Candidate | undefined {
    const route = this.#targets.find((one) => one.provider.name === provider && one.model === model);
    if (route === undefined || this.#backsOff(route)) return undefined;
    const account = this.#untried(route).find((one) => one.id === id);
    if (account === undefined || !this.#isUsable(route, account)) return undefined;
    const held =
      this.#conversation === undefined
        ? undefined
        : this.#shared.affinity.held(holdKey(this.#conversation, route));
    if (held !== undefined && held !== id) return undefined;
    return { route, account, why: held === id ? 'held' : 'maker' };
  }

  #candidateAt(route: Route): Candidate | undefined {
    const { affinity, health, spread, strategy } = this.#shared;
    const usable: Account[] = [];
    for (const account of this.#untried(route)) {
      if (this.#isUsable(route, account)) usable.push(account);
      else {
        this.#passedOver ??= new Map();
        this.#passedOver.set(placeOf(route, account), health.of(account.id, route.model));
      }
    }
    if (usable.length === 0) return undefined;
    if (this.#isOnly) return { route, account: usable[0]!, why: 'only' };
    const conversation = this.#conversation;
    const held = conversation === undefined ? undefined : affinity.held(holdKey(conversation, route));
    const mine = held === undefined ? undefined : usable.find(({ id }) => id === held);
    if (mine) return { route, account: mine, why: 'held' };
    const first = Math.min(...usable.map(({ priority }) => priority));
    const account = spread.pick(
      usable.filter(({ priority }) => priority === first),
      conversation,
    );
    return { route, account, why: strategy };
  }

  #backsOff({ provider }: Route): boolean {
    if (this.#isOnly) return false;
    return this.#down?.has(provider.name) || !this.#shared.health.usable(providerKey(provider), '');
  }

  #mayAsk({ provider }: Route): boolean {
    return this.#down?.get(provider.name)?.mayAsk !== false;
  }

  #untried(route: Route): readonly Account[] {
    return this.#shared
      .accountsOf(route.provider)
      .filter((account) => account.state === 'ready' && !this.#isTried(route, account));
  }

  #isTried({ model }: Route, { id }: Account): boolean {
    return this.#tries.some(({ route, account }) => account.id === id && route.model === model);
  }

  #isUsable(route: Route, account: Account): boolean {
    return this.#isOnly || this.#shared.health.usable(account.id, route.model);
  }

  #close(ended: Try): void {
    if (ended.state === 'over') return;
    ended.state = 'over';
    this.#shared.spread.close(ended.account);
  }

  #report(failedTry: Try, failure: Failure, since?: Mark): void {
    const { health } = this.#shared;
    const { route, account, provider } = failedTry;
    if (failure.scope === 'provider') health.failed(provider, '', failure, since);
    else health.failed(account.id, route.model, failure, since);
    // Whatever the probe was of, it is over.
    this.#release(failedTry);
  }

  #release({ route, account, provider }: Try): void {
    const { health } = this.#shared;
    health.released(provider, '');
    health.released(account.id, route.model);
  }
}

const placeOf = ({ model }: Route, { id }: Account): string => `${id}\n${model}`;

/** A prompt cache is one model's; the models of a conversation may be at different providers. */
const holdKey = (conversation: string, { provider, model }: Route): string =>
  `${conversation}\n${provider.name}\n${model}`;
