import { join } from 'node:path';
import type { Account } from '../../accounts/account.ts';
import { LoginNeeded, type Renewed } from '../../accounts/renewal.ts';
import type { DeviceLogin, Login } from '../../accounts/login.ts';
import { beginLogin, codeOf, LoginFailed, pause, type OAuthClient } from '../../accounts/oauth.ts';
import { asNumber, asObject, asString, type Json, type JsonObject } from '../../turn/json.ts';
import { clientHome } from './installed-client.ts';
import type { ClientIdentity } from './client-identity.ts';
import { accountOf, claimsOf, readAuthFile, type Tokens } from './token.ts';

export interface LoginDeps {
  /** The authorization server, without a slash at the end. */
  readonly server: string;
  readonly identity: ClientIdentity;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
}

/** The official client's, of version 0.169.0: another is not taken. */
const clientId = 'app_EMoamEEZ73f0CkXaXp7hrann';
const scope = 'openid profile email offline_access api.connectors.read api.connectors.invoke';
const deviceMs = 15 * 60_000;
const deviceIntervalMs = 5_000;
/** A renewal earlier than this before the end was asked for because a token was refused. */
const soonMs = 10 * 60_000;

/** The ways to a ChatGPT account. */
export function codexLogin(deps: LoginDeps): Login {
  const { server, identity } = deps;
  const clientFor = (redirectUri: string): OAuthClient => ({
    issuer: server,
    authorizationUrl: `${server}/oauth/authorize`,
    tokenUrl: `${server}/oauth/token`,
    clientId,
    scope,
    redirectUri,
    parameters: {
      id_token_add_organizations: 'true',
      codex_cli_simplified_flow: 'true',
      originator: identity.originator,
    },
    fetch: deps.fetch,
  });
  return {
    oauth: {
      redirect: { host: '127.0.0.1', port: 1455, path: '/auth/callback' },
      async begin(redirectUri) {
        const client = clientFor(redirectUri);
        const begun = await beginLogin(client);
        return {
          url: begun.url,
          finish: async (answer) =>
            accountOf(await exchange(deps, await codeOf(client, begun, answer), redirectUri, begun.verifier)),
        };
      },
    },
    device: { begin: () => beginDevice(deps) },
    import: {
      what: 'auth.json of the Codex CLI, in ~/.codex',
      where(env) {
        const home = clientHome(env);
        return home && join(home, 'auth.json');
      },
      read: async (text) => readAuthFile(text),
    },
    token: {
      what: 'an access token of a ChatGPT account',
      take: async (token) => accountOf({ accessToken: token }),
    },
  };
}

/** Gets new tokens. What the reply leaves out stays as it is; the installation and the account always do. */
export async function renewLogin(
  { server, identity, fetch: fetcher, nowMs }: LoginDeps,
  account: Account,
  signal: AbortSignal,
): Promise<Renewed> {
  const { refreshToken = '', more } = account.secret;
  const isEarly = (account.expiresMs ?? Infinity) - nowMs() > soonMs;
  const response = await fetcher(`${server}/oauth/token`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      originator: identity.originator,
      'user-agent': identity.userAgent,
    },
    body: JSON.stringify({
      client_id: clientId,
      grant_type: 'refresh_token',
      refresh_reason: isEarly ? 'unauthorized_recovery' : 'proactive_expiry',
      refresh_token: refreshToken,
    }),
    signal,
    redirect: 'manual',
  });
  const body = await bodyOf(response);
  if (!response.ok) {
    const { code, message } = errorIn(body);
    if (code !== undefined && finalCodes.has(code)) throw new LoginNeeded(`${message ?? code}; log in again`);
    throw new Error(`the token endpoint answered ${response.status}${code === undefined ? '' : ` ${code}`}`);
  }
  const token = asString(body?.access_token) ?? account.secret.token;
  const claims = claimsOf(token);
  const { plan = claims.plan, email = claims.email } = claimsOf(asString(body?.id_token));
  const expiresIn = asNumber(body?.expires_in);
  return {
    secret: { token, refreshToken: asString(body?.refresh_token) || refreshToken, more },
    expiresMs: claims.expiresMs ?? (expiresIn === undefined ? undefined : nowMs() + expiresIn * 1000),
    profile: {
      ...account.profile,
      ...(plan !== undefined && { plan }),
      ...(email !== undefined && { email }),
    },
  };
}

