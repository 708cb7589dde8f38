import { z } from 'zod';
import { accountEntry, accountsOf, configuredAccounts } from '../credentials.ts';
import { httpUrl, trimSlashes } from '../../config/address.ts';
import type { ConfiguredAccount } from '../../accounts/account.ts';
import type { Application } from './login.ts';
import { usualPreference } from './models.ts';

const publicList =
  'https://gitlab.com/gitlab-org/modelops/applied-ml/code-suggestions/ai-assist/-/raw/main/ai_gateway/model_selection/models.yml';

/** What is said of an instance, of the provider's first as of further ones. */
const instanceMembers = {
  gateway_url: httpUrl().default('https://cloud.gitlab.com/ai').describe('The root of its AI gateway'),
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
};

export const configSchema = z
  .strictObject({
    name: z.string(),
    type: z.literal('gitlab'),
    base_url: httpUrl()
      .default('https://gitlab.com')
      .describe('The root of the GitLab instance, with its path where it has one'),
    ...instanceMembers,
    instances: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[a-z0-9][a-z0-9._-]{0,31}$/)
            .describe('For `dragoman login --at` and for accounts'),
          base_url: httpUrl().describe('Its root, with its path where it has one'),
          ...instanceMembers,
        }),
      )
      .default([])
      .describe(
        'Further instances, each with `name`, `base_url` and the settings of logins and gateway above',
      ),
    api_key: z.string().min(1).optional().describe('A personal access token'),
    accounts: accountsOf(
      accountEntry.extend({
        instance: z.string().optional().describe('One of `instances`, where it is not at base_url'),
      }),
    ),
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
      .union([httpUrl(), z.literal('off')])
      .default(publicList)
      .describe('Where that list is read from, once a day; off keeps to the built-in one'),
    preferred: z
      .array(z.string().min(1))
      .min(1)
      .default([...usualPreference])
      .describe('What `gitlab-duo` stands for: the first of these that there is'),
  })
  .superRefine(({ base_url, instances, accounts = [] }, context) => {
    const names = instances.map(({ name }) => name);
    instances.forEach((instance, i) => {
      const others = [base_url, ...instances.slice(0, i).map((each) => each.base_url)].map(trimSlashes);
      if (names.indexOf(instance.name) < i)
        context.addIssue({
          code: 'custom',
          path: ['instances', i, 'name'],
          message: 'two instances have the same name',
        });
      if (others.includes(trimSlashes(instance.base_url)))
        context.addIssue({
          code: 'custom',
          path: ['instances', i, 'base_url'],
          message: 'another instance has the same address',
        });
    });
    accounts.forEach(({ instance }, i) => {
      if (instance !== undefined && !names.includes(instance))
        context.addIssue({
          code: 'custom',
          path: ['accounts', i, 'instance'],
          message: `there is no instance ${instance}`,
        });
    });
  });

export type GitlabConfig = z.infer<typeof configSchema>;

/** An instance as it is configured. */
export interface InstanceConfig {
  /** Absent for the first, which logins are at unless they say otherwise. */
  readonly name?: string;
  readonly url: string;
  readonly gatewayUrl: string;
  readonly door: GitlabConfig['grant'];
  readonly application?: Application;
}

/** The instances of a provider, the one of `base_url` first. */
export const instancesOf = (config: GitlabConfig): readonly InstanceConfig[] =>
  [{ ...config, name: undefined }, ...config.instances].map((each) => ({
    name: each.name,
    url: trimSlashes(each.base_url),
    gatewayUrl: trimSlashes(each.gateway_url),
    door: each.grant,
    application: applicationOf(each),
  }));

const applicationOf = ({
  client_id,
  client_secret,
  scope,
  redirect_port,
}: Pick<GitlabConfig, 'client_id' | 'client_secret' | 'scope' | 'redirect_port'>): Application | undefined =>
  client_id === undefined
    ? undefined
    : { clientId: client_id, clientSecret: client_secret, scope, redirectPort: redirect_port };

/** The accounts of a configuration, each with the address of its instance in its profile. */
export function accountsIn(config: GitlabConfig): ConfiguredAccount[] {
  const urlOf = (name: string): string | undefined => {
    const wanted = config.accounts?.find((entry) => entry.name === name)?.instance;
    const instance = config.instances.find((each) => each.name === wanted);
    return instance && trimSlashes(instance.base_url);
  };
  return configuredAccounts(config).map((account) => {
    const instance = urlOf(account.name);
    return instance === undefined ? account : { ...account, profile: { instance } };
  });
}
