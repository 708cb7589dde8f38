import { z } from 'zod';
import { httpUrl, trimSlashes } from '../../config/address.ts';
import type { Account } from '../../accounts/account.ts';
import { loginByApiKey } from '../../accounts/login.ts';
import type { ProtocolId } from '../../turn/part.ts';
import { accountsSchema, configuredAccounts } from '../credentials.ts';
import { baseHeaders, listModels, pick, sendHttp } from '../http.ts';
import type { Call, Operation, Provider, ProviderDeps, ProviderKind } from '../provider.ts';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('openai'),
  base_url: httpUrl()
    .default('https://api.openai.com/v1')
    .describe('The API root, with /v1 where it has one'),
  api_key: z.string().min(1).optional().describe('Sent as a bearer token; local servers need none'),
  accounts: accountsSchema,
  protocols: z
    .array(z.enum(['openai-responses', 'openai-chat', 'anthropic-messages']))
    .min(1)
    .default(['openai-responses', 'openai-chat'])
    .describe('What this endpoint speaks, best first'),
  models: z.array(z.string().min(1)).min(1).optional().describe('Otherwise discovered'),
  headers: z.record(z.string(), z.string()).optional().describe('Further headers for every request'),
  request_fields: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('The request members that a strict server takes; all others are left out, with a note'),
  compacts: z
    .boolean()
    .optional()
    .describe(
      'Whether it compacts conversations itself, as OpenAI does; elsewhere the model is asked for a summary',
    ),
});

export type OpenAiConfig = z.infer<typeof configSchema>;

/** Headers that belong to the protocol: they pass when the client speaks it too. */
const protocolHeaders = ['openai-beta', 'anthropic-beta', 'anthropic-version', 'idempotency-key'] as const;

const paths: Record<Operation, Partial<Record<ProtocolId, string>>> = {
  turn: {
    'openai-chat': '/chat/completions',
    'openai-responses': '/responses',
    'anthropic-messages': '/messages',
  },
  compact: { 'openai-responses': '/responses/compact' },
  count: { 'openai-responses': '/responses/input_tokens', 'anthropic-messages': '/messages/count_tokens' },
  embed: { 'openai-chat': '/embeddings' },
  embed_batch: {},
};

/** OpenAI itself and everything compatible with it. */
export const openai: ProviderKind<OpenAiConfig> = {
  type: 'openai',
  configSchema,
  create(config, deps) {
    return createOpenAi(config, deps);
  },
};

function createOpenAi(config: OpenAiConfig, deps: ProviderDeps): Provider {
  const base = trimSlashes(config.base_url);
  const ownApi = new URL(base).hostname.endsWith('.openai.com');
  const compacts = config.compacts ?? ownApi;
  const allowed = config.request_fields && new Set(config.request_fields);
  const fixed = baseHeaders(deps, config.headers);
  const headersFor = ({ secret }: Account): Record<string, string> =>
    secret.token === '' ? { ...fixed } : { ...fixed, authorization: `Bearer ${secret.token}` };

  return {
    name: config.name,
    type: config.type,
    protocols: () => config.protocols,
    abilities: () => ({ modernChat: ownApi, reasoningContent: !ownApi }),
    offers: (operation, protocol) =>
      paths[operation][protocol] !== undefined && (operation !== 'compact' || compacts),
    compacts: () => compacts,
    allows: () => allowed,
    configured: config.models?.map((id) => ({ id })),
    accounts: configuredAccounts(config),
    anonymous: true,
    login: loginByApiKey,
    discover: (signal, account) => listModels(deps.fetch, `${base}/models`, headersFor(account), signal),
    prepare(call: Call, account: Account) {
      const headers = headersFor(account);
      if (call.native) pick(call.inbound, protocolHeaders, headers);
      if (call.protocol === 'anthropic-messages') headers['anthropic-version'] ??= '2023-06-01';
      headers.accept = call.stream ? 'text/event-stream' : 'application/json';
      return {
        url: base + paths[call.operation][call.protocol] + (call.native ? call.search : ''),
        headers,
        body: call.body,
      };
    },
    send: (request, signal) => sendHttp(deps.fetch, request, signal),
  };
}
