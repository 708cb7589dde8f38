import type { Json, JsonObject } from '../turn/json.ts';

/** What an account proves itself with. Held in memory in the clear, in the store sealed. */
export interface Secret {
  /** Sent as it is: an API key, or the access token of a login. */
  readonly token: string;
  /** What a new access token is asked for with; absent for API keys. */
  readonly refreshToken?: string;
  /** Whatever else the provider needs, such as an id token. */
  readonly more?: JsonObject;
}

/** Shorter texts are no secrets: masking them would hit ordinary words. */
const secretCharsMin = 6;
/** Beside tokens there may be ordinary words such as a region. */
const moreCharsMin = 16;

/** Every text of a secret that must not be seen anywhere. */
export function secretTexts({ token, refreshToken = '', more = {} }: Secret): string[] {
  const inside = (value: Json | undefined): string[] => {
    if (typeof value === 'string') return value.length < moreCharsMin ? [] : [value];
    return typeof value === 'object' && value !== null ? Object.values(value).flatMap(inside) : [];
  };
  return [...[token, refreshToken].filter((text) => text.length >= secretCharsMin), ...inside(more)];
}

/** One account at one provider. */
export interface Account {
  /** `acc_…` for stored ones, `config:PROVIDER/NAME` for those of the configuration. */
  readonly id: string;
  /** The provider's configured name. */
  readonly provider: string;
  /** Unique at its provider; what people call it by. */
  readonly name: string;
  readonly kind: 'api_key' | 'oauth';
  readonly secret: Secret;
  /** What may be shown: e-mail address, plan, organisation. */
  readonly profile: JsonObject;
  /** Lower goes first. */
  readonly priority: number;
  /** How much of the load it takes beside others of its priority. */
  readonly weight: number;
  readonly enabled: boolean;
  /** `needs_login`: its refresh token is no longer taken. */
  readonly state: 'ready' | 'needs_login';
  /** One line for people: why, and what cures it. */
  readonly stateWhy: string;
  /** When the access token ends; absent where it does not. */
  readonly expiresMs?: number;
  /** Grows with each change of the stored account. */
  readonly version: number;
}

/** What an account is told by the configuration: `api_key`, or an entry of `accounts`. */
export interface ConfiguredAccount {
  readonly name: string;
  readonly token: string;
  readonly more?: JsonObject;
  readonly profile?: JsonObject;
  readonly priority?: number;
  readonly weight?: number;
}

/** An account of the configuration, which no store knows. */
export const configuredAccount = (
  provider: string,
  { name, token, more, profile = {}, priority = 0, weight = 1 }: ConfiguredAccount,
): Account => ({
  id: `config:${provider}/${name}`,
  provider,
  name,
  kind: 'api_key',
  secret: { token, more },
  profile,
  priority,
  weight,
  enabled: true,
  state: 'ready',
  stateWhy: '',
  version: 0,
});

/** Whether an account is one of the configuration, and can be changed there only. */
export const isConfigured = ({ id }: Pick<Account, 'id'>): boolean => id.startsWith('config:');

/** Stands for the account at a provider that asks for none: its token is empty. */
export const anonymousAccount = (provider: string): Account =>
  configuredAccount(provider, { name: 'anonymous', token: '' });

export const isAnonymous = ({ secret }: Pick<Account, 'secret'>): boolean => secret.token === '';
