import { z } from 'zod';
import { FailureError } from '../../turn/failure.ts';
import { accountsSchema, configuredAccounts } from '../credentials.ts';
import { trimSlashes } from '../http.ts';
import type { Provider, ProviderDeps, ProviderKind } from '../provider.ts';
import { createGrants } from './grant.ts';
import type { Instance } from './instance.ts';
import { createLogin, createRenew, type Application } from './login.ts';
import { createModelList } from './model-list.ts';
import {
  abilitiesOf,
  namedModel,
  offered,
  protocolsOf,
  resolveName,
  usualPreference,
  type ListedModel,
} from './models.ts';
import { mayFallBack } from './rest-failures.ts';
import { askRest } from './rest.ts';
import { hasRoute, prepare, sender, type GatewayRequest } from './transport.ts';
import { judge } from './verdict.ts';

const publicList =
  'https://gitlab.com/gitlab-org/modelops/applied-ml/code-suggestions/ai-assist/-/raw/main/ai_gateway/model_selection/models.yml';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('gitlab'),
  base_url: z
    .url()
    .default('https://gitlab.com')
    .describe('The root of the GitLab instance, with its path where it has one'),
  gateway_url: z.url().default('https://cloud.gitlab.com/ai').describe('The root of its AI gateway'),
  api_key: z.string().min(1).optional().describe('A personal access token'),
  accounts: accountsSchema,
  client_id: z.string().min(1).optional().describe('Of your own OAuth application, for `dragoman login`'),
  client_secret: z.string().min(1).optional().describe('Of a confidential application only'),
  redirect_port: z
    .int()
    .min(0)
    .max(65_535)
    .default(8085)
    .describe('Of the registered http://127.0.0.1:PORT/callback'),
  scope: z.string().min(1).default('ai_features read_user').describe('What a login asks for'),
  grant: z
    .enum(['third_party_agents', 'code_suggestions'])
    .default('third_party_agents')
    .describe('The endpoint that gives access to the gateway'),
  transport: z
    .enum(['gateway-first', 'rest'])
    .default('gateway-first')
    .describe('rest asks the REST fallback only, code-suggestions unless that says otherwise'),
  rest_fallback: z
    .enum(['off', 'code-suggestions', 'chat'])
    .default('off')
    .describe('What a text is asked for where the gateway lets nobody in; it carries text only'),
  models: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Otherwise those of the gateway’s public list'),
  models_url: z
    .union([z.url(), z.literal('off')])
    .default(publicList)
    .describe('Where that list is read from, once a day; off keeps to the built-in one'),
  preferred: z
    .array(z.string().min(1))
    .min(1)
    .default([...usualPreference])
    .describe('What `gitlab-duo` stands for: the first of these that there is'),
});

export type GitlabConfig = z.infer<typeof configSchema>;

/** GitLab Duo: the models of GitLab's AI gateway, by a login at a GitLab instance. */
export const gitlab: ProviderKind<GitlabConfig> = {
  type: 'gitlab',
  configSchema,
  create: (config, deps) => createGitlab(config, deps, Date.now),
};

/** The same with a clock of one's own. */
export function createGitlab(config: GitlabConfig, deps: ProviderDeps, nowMs: () => number): Provider {
  const instance: Instance = {
    url: trimSlashes(config.base_url),
    userAgent: deps.userAgent,
    fetch: deps.fetch,
  };
  const grants = createGrants(instance, config.grant, nowMs);
  const send = sender(deps, grants, trimSlashes(config.gateway_url));
  const list = createModelList(
    config.models_url === 'off' ? undefined : config.models_url,
    deps.fetch,
    nowMs,
  );
  const application = applicationOf(config);
  const isRestOnly = config.transport === 'rest';
  const service = isRestOnly && config.rest_fallback === 'off' ? 'code-suggestions' : config.rest_fallback;
  const entryOf = (id: string): ListedModel => list.models.find((each) => each.id === id) ?? namedModel(id);
  const models = (): readonly ListedModel[] => config.models?.map(entryOf) ?? list.models;

  return {
    name: config.name,
    type: config.type,
    protocols: (model) => protocolsOf(entryOf(model)),
    abilities: (_protocol, model) => abilitiesOf(entryOf(model)),
    offers: (operation, protocol) => !isRestOnly && hasRoute(operation, protocol),
    get configured() {
      return offered(models(), config.preferred);
    },
    named: (name) => resolveName(models(), config.preferred, name),
    accounts: configuredAccounts(config),
    anonymous: false,
    login: createLogin({
      instance,
      provider: config.name,
      application,
      judge: (account) => judge(deps, send, list.models, account),
    }),
    renew: createRenew({ instance, application }),
    discover: async () => offered(models(), config.preferred),
    prepare: (call, account) => prepare(call, account, deps),
    async send(request: GatewayRequest, signal) {
      list.look();
      if (isRestOnly && service !== 'off') return askRest(instance, service, request, signal);
      try {
        return await send(request, signal);
      } catch (error) {
        const isOpen = error instanceof FailureError && mayFallBack(error.failure);
        if (!isOpen || service === 'off' || request.asked.operation !== 'turn') throw error;
        return askRest(instance, service, request, signal);
      }
    },
  };
}

const applicationOf = ({
  client_id,
  client_secret,
  scope,
  redirect_port,
}: GitlabConfig): Application | undefined =>
  client_id === undefined
    ? undefined
    : { clientId: client_id, clientSecret: client_secret, scope, redirectPort: redirect_port };
