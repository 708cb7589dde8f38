import type { Account } from '../../accounts/account.ts';
import { FailureError } from '../../turn/failure.ts';
import type { ModelInfo, Provider, ProviderDeps, ProviderKind } from '../provider.ts';
import { accountsIn, configSchema, instancesOf, type GitlabConfig } from './config.ts';
import { createModelList } from './model-list.ts';
import { abilitiesOf, namedModel, offered, protocolsOf, resolveName, type ListedModel } from './models.ts';
import { mayFallBack } from './rest-failures.ts';
import { askRest } from './rest.ts';
import { createSites, loginOf } from './sites.ts';
import { hasRoute, prepare, type GatewayRequest } from './transport.ts';

/** GitLab Duo: the models of GitLab's AI gateway, by a login at a GitLab instance. */
export const gitlab: ProviderKind<GitlabConfig> = {
  type: 'gitlab',
  configSchema,
  create: (config, deps) => createGitlab(config, deps, Date.now),
};

/** The same with a clock of one's own. */
export function createGitlab(config: GitlabConfig, deps: ProviderDeps, nowMs: () => number): Provider {
  const list = createModelList(
    config.models_url === 'off' ? undefined : config.models_url,
    deps.fetch,
    nowMs,
  );
  const sites = createSites({
    provider: config.name,
    instances: instancesOf(config),
    deps,
    models: () => list.models,
    pinsChanged: () => (made = undefined),
    nowMs,
  });
  const isRestOnly = config.transport === 'rest';
  const service = isRestOnly && config.rest_fallback === 'off' ? 'code-suggestions' : config.rest_fallback;
  const entryOf = (id: string): ListedModel => list.models.find((each) => each.id === id) ?? namedModel(id);
  const models = (): readonly ListedModel[] => config.models?.map(entryOf) ?? list.models;
  // Asked for by every turn, and made anew only where something has changed.
  let made: { readonly of: readonly ListedModel[]; readonly infos: ModelInfo[] } | undefined;
  const shown = (): ModelInfo[] => {
    if (made?.of !== list.models) {
      const pinned = new Set(sites.all.flatMap(({ pins }) => [...pins.refs()]));
      made = { of: list.models, infos: offered(models(), config.preferred, pinned) };
    }
    return made.infos;
  };

  return {
    name: config.name,
    type: config.type,
    protocols: (model) => protocolsOf(entryOf(model)),
    abilities: (_protocol, model) => abilitiesOf(entryOf(model)),
    offers: (operation, protocol) => !isRestOnly && hasRoute(operation, protocol),
    get configured() {
      return shown();
    },
    named: (name) => resolveName(models(), config.preferred, name),
    accounts: accountsIn(config),
    anonymous: false,
    login: loginOf(sites),
    renew: async (account: Account, signal) => sites.of(account).renew(account, signal),
    discover: async () => shown(),
    prepare: (call, account) => prepare(call, account, deps),
    async send(request: GatewayRequest, signal, told = () => undefined) {
      list.look();
      const site = sites.of(request.account);
      if (isRestOnly && service !== 'off') return askRest(site.instance, service, request, signal, told);
      try {
        const response = await site.send(request, signal);
        site.pins.look(request.account);
        return response;
      } catch (error) {
        const isOpen = error instanceof FailureError && mayFallBack(error.failure);
        if (!isOpen || service === 'off' || request.asked.operation !== 'turn') throw error;
        return askRest(site.instance, service, request, signal, told);
      }
    },
  };
}
