import type { InspectedWord } from '../provider.ts';
import type { InstalledClient } from './installed-client.ts';

/** Who the gateway says it is to the backend. */
export interface ClientIdentity {
  /** The front end: the first word of the user agent too. */
  readonly originator: string;
  /** Of the official client; the model list is cut to what it knows. */
  readonly version: string;
  readonly userAgent: string;
  /** What of the protocol it takes beside the usual, by comma; empty where it says nothing of that. */
  readonly betaFeatures: string;
}

/**
 * What the official client sends at its start: version 0.169.0 of the npm package `@openai/codex`, seen on the wire on
 * 2026-11-20. Its user agent is `{originator}/{version} ({os} {os version}; {arch}) {terminal}`.
 */
export const builtIn = {
  originator: 'codex_cli_rs',
  version: '0.169.0',
  platform: '(Debian 12.0.0; x86_64) xterm-256color',
  betaFeatures: 'remote_compaction_v2',
  source: 'the npm package @openai/codex, on the wire',
  checked: '2026-11-20',
} as const;

/** The members of the setting `identity`. */
export interface IdentityConfig {
  readonly originator?: string;
  readonly version?: string;
  readonly user_agent?: string;
  readonly beta_features?: string;
  readonly detect?: boolean;
}

/**
 * The identity in force; without a user agent of its own, it follows from the other two.
 *
 * @param installed the official client of this machine, where it is to be taken after it
 */
export function clientIdentity(
  { originator, version, user_agent, beta_features }: IdentityConfig = {},
  installed?: InstalledClient,
): ClientIdentity {
  const name = originator ?? builtIn.originator;
  const number = version ?? installed?.version ?? builtIn.version;
  return {
    originator: name,
    version: number,
    userAgent: user_agent ?? `${name}/${number} ${builtIn.platform}`,
    betaFeatures: beta_features ?? builtIn.betaFeatures,
  };
}

/** The same for people: each word with its origin, and the client of this machine, whether it is followed or not. */
export function explainIdentity(
  config: IdentityConfig,
  installed: InstalledClient | undefined,
): InspectedWord[] {
  const followed = config.detect === true ? installed : undefined;
  const identity = clientIdentity(config, followed);
  const ofBuiltIn = {
    origin: 'built-in',
    source: builtIn.source,
    sinceMs: Date.parse(builtIn.checked),
  } as const;
  const ofConfig = { origin: 'config' } as const;
  const ofInstalled = installed && {
    origin: 'detected' as const,
    source: installed.file,
    sinceMs: installed.writtenMs,
  };
  const version = config.version !== undefined ? ofConfig : followed ? ofInstalled! : ofBuiltIn;
  const originator = config.originator !== undefined ? ofConfig : ofBuiltIn;
  const features = config.beta_features !== undefined ? ofConfig : ofBuiltIn;
  const isOwn = config.user_agent !== undefined || originator === ofConfig;
  // What is not followed is either not wanted or not there.
  const aside: InspectedWord[] = [];
  if (installed !== undefined && followed === undefined)
    aside.push({ name: 'installed', value: installed.version, ...ofInstalled!, unused: true });
  if (installed === undefined && config.detect)
    aside.push({ name: 'installed', value: 'not found', origin: 'detected', unused: true });
  return [
    { name: 'originator', value: identity.originator, ...originator },
    { name: 'version', value: identity.version, ...version },
    { name: 'user-agent', value: identity.userAgent, ...(isOwn ? ofConfig : version) },
    { name: 'beta-features', value: identity.betaFeatures || 'none', ...features },
    ...aside,
  ];
}
