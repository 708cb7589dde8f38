import { z } from 'zod';
import { httpUrl, trimSlashes } from '../../config/address.ts';
import type { Account, ConfiguredAccount } from '../../accounts/account.ts';
import { loginByApiKey } from '../../accounts/login.ts';
import { accountsSchema, configuredAccounts } from '../credentials.ts';
import { baseHeaders, listModels, pick, sendHttp } from '../http.ts';
import type { Call, Provider, ProviderDeps, ProviderKind } from '../provider.ts';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('anthropic'),
  base_url: httpUrl().default('https://api.anthropic.com').describe('The API root, without /v1'),
  api_key: z.string().min(1).optional().describe('Sent as x-api-key'),
  auth_token: z.string().min(1).optional().describe('Sent as a bearer token instead of an API key'),
  accounts: accountsSchema,
  models: z.array(z.string().min(1)).min(1).optional().describe('Otherwise discovered'),
  headers: z.record(z.string(), z.string()).optional().describe('Further headers for every request'),
});

export type AnthropicConfig = z.infer<typeof configSchema>;

/** Spoken for clients of another protocol; Messages clients bring their own, which passes byte for byte. */
const version = '2023-06-01';
const protocolHeaders = ['anthropic-beta', 'anthropic-version', 'idempotency-key'] as const;

/** Anthropic itself and everything that speaks Messages under a root without `/v1`. */
export const anthropic: ProviderKind<AnthropicConfig> = {
  type: 'anthropic',
  configSchema,
  create(config, deps) {
    return createAnthropic(config, deps);
  },
};

function createAnthropic(config: AnthropicConfig, deps: ProviderDeps): Provider {
  const base = trimSlashes(config.base_url);
  const fixed = baseHeaders(deps, config.headers);
  const headersFor = ({ secret }: Account): Record<string, string> => {
    const headers: Record<string, string> = { ...fixed };
    if (secret.more?.bearer === true) headers.authorization = `Bearer ${secret.token}`;
    else if (secret.token !== '') headers['x-api-key'] = secret.token;
    return headers;
  };

  return {
    name: config.name,
    type: config.type,
    protocols: () => ['anthropic-messages'],
    abilities: () => ({}),
    offers: (operation) => operation === 'count',
    configured: config.models?.map((id) => ({ id })),
    accounts: accountsOf(config),
    anonymous: true,
    login: loginByApiKey,
    discover: (signal, account) =>
      listModels(
        deps.fetch,
        `${base}/v1/models?limit=1000`,
        { ...headersFor(account), 'anthropic-version': version },
        signal,
      ),
    prepare(call: Call, account: Account) {
      const headers = headersFor(account);
      if (call.native) pick(call.inbound, protocolHeaders, headers);
      headers['anthropic-version'] ??= version;
      headers.accept = call.stream ? 'text/event-stream' : 'application/json';
      const path = call.operation === 'count' ? '/v1/messages/count_tokens' : '/v1/messages';
      return { url: base + path + (call.native ? call.search : ''), headers, body: call.body };
    },
    send: (request, signal) => sendHttp(deps.fetch, request, signal),
  };
}

function accountsOf(config: AnthropicConfig): ConfiguredAccount[] {
  const accounts = configuredAccounts(config);
  if (config.auth_token === undefined) return accounts;
  return [{ name: 'auth_token', token: config.auth_token, more: { bearer: true } }, ...accounts];
}
