import type { Account } from '../../accounts/account.ts';
import type { Abilities, InputKind } from '../../protocols/protocol.ts';
import { asString } from '../../turn/json.ts';
import type { CatalogModel } from './models.ts';
import { claimsOf } from './token.ts';

/** What the backend has said of its models, by account: plans differ in what they offer. */
export interface Catalogs {
  /** The model as this account has it; until the account was asked, as another one of its plan has it. */
  of(account: Account, model: string): CatalogModel | undefined;
  /** The model as each account has it, for whoever does not know yet which one is asked. */
  everywhere(model: string): readonly CatalogModel[];
  /** Whether what is known of the account is old; it counts as new from then on, so that one asks and not all. */
  takeOld(account: Account): boolean;
  keep(account: Account, models: readonly CatalogModel[]): void;
}

interface Known {
  readonly plan: string | undefined;
  readonly models: ReadonlyMap<string, CatalogModel>;
}

/** How long a catalog counts as new. */
const newMs = 5 * 60_000;

export function createCatalogs(nowMs: () => number): Catalogs {
  const catalogs = new Map<string, Known>();
  const askedMs = new Map<string, number>();

  function ofPlan(account: Account): Known | undefined {
    const plan = planOf(account);
    return plan === undefined ? undefined : catalogs.values().find((known) => known.plan === plan);
  }

  return {
    of: (account, model) => (catalogs.get(account.id) ?? ofPlan(account))?.models.get(model),
    everywhere: (model) => [...catalogs.values()].flatMap(({ models }) => models.get(model) ?? []),
    takeOld({ id }) {
      const isOld = nowMs() - (askedMs.get(id) ?? -Infinity) > newMs;
      if (isOld) askedMs.set(id, nowMs());
      return isOld;
    },
    keep(account, models) {
      askedMs.set(account.id, nowMs());
      catalogs.set(account.id, {
        plan: planOf(account),
        models: new Map(models.map((model) => [model.info.id, model])),
      });
    },
  };
}

const planOf = ({ profile, secret }: Account): string | undefined =>
  asString(profile.plan) ?? claimsOf(secret.token).plan;

/** What at least one account can: a request is held to its own account's model when that is known. */
export function abilitiesIn(models: readonly CatalogModel[]): Abilities {
  const efforts = united(models.map(({ info }) => info.efforts));
  const inputs = united(models.map(({ info }) => info.inputs));
  return {
    ...(efforts && { reasoning: { by: efforts.length > 0 ? ['effort'] : [], efforts } }),
    ...(inputs && { inputs: new Set(inputs as readonly InputKind[]) }),
  };
}

/** In the order of the longest; nothing where one of them does not say. */
function united(lists: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const known = lists.filter((list) => list !== undefined);
  if (known.length === 0 || known.length < lists.length) return undefined;
  return [...new Set(known.toSorted((a, b) => b.length - a.length).flat())];
}
