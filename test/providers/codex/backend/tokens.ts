/** Unsigned tokens in the shape of the real ones; nothing in them belongs to anybody. */

export const accountId = '11111111-2222-4333-8444-555555555555';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (payload: unknown): string =>
  `${part({ alg: 'none', typ: 'JWT' })}.${part(payload)}.${part('x')}`;

export interface TokenOptions {
  readonly account?: string;
  readonly plan?: string;
  readonly expiresMs?: number;
  /** Makes tokens of one account different. */
  readonly serial?: number;
}

const claims = ({ account = accountId, plan = 'plus', expiresMs, serial = 0 }: TokenOptions) => ({
  exp: Math.floor((expiresMs ?? Date.now() + 3_600_000) / 1000),
  jti: String(serial),
  // Without a user the official client does not take renewed tokens for those of the same person.
  'https://api.openai.com/auth': {
    chatgpt_account_id: account,
    chatgpt_plan_type: plan,
    chatgpt_user_id: 'user-1',
  },
});

export const accessToken = (options: TokenOptions = {}): string => jwt(claims(options));

export const idToken = (options: TokenOptions & { email?: string } = {}): string =>
  jwt({ ...claims(options), email: options.email ?? 'me@example.com' });
