import type { Account } from '../../accounts/account.ts';
import type { Login } from '../../accounts/login.ts';
import type { Renew } from '../../accounts/accounts.ts';
import { asString } from '../../turn/json.ts';
import { FailureError } from '../../turn/failure.ts';
import type { ProviderDeps } from '../provider.ts';
import { accountFailure } from './account-failure.ts';
import type { InstanceConfig } from './config.ts';
import { createGrants } from './grant.ts';
import type { Instance } from './instance.ts';
import { createLogin, createRenew } from './login.ts';
import type { ListedModel } from './models.ts';
import { createPins, type Pins } from './pins.ts';
import { sender, type GatewayRequest } from './transport.ts';
import { judge } from './verdict.ts';

/** An instance with its gateway, as accounts belong to it: nothing of one reaches another. */
export interface Site {
  readonly name?: string;
  readonly instance: Instance;
  readonly pins: Pins;
  readonly login: Login;
  readonly renew: Renew;
  send(request: GatewayRequest, signal: AbortSignal): Promise<Response>;
}

/** The instances of one provider. */
export interface Sites {
  readonly all: readonly Site[];
  /** The instance that an account belongs to. Throws a failure of the account when that is not configured any more. */
  of(account: Account): Site;
}

export interface SitesDeps {
  readonly provider: string;
  readonly instances: readonly InstanceConfig[];
  readonly deps: ProviderDeps;
  readonly models: () => readonly ListedModel[];
  readonly pinsChanged: () => void;
  readonly nowMs: () => number;
}

export function createSites({ provider, instances, deps, models, pinsChanged, nowMs }: SitesDeps): Sites {
  const all = instances.map(({ name, url, gatewayUrl, door, application }): Site => {
    const instance: Instance = { url, userAgent: deps.userAgent, fetch: deps.fetch };
    const grants = createGrants(instance, door, nowMs);
    const pins = createPins(instance, grants, pinsChanged, nowMs);
    const send = sender(deps, grants, gatewayUrl);
    return {
      name,
      instance,
      pins,
      send,
      login: createLogin({
        instance,
        provider,
        place: name,
        application,
        judge: (account) => judge(deps, send, models(), account),
        pinned: (account) => pins.ask(account, models()),
      }),
      renew: createRenew({ instance, application }),
    };
  });
  const byUrl = new Map(all.map((site) => [site.instance.url, site]));
  return {
    all,
    of(account) {
      const url = asString(account.profile.instance);
      const site = url === undefined ? all[0] : byUrl.get(url);
      // Its token is never sent to another place than the one that gave it.
      if (site === undefined)
        throw new FailureError(accountFailure(account, 'instance_not_configured', undefined));
      return site;
    },
  };
}

/** How one logs in: at the first instance, and by name at the others. */
export function loginOf({ all }: Sites): Login {
  const [first, ...others] = all as [Site, ...Site[]];
  return {
    ...first.login,
    ...(others.length > 0 && { places: Object.fromEntries(others.map(({ name, login }) => [name!, login])) }),
  };
}
