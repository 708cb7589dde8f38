import * as oauth from 'oauth4webapi';
import { LoginNeeded } from './accounts.ts';

/** An authorization server and the client that is registered there. */
export interface OAuthClient {
  /** Compared with the `iss` of id tokens. */
  readonly issuer: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** Where a device code is asked for (RFC 8628); absent where there is none. */
  readonly deviceUrl?: string;
  readonly clientId: string;
  /** Public clients have none: they prove themselves by PKCE. */
  readonly clientSecret?: string;
  /** Separated by spaces. */
  readonly scope: string;
  /** Where the browser is sent back to; empty where a login has no browser. */
  readonly redirectUri: string;
  /** Further parameters of the authorization request. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
}

/** What a login gave. */
export interface Grant {
  readonly accessToken: string;
  /** Absent where the server gives none; a renewal that gives none leaves the old one in force. */
  readonly refreshToken?: string;
  readonly idToken?: string;
  /** Milliseconds since the epoch. */
  readonly expiresMs?: number;
  readonly scope?: string;
}

/** A login that waits for its code. */
export interface BegunLogin {
  /** For the browser. */
  readonly url: string;
  readonly state: string;
  readonly verifier: string;
}

/** A login on another device that waits to be confirmed. */
export interface BegunDevice {
  readonly userCode: string;
  readonly url: string;
  /** With the code already in it, where the server offers that. */
  readonly completeUrl?: string;
  readonly expiresMs: number;
  readonly intervalMs: number;
  readonly deviceCode: string;
}

/** A login that did not come about: refused, expired, or answered with something strange. For people. */
export class LoginFailed extends Error {
  override readonly name = 'LoginFailed';
}

/** Begins a login by authorization code with PKCE (S256). */
export async function beginLogin(client: OAuthClient): Promise<BegunLogin> {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(client.authorizationUrl);
  const parameters = {
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: client.redirectUri,
    scope: client.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...client.parameters,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, state, verifier };
}

/**
 * Ends a login with what came back: the address that the browser was sent to, as a URL or pasted, or the bare code
 * that some servers show, with or without `#state`.
 */
export async function finishLogin(client: OAuthClient, begun: BegunLogin, answer: string): Promise<Grant> {
  return told(async () => {
    const parameters = oauth.validateAuthResponse(
      server(client),
      own(client),
      answered(answer, begun),
      begun.state,
    );
    const response = await oauth.authorizationCodeGrantRequest(
      server(client),
      own(client),
      authentication(client),
      parameters,
      client.redirectUri,
      begun.verifier,
      options(client),
    );
    return toGrant(await oauth.processAuthorizationCodeResponse(server(client), own(client), response));
  });
}

/**
 * The code in what came back from a login, for servers whose token endpoint is not to the letter. Throws when the
 * answer is a refusal or belongs to another login.
 */
export const codeOf = (client: OAuthClient, begun: BegunLogin, answer: string): Promise<string> =>
  told(async () => {
    const parameters = oauth.validateAuthResponse(
      server(client),
      own(client),
      answered(answer, begun),
      begun.state,
    );
    return parameters.get('code') ?? '';
  });

/** Begins a login by device code. */
export async function beginDevice(client: OAuthClient): Promise<BegunDevice> {
  return told(async () => {
    const response = await oauth.deviceAuthorizationRequest(
      server(client),
      own(client),
      authentication(client),
      { scope: client.scope },
      options(client),
    );
    const device = await oauth.processDeviceAuthorizationResponse(server(client), own(client), response);
    return {
      userCode: device.user_code,
      url: device.verification_uri,
      completeUrl: device.verification_uri_complete,
      expiresMs: Date.now() + device.expires_in * 1000,
      intervalMs: (device.interval ?? 5) * 1000,
      deviceCode: device.device_code,
    };
  });
}

/** Asks until the person has confirmed, refused, or let the time run out. */
export async function finishDevice(
  client: OAuthClient,
  begun: BegunDevice,
  signal?: AbortSignal,
): Promise<Grant> {
  let { intervalMs } = begun;
  for (;;) {
    await pause(intervalMs, signal);
    if (Date.now() > begun.expiresMs) throw new LoginFailed('the code was not confirmed in time');
    try {
      const response = await oauth.deviceCodeGrantRequest(
        server(client),
        own(client),
        authentication(client),
        begun.deviceCode,
        { ...options(client), signal },
      );
      return toGrant(await oauth.processDeviceCodeResponse(server(client), own(client), response));
    } catch (error) {
      const code = error instanceof oauth.ResponseBodyError ? error.error : undefined;
      // RFC 8628 §3.5: five seconds more with each `slow_down`.
      if (code === 'slow_down') intervalMs += 5_000;
      else if (code !== 'authorization_pending') throw toLoginFailed(error);
    }
  }
}

/**
 * Asks for a new access token. Throws `LoginNeeded` when the refresh token is no longer taken, and the
 * network's own error when it may work later.
 */
export async function renewGrant(
  client: OAuthClient,
  refreshToken: string,
  signal: AbortSignal,
): Promise<Grant> {
  const redirect: Record<string, string> =
    client.redirectUri === '' ? {} : { redirect_uri: client.redirectUri };
  try {
    const response = await oauth.refreshTokenGrantRequest(
      server(client),
      own(client),
      authentication(client),
      refreshToken,
      // Some servers want the redirect address of the login here too; those that do not pass it over.
      { ...options(client), signal, additionalParameters: redirect },
    );
    const grant = toGrant(await oauth.processRefreshTokenResponse(server(client), own(client), response));
    return { ...grant, refreshToken: grant.refreshToken ?? refreshToken };
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError && final.has(error.error)) {
      throw new LoginNeeded(`${error.error_description ?? error.error}; log in again`, { cause: error });
    }
    throw error;
  }
}

