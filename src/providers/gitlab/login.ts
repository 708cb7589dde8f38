import { configuredAccount, type Account } from '../../accounts/account.ts';
import type { Renew } from '../../accounts/accounts.ts';
import {
  loginByCode,
  loginByDevice,
  type LoggedIn,
  type Login,
  type OAuthServer,
  type ToAccount,
} from '../../accounts/login.ts';
import { LoginFailed, renewGrant, type Grant as OAuthGrant } from '../../accounts/oauth.ts';
import { asArray, asString, type JsonObject } from '../../turn/json.ts';
import { cures } from './account-failure.ts';
import { askInstance, type Answer, type Instance } from './instance.ts';
import type { Verdict } from './verdict.ts';

/** The application that somebody has registered at the instance. */
export interface Application {
  readonly clientId: string;
  readonly clientSecret?: string;
  /** Separated by spaces. */
  readonly scope: string;
  /** Of the registered `http://127.0.0.1:PORT/callback`. */
  readonly redirectPort: number;
}

export interface LoginDeps {
  readonly instance: Instance;
  readonly provider: string;
  /** What the instance is called among several of the provider; absent for the usual one. */
  readonly place?: string;
  /** Absent where no application is registered: then there are only personal access tokens. */
  readonly application?: Application;
  /** Tries what an account may do. */
  readonly judge: (account: Account) => Promise<Verdict>;
  /** The model that an administrator has pinned for the account, for people. */
  readonly pinned: (account: Account) => Promise<string | undefined>;
}

const askMs = 15_000;

/** The ways to an account: OAuth by browser or device code with one's own application, and a personal access token. */
export function createLogin(deps: LoginDeps): Login {
  const { application } = deps;
  const token = {
    what: 'a personal access token with the scopes ai_features and read_user (or api)',
    take: (secret: string) => takeToken(deps, secret),
  };
  if (application === undefined) return { token };
  const server = serverOf(deps.instance, application);
  const toAccount: ToAccount = (grant, redirectUri) => accountOf(deps, application, grant, redirectUri);
  const redirect = { host: '127.0.0.1', port: application.redirectPort, path: '/callback' } as const;
  return {
    oauth: loginByCode(server, redirect, toAccount),
    device: loginByDevice(server, toAccount),
    token,
  };
}

/**
 * Renews a login by OAuth. GitLab ends both old tokens at once, and wants the redirect address of the login again; what
 * else the login was made with stays as it was.
 */
export function createRenew({ instance, application }: Pick<LoginDeps, 'instance' | 'application'>): Renew {
  return async ({ secret }, signal) => {
    const { client_id, client_secret, redirect_uri } = secret.more ?? {};
    const clientId = asString(client_id) ?? application?.clientId ?? '';
    // One who has set another secret for the same application means that one.
    const isSame = clientId === application?.clientId;
    const clientSecret = (isSame ? application.clientSecret : undefined) ?? asString(client_secret);
    const server = serverOf(instance, { clientId, clientSecret, scope: '' });
    const client = { ...server, redirectUri: asString(redirect_uri) ?? '' };
    const grant = await renewGrant(client, secret.refreshToken ?? '', signal);
    return {
      secret: { token: grant.accessToken, refreshToken: grant.refreshToken, more: secret.more },
      expiresMs: grant.expiresMs,
    };
  };
}

const serverOf = (
  { url, fetch: fetcher }: Instance,
  { clientId, clientSecret, scope }: Pick<Application, 'clientId' | 'clientSecret' | 'scope'>,
): OAuthServer => ({
  issuer: url,
  authorizationUrl: `${url}/oauth/authorize`,
  tokenUrl: `${url}/oauth/token`,
  deviceUrl: `${url}/oauth/authorize_device`,
  clientId,
  clientSecret,
  scope,
  fetch: fetcher,
});

async function accountOf(
  deps: LoginDeps,
  { clientId, clientSecret }: Application,
  { accessToken, refreshToken, expiresMs, scope }: OAuthGrant,
  redirectUri: string,
): Promise<LoggedIn> {
  const more: JsonObject = {
    // Names the login in all its renewals, so that its grant outlives them.
    login: crypto.randomUUID(),
    client_id: clientId,
    redirect_uri: redirectUri,
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
  };
  return judged(deps, 'oauth', {
    kind: 'oauth',
    secret: { token: accessToken, refreshToken, more },
    expiresMs,
    profile: { login: 'OAuth', instance: deps.instance.url, ...(scope !== undefined && { scopes: scope }) },
  });
}

/** A personal access token. GitLab tells of itself to any token, whatever its scopes. */
async function takeToken(deps: LoginDeps, token: string): Promise<LoggedIn> {
  const told = await ask(deps.instance, '/api/v4/personal_access_tokens/self', token);
  if (told.status === 401) throw new LoginFailed(cures.token_refused);
  if (told.status === 400)
    throw new LoginFailed('that is a token of OAuth, which ends soon; log in through the browser instead');
  const { scopes, active, revoked, expires_at, name } = told.body;
  const names = asArray(scopes).map(String);
  if (told.status === 200) {
    if (active === false || revoked === true) throw new LoginFailed(cures.token_refused);
    if (!names.some((scope) => enough.has(scope))) throw new LoginFailed(cures.insufficient_scope);
  }
  const endsOn = asString(expires_at);
  return judged(
    deps,
    'pat',
    {
      kind: 'api_key',
      secret: { token },
      profile: {
        login: 'personal access token',
        instance: deps.instance.url,
        ...(names.length > 0 && { scopes: names.join(' ') }),
        ...(endsOn !== undefined && { token_ends: endsOn }),
      },
    },
    asString(name),
  );
}

/** Scopes of which one is needed; a fine-grained token says elsewhere what it may. */
const enough: ReadonlySet<string> = new Set(['api', 'ai_features', 'granular']);

/**
 * Names the account, with how it was logged in to, and says what it may do. What only somebody else can cure does not
 * undo the login: it is good as soon as that is done.
 */
async function judged(
  deps: LoginDeps,
  way: 'oauth' | 'pat',
  login: LoggedIn,
  fallback?: string,
): Promise<LoggedIn> {
  const user = await ask(deps.instance, '/api/v4/user', login.secret.token);
  const username = user.status === 200 ? asString(user.body.username) : undefined;
  const called = username ?? fallback;
  const account: Account = {
    ...configuredAccount(deps.provider, { name: called ?? 'new', token: login.secret.token }),
    secret: login.secret,
    profile: login.profile ?? {},
  };
  const { word, text } = await deps.judge(account);
  if (word === 'token_refused' || word === 'insufficient_scope') throw new LoginFailed(text);
  const pinned = word === 'ok' ? await deps.pinned(account) : undefined;
  // Two people of one name at two instances are two accounts.
  const where = deps.place === undefined ? '' : `@${deps.place}`;
  return {
    ...login,
    ...(called !== undefined && { name: `${way}:${called}${where}` }),
    profile: {
      ...login.profile,
      ...(username !== undefined && { user: username }),
      verdict: word,
      ...(pinned !== undefined && { pinned_model: pinned }),
    },
    notice:
      pinned === undefined ? text : `${text}. An administrator has pinned ${pinned} for GitLab’s own clients`,
  };
}

async function ask(instance: Instance, path: string, token: string): Promise<Answer> {
  try {
    return await askInstance(instance, 'GET', path, token, AbortSignal.timeout(askMs));
  } catch (error) {
    throw new LoginFailed(`GitLab could not be reached at ${instance.url}`, { cause: error });
  }
}
