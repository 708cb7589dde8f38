import { z } from 'zod';
import {
  loginByCode,
  loginByDevice,
  type LoggedIn,
  type OAuthServer,
  type ToAccount,
} from '../../src/accounts/login.ts';
import { LoginFailed, renewGrant, type Grant } from '../../src/accounts/oauth.ts';
import { listModels, sendHttp } from '../../src/providers/http.ts';
import type { Provider, ProviderKind } from '../../src/providers/provider.ts';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('club'),
  base_url: z.url(),
  /** Ways that this one is without. */
  without: z.array(z.enum(['oauth', 'device', 'import', 'token'])).default([]),
  redirect_port: z.int().default(0),
});

type ClubConfig = z.infer<typeof configSchema>;

/** A kind of upstream that knows every way to log in, for tests: it speaks Chat Completions to members only. */
export const clubKind = (server: OAuthServer): ProviderKind<ClubConfig> => ({
  type: 'club',
  configSchema,
  create(config): Provider {
    const bearer = (token: string) => ({
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    });
    const all = {
      oauth: loginByCode(
        server,
        { host: '127.0.0.1', port: config.redirect_port, path: '/callback' },
        toAccount,
      ),
      device: loginByDevice(server, toAccount),
      import: { what: 'club.json of its own client', read },
      token: { what: 'a membership card', take: async (token: string): Promise<LoggedIn> => card(token) },
    };
    const login = Object.fromEntries(
      Object.entries(all).filter(([way]) => !(config.without as string[]).includes(way)),
    );
    return {
      name: config.name,
      type: config.type,
      protocols: () => ['openai-chat'],
      abilities: () => ({}),
      configured: undefined,
      accounts: [],
      anonymous: false,
      login,
      async renew(account, signal) {
        const { refreshToken = '', more } = account.secret;
        const client = { ...server, redirectUri: String(more?.redirectUri ?? '') };
        const renewed = await toAccount(await renewGrant(client, refreshToken, signal), client.redirectUri);
        return { secret: renewed.secret, expiresMs: renewed.expiresMs };
      },
      discover: (signal, { secret }) =>
        listModels(fetch, `${config.base_url}/models`, bearer(secret.token), signal),
      prepare: (call, { secret }) => ({
        url: `${config.base_url}/chat/completions`,
        headers: bearer(secret.token),
        body: call.body,
      }),
      send: (request, signal) => sendHttp(fetch, request, signal),
    };
  },
});

const card = (token: string): LoggedIn => ({ kind: 'api_key', secret: { token } });

const toAccount: ToAccount = async (grant: Grant, redirectUri) => ({
  name: 'me@club.example',
  kind: 'oauth',
  secret: { token: grant.accessToken, refreshToken: grant.refreshToken, more: { redirectUri } },
  expiresMs: grant.expiresMs,
  profile: { plan: 'gold' },
});

async function read(text: string): Promise<LoggedIn> {
  const { access, refresh } = JSON.parse(text) as { access?: string; refresh?: string };
  if (access === undefined) throw new LoginFailed('this is no club.json');
  return { name: 'imported', kind: 'oauth', secret: { token: access, refreshToken: refresh }, expiresMs: 0 };
}
