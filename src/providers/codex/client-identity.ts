/** Who the gateway says it is to the backend. */
export interface ClientIdentity {
  /** The front end: the first word of the user agent too. */
  readonly originator: string;
  /** Of the official client; the model list is cut to what it knows. */
  readonly version: string;
  readonly userAgent: string;
}

/** One word of the identity, and where it is from. */
export interface IdentityWord {
  readonly value: string;
  readonly origin: 'built-in' | 'config';
  /** When it was last compared with the official client; absent for what a person has set. */
  readonly checked?: string;
}

/**
 * What the official client sends at its start: version 0.169.0 of the npm package `@openai/codex`, seen on the wire on
 * 2026-11-20. Its user agent is `{originator}/{version} ({os} {os version}; {arch}) {terminal}`.
 */
export const builtIn = {
  originator: 'codex_cli_rs',
  version: '0.169.0',
  platform: '(Debian 12.0.0; x86_64) xterm-256color',
  checked: '2026-11-20',
} as const;

/** The members of the setting `identity`. */
export interface IdentityConfig {
  readonly originator?: string;
  readonly version?: string;
  readonly user_agent?: string;
}

/** The identity in force; without a user agent of its own, it follows from the other two. */
export function clientIdentity({ originator, version, user_agent }: IdentityConfig = {}): ClientIdentity {
  const name = originator ?? builtIn.originator;
  const number = version ?? builtIn.version;
  return {
    originator: name,
    version: number,
    userAgent: user_agent ?? `${name}/${number} ${builtIn.platform}`,
  };
}

/** The same for people: each word with its origin. */
export function explainIdentity(config: IdentityConfig = {}): Record<keyof ClientIdentity, IdentityWord> {
  const identity = clientIdentity(config);
  const word = (value: string, isSet: boolean): IdentityWord =>
    isSet ? { value, origin: 'config' } : { value, origin: 'built-in', checked: builtIn.checked };
  return {
    originator: word(identity.originator, config.originator !== undefined),
    version: word(identity.version, config.version !== undefined),
    userAgent: word(
      identity.userAgent,
      Object.values(config).some((value) => value !== undefined),
    ),
  };
}
