import type { Account } from './account.ts';
import { beginDevice, beginLogin, finishDevice, finishLogin, type Grant, type OAuthClient } from './oauth.ts';
import type { Redirect } from './loopback.ts';

/** What a login gave: an account without its place. */
export interface LoggedIn extends Pick<Account, 'kind' | 'secret' | 'expiresMs'> {
  /** What to call it unless somebody says otherwise: an e-mail address, a user’s name. */
  readonly name?: string;
  readonly profile?: Account['profile'];
  /** What its owner has to know, such as what it cannot be used for yet. Told once. */
  readonly notice?: string;
}

/** The ways a provider knows to an account. One that is absent is not offered. */
export interface Login {
  /** Through a browser, which comes back to this machine or shows what is to be pasted. */
  readonly oauth?: {
    readonly redirect: Redirect;
    /** Where a browser elsewhere is sent, such as a page that shows the code; the redirect’s address unless given. */
    readonly pastedFrom?: string;
    begin(redirectUri: string): Promise<BrowserLogin>;
  };
  /** By a code that is confirmed on any other device. */
  readonly device?: { begin(): Promise<DeviceLogin> };
  /** From the file in which another program keeps its login. */
  readonly import?: {
    /** Says which, for people. */
    readonly what: string;
    /** Where that program keeps it, going by the environment; `undefined` where that says nothing. */
    where?(env: Readonly<Record<string, string | undefined>>): string | undefined;
    read(text: string): Promise<LoggedIn>;
  };
  /** With a secret that somebody has at hand; `what` says which, for people. */
  readonly token?: { readonly what: string; take(token: string): Promise<LoggedIn> };
  /** Further places of the same provider where one logs in, by the names that the configuration gives them. */
  readonly places?: Readonly<Record<string, Login>>;
}

export type LoginWay = Exclude<keyof Login, 'places'>;

/** The ways to an account at a place of a provider, the usual one unless named; `undefined` where there is none. */
export const loginAt = (login: Login | undefined, place: string | undefined): Login | undefined =>
  place === undefined ? login : login?.places?.[place];

/** A login that waits for the browser. */
export interface BrowserLogin {
  readonly url: string;
  /** Ends it with the address that the browser came back to, or with what a person pasted. */
  finish(answer: string): Promise<LoggedIn>;
}

/** A login that waits to be confirmed elsewhere. */
export interface DeviceLogin {
  readonly userCode: string;
  readonly url: string;
  /** With the code already in it, where there is such an address. */
  readonly completeUrl?: string;
  finish(signal?: AbortSignal): Promise<LoggedIn>;
}

/** An OAuth client before it is known where the browser is sent back to. */
export type OAuthServer = Omit<OAuthClient, 'redirectUri'>;

/** Makes an account of what a server granted; a renewal may need the address that the login was sent back to. */
export type ToAccount = (grant: Grant, redirectUri: string) => Promise<LoggedIn>;

/**
 * A login by authorization code with PKCE.
 *
 * @example
 * const login: Login = { oauth: loginByCode(server, { host: '127.0.0.1', port: 0, path: '/callback' }, toAccount) };
 */
export const loginByCode = (
  server: OAuthServer,
  redirect: Redirect,
  toAccount: ToAccount,
): NonNullable<Login['oauth']> => ({
  redirect,
  async begin(redirectUri) {
    const client = { ...server, redirectUri };
    const begun = await beginLogin(client);
    return {
      url: begun.url,
      finish: async (answer) => toAccount(await finishLogin(client, begun, answer), redirectUri),
    };
  },
});

/** A login by device code (RFC 8628). */
export const loginByDevice = (server: OAuthServer, toAccount: ToAccount): NonNullable<Login['device']> => ({
  async begin() {
    const client = { ...server, redirectUri: '' };
    const begun = await beginDevice(client);
    const { userCode, url, completeUrl } = begun;
    return {
      userCode,
      url,
      completeUrl,
      finish: async (signal) => toAccount(await finishDevice(client, begun, signal), ''),
    };
  },
});

/** A login with an API key, which is sent as it is. */
export const loginByApiKey: Login = {
  token: {
    what: 'an API key',
    take: async (token) => ({ kind: 'api_key', secret: { token } }),
  },
};
