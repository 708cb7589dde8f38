import { randomUUID } from 'node:crypto';
import type { LoggedIn } from '../../accounts/login.ts';
import { LoginFailed } from '../../accounts/oauth.ts';
import { asNumber, asObject, asString, parseObject, type JsonObject } from '../../turn/json.ts';

/** What the token endpoint gives; everything is optional in a renewal. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly idToken?: string;
}

/** What tokens say of the account that they are of. They are read, not verified: the backend does that. */
export interface Claims {
  readonly accountId?: string;
  readonly plan?: string;
  readonly email?: string;
  /** Milliseconds since the epoch. */
  readonly expiresMs?: number;
}

const authClaim = 'https://api.openai.com/auth';
const profileClaim = 'https://api.openai.com/profile';

/** Reads the claims of a JWT; an opaque token has none. */
export function claimsOf(token: string | undefined): Claims {
  const payload = payloadOf(token);
  const auth = asObject(payload?.[authClaim]);
  const expires = asNumber(payload?.exp);
  return {
    accountId: asString(auth?.chatgpt_account_id),
    plan: asString(auth?.chatgpt_plan_type),
    email: asString(payload?.email) ?? asString(asObject(payload?.[profileClaim])?.email),
    expiresMs: expires === undefined ? undefined : expires * 1000,
  };
}

/**
 * The account of these tokens. An account id that somebody has stated goes first; the id token and the access token
 * must not name different ones.
 */
export function accountOf(tokens: Tokens, stated?: string): LoggedIn {
  const id = claimsOf(tokens.idToken);
  const access = claimsOf(tokens.accessToken);
  if (stated === undefined && id.accountId && access.accountId && id.accountId !== access.accountId)
    throw new LoginFailed('the two tokens are of different accounts');
  const accountId = stated ?? id.accountId ?? access.accountId;
  if (accountId === undefined) throw new LoginFailed('the token does not say of which ChatGPT account it is');
  const email = id.email ?? access.email;
  const plan = id.plan ?? access.plan;
  return {
    name: email,
    kind: 'oauth',
    secret: {
      token: tokens.accessToken,
      refreshToken: tokens.refreshToken,
      more: { accountId, installationId: randomUUID() },
    },
    expiresMs: access.expiresMs,
    profile: { ...(email !== undefined && { email }), ...(plan !== undefined && { plan }), accountId },
  };
}

/** Reads the official client's `auth.json`. */
export function readAuthFile(text: string): LoggedIn {
  let file: JsonObject | undefined;
  try {
    file = asObject(JSON.parse(text));
  } catch {
    throw new LoginFailed('that is not JSON');
  }
  const tokens = asObject(file?.tokens);
  const accessToken = asString(tokens?.access_token);
  if (accessToken === undefined || accessToken === '') {
    throw new LoginFailed(
      asString(file?.OPENAI_API_KEY)
        ? 'that file holds an API key and no ChatGPT login; give the key to a provider of the type openai'
        : 'there is no ChatGPT login in that file',
    );
  }
  return accountOf(
    {
      accessToken,
      refreshToken: asString(tokens?.refresh_token) || undefined,
      idToken: asString(tokens?.id_token) || undefined,
    },
    asString(tokens?.account_id) || undefined,
  );
}

function payloadOf(token: string | undefined): JsonObject | undefined {
  const parts = token?.split('.') ?? [];
  if (parts.length !== 3 || parts.includes('')) return undefined;
  return parseObject(Buffer.from(parts[1]!, 'base64url').toString());
}