/** Answers of the token endpoint that asking again does not change. */
const finalCodes: ReadonlySet<string> = new Set([
  'refresh_token_expired',
  'refresh_token_reused',
  'refresh_token_invalidated',
  'invalid_grant',
  'invalid_client',
  'unauthorized_client',
]);

/** Not that of RFC 8628: the device is confirmed under an id, and gets a code with the verifier for it. */
async function beginDevice(deps: LoginDeps): Promise<DeviceLogin> {
  const { server, nowMs } = deps;
  const start = await post(deps, '/api/accounts/deviceauth/usercode', { client_id: clientId });
  const body = await bodyOf(start);
  if (start.status === 404) throw new LoginFailed('this server does not offer a login by code');
  const id = asString(body?.device_auth_id);
  const userCode = asString(body?.user_code);
  if (!start.ok || id === undefined || userCode === undefined) throw loginFailed(start.status, body);
  const seconds = Number(body?.interval);
  const intervalMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : deviceIntervalMs;
  const deadlineMs = nowMs() + deviceMs;
  return {
    userCode,
    url: `${server}/codex/device`,
    async finish(signal) {
      for (;;) {
        await pause(intervalMs, signal);
        if (nowMs() > deadlineMs) throw new LoginFailed('the code was not confirmed in time');
        const poll = await post(deps, '/api/accounts/deviceauth/token', {
          device_auth_id: id,
          user_code: userCode,
        });
        const answer = await bodyOf(poll);
        if (poll.status === 403 || poll.status === 404) continue;
        const code = asString(answer?.authorization_code);
        const verifier = asString(answer?.code_verifier);
        if (!poll.ok || code === undefined || verifier === undefined) throw loginFailed(poll.status, answer);
        return accountOf(await exchange(deps, code, `${server}/deviceauth/callback`, verifier));
      }
    },
  };
}

/** The endpoint names neither the kind of its token nor its life, which the token says itself. */
async function exchange(
  { server, fetch: fetcher }: LoginDeps,
  code: string,
  redirectUri: string,
  verifier: string,
): Promise<Tokens> {
  const response = await fetcher(`${server}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }).toString(),
    redirect: 'manual',
  });
  const body = await bodyOf(response);
  const accessToken = asString(body?.access_token);
  if (!response.ok || accessToken === undefined) throw loginFailed(response.status, body);
  return {
    accessToken,
    refreshToken: asString(body?.refresh_token) || undefined,
    idToken: asString(body?.id_token) || undefined,
  };
}

const post = ({ server, fetch: fetcher }: LoginDeps, path: string, body: JsonObject): Promise<Response> =>
  fetcher(server + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'manual',
  });

async function bodyOf(response: Response): Promise<JsonObject | undefined> {
  try {
    return asObject((await response.json()) as Json);
  } catch {
    return undefined;
  }
}

/** `{error: {code, message}}`, or as RFC 6749 has it `{error, error_description}`. */
function errorIn(body: JsonObject | undefined): { code?: string; message?: string } {
  const error = asObject(body?.error);
  if (error === undefined) return { code: asString(body?.error), message: asString(body?.error_description) };
  return { code: asString(error.code), message: asString(error.message) };
}

function loginFailed(status: number, body: JsonObject | undefined): LoginFailed {
  const { code, message } = errorIn(body);
  return new LoginFailed(`the login was refused: ${message ?? code ?? `status ${status}`}`);
}
