import { z } from 'zod';
import { httpUrl, trimSlashes } from '../../config/address.ts';
import type { Account } from '../../accounts/account.ts';
import { loginByApiKey } from '../../accounts/login.ts';
import { refuse } from '../../turn/failure.ts';
import { accountsSchema, configuredAccounts } from '../credentials.ts';
import { baseHeaders, pick, sendHttp } from '../http.ts';
import type { Call, Operation, Provider, ProviderDeps, ProviderKind } from '../provider.ts';
import { discoverModels } from './models.ts';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('google'),
  base_url: httpUrl()
    .default('https://generativelanguage.googleapis.com')
    .describe('The API root, without the version'),
  api_key: z.string().min(1).optional().describe('Sent as x-goog-api-key'),
  accounts: accountsSchema,
  api_version: z
    .string()
    .regex(/^v[0-9a-z]+$/, 'must be a version such as v1beta')
    .default('v1beta')
    .describe('The version in the path'),
  models: z.array(z.string().min(1)).min(1).optional().describe('Otherwise discovered'),
  headers: z.record(z.string(), z.string()).optional().describe('Further headers for every request'),
});

export type GoogleConfig = z.infer<typeof configSchema>;

/** The client's deadline; who the client is, and whose project pays, is the gateway's own affair. */
const protocolHeaders = ['x-server-timeout'] as const;

const methods: Partial<Record<Operation, string>> = {
  turn: 'generateContent',
  count: 'countTokens',
  embed: 'embedContent',
  embed_batch: 'batchEmbedContents',
};

/** The Gemini API of Google and everything that speaks it. */
export const google: ProviderKind<GoogleConfig> = {
  type: 'google',
  configSchema,
  create(config, deps) {
    return createGoogle(config, deps);
  },
};

function createGoogle(config: GoogleConfig, deps: ProviderDeps): Provider {
  const root = `${trimSlashes(config.base_url)}/${config.api_version}`;
  const fixed = baseHeaders(deps, config.headers);
  const headersFor = ({ secret }: Account): Record<string, string> =>
    secret.token === '' ? { ...fixed } : { ...fixed, 'x-goog-api-key': secret.token };

  return {
    name: config.name,
    type: config.type,
    protocols: () => ['google-gemini'],
    abilities: () => ({}),
    offers: (operation, protocol) => protocol === 'google-gemini' && methods[operation] !== undefined,
    configured: config.models?.map((id) => ({ id })),
    accounts: configuredAccounts(config),
    anonymous: true,
    login: loginByApiKey,
    discover: (signal, account) => discoverModels(deps.fetch, `${root}/models`, headersFor(account), signal),
    prepare(call: Call, account: Account) {
      const headers = headersFor(account);
      if (call.native) pick(call.inbound, protocolHeaders, headers);
      headers.accept = call.stream ? 'text/event-stream' : 'application/json';
      const method = call.stream ? 'streamGenerateContent' : methods[call.operation];
      return {
        url: `${root}/${modelPath(call.model)}:${method}${query(call)}`,
        headers,
        body: call.body,
      };
    },
    send: (request, signal) => sendHttp(deps.fetch, request, signal),
  };
}

/** The resource of a model. Tuned models are named in full. */
function modelPath(model: string): string {
  const segments = model.split('/');
  // Dot segments would leave the models and reach another part of the API with the account's key.
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    refuse(`there can be no model ${JSON.stringify(model.slice(0, 200))}`, 'model', {
      kind: 'not_found',
      status: 404,
      code: 'model_not_found',
    });
  }
  const path = segments.map(encodeURIComponent).join('/');
  return segments[0] === 'tunedModels' ? path : `models/${path}`;
}

/**
 * The query of the upstream's URL. Streams are always asked for as server-sent events. Of a client's own query its
 * key, the framing of its own reply and the system parameters (`$…`) stay behind.
 */
function query({ native, search, stream }: Call): string {
  const parts = stream ? ['alt=sse'] : [];
  for (const part of native && search !== '' ? search.slice(1).split('&') : []) {
    if (part !== '' && !/^(?:key|alt|access_token|\$|%24)/i.test(part)) parts.push(part);
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
