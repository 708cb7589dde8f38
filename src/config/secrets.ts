/** What stands in place of a secret. */
const mask = '***';

const secretName =
  /(^|[_-])(api[_-]?key|key|token|secret|password|passphrase|credentials?|authorization|cookie)s?$/i;

/** The password in an address such as `postgres://user:pass@host/db`. */
const addressPassword = /(:\/\/[^/?#\s:@]*:)([^/?#\s]+)(@)/;

/** Whether a member of that name holds a secret: `api_key`, `refresh_token`, `password`, … */
export const isSecretName = (name: string): boolean => secretName.test(name);

/**
 * A copy to be shown: secret members, header values and passwords in addresses are masked.
 *
 * @example
 * redacted({ name: 'openai', api_key: 'sk-1' }); // { name: 'openai', api_key: '***' }
 */
export function redacted(value: unknown): unknown {
  return copy(value, false);
}

function copy(value: unknown, secret: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => copy(item, secret));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, copy(member, secret || holdsSecrets(name))]),
    );
  }
  if (value === undefined || value === null) return value;
  if (secret) return mask;
  return typeof value === 'string' ? value.replace(addressPassword, `$1${mask}$3`) : value;
}

/** Which header carries a credential is the upstream's choice, so all configured ones count. */
const holdsSecrets = (name: string): boolean => name === 'headers' || isSecretName(name);

/** Every secret text in a configuration, valid or not; for telling others what must never be written out. */
export function secretsOf(value: unknown): string[] {
  const found = new Set<string>();
  const visit = (part: unknown, secret: boolean): void => {
    if (typeof part === 'string') {
      const text = secret ? part : addressPassword.exec(part)?.[2];
      if (text) found.add(text);
    } else if (typeof part === 'object' && part !== null) {
      for (const [name, member] of Object.entries(part)) visit(member, secret || holdsSecrets(name));
    }
  };
  visit(value, false);
  return [...found];
}

/** Whether a value was masked by `redacted`, so that writing it back would lose a secret. */
export const isMasked = (value: unknown): boolean => JSON.stringify(value).includes(mask);

const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * Makes a configuration and its provider entries show themselves redacted to `console.log`,
 * `JSON.stringify` and the like; reading a member still gives its true value.
 */
export function guard<T extends { readonly providers: readonly object[] }>(config: T): T {
  for (const part of [config, ...config.providers]) {
    const shown = { value: () => redacted(part), enumerable: false };
    Object.defineProperties(part, { toJSON: shown, [inspect]: shown });
  }
  return config;
}