/** Answers of a token endpoint that asking again does not change. */
const final: ReadonlySet<string> = new Set(['invalid_grant', 'unauthorized_client', 'invalid_client']);

const server = (client: OAuthClient): oauth.AuthorizationServer => ({
  issuer: client.issuer,
  authorization_endpoint: client.authorizationUrl,
  token_endpoint: client.tokenUrl,
  device_authorization_endpoint: client.deviceUrl,
});

const own = (client: OAuthClient): oauth.Client => ({ client_id: client.clientId });

const authentication = ({ clientSecret }: OAuthClient): oauth.ClientAuth =>
  clientSecret === undefined ? oauth.None() : oauth.ClientSecretPost(clientSecret);

/** Plain HTTP is for this machine only, where tests and local servers listen. */
const options = (client: OAuthClient) => ({
  [oauth.customFetch]: client.fetch as never,
  [oauth.allowInsecureRequests]: /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(
    new URL(client.tokenUrl).hostname,
  ),
});

/** Reads what a person pasted. A bare code carries no state; it was pasted by the one who began the login. */
function answered(text: string, { state }: BegunLogin): URLSearchParams {
  const pasted = text.trim();
  if (/^https?:\/\//.test(pasted)) return new URL(pasted).searchParams;
  if (pasted.includes('code=')) return new URLSearchParams(pasted.replace(/^[?#]/, ''));
  const [code = '', ownState = state] = pasted.split('#');
  if (!/^[\w.~/+=-]{4,4096}$/.test(code))
    throw new LoginFailed('that is neither an address with a code in it nor a code');
  return new URLSearchParams({ code, state: ownState });
}

const toGrant = (token: oauth.TokenEndpointResponse): Grant => ({
  accessToken: token.access_token,
  refreshToken: token.refresh_token,
  idToken: token.id_token,
  expiresMs: token.expires_in === undefined ? undefined : Date.now() + token.expires_in * 1000,
  scope: token.scope,
});

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toLoginFailed(error);
  }
}

/** In words for people; tokens and codes are in none of them. */
function toLoginFailed(error: unknown): Error {
  if (error instanceof LoginFailed) return error;
  if (error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError) {
    const why = error.error_description ?? error.error.replaceAll('_', ' ');
    return new LoginFailed(`the login was refused: ${why}`, { cause: error });
  }
  const { message } = error as Error;
  return new LoginFailed(`the login failed: ${message}`, { cause: error });
}

/** Waits; an abort throws `LoginFailed`. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    const leave = () => {
      clearTimeout(timer);
      failed(new LoginFailed('the login was given up'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', leave);
      done();
    }, ms);
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave, { once: true });
  });
}
