import { randomBytes } from 'node:crypto';
import manifest from '../package.json' with { type: 'json' };
import { anonymousAccount, configuredAccount, type Account } from './accounts/account.ts';
import { createVault } from './accounts/vault.ts';
import { secretsOf } from './config/secrets.ts';
import { fixedSettings } from './config/fixed-settings.ts';
import { isLoopback, type Config, type ProviderSchemas } from './config/schema.ts';
import { idleWatch } from './pipeline/idle-watch.ts';
import { createOrigins } from './pipeline/origins.ts';
import { tokenEstimator } from './pipeline/token-estimator.ts';
import { anthropicMessages } from './protocols/anthropic-messages/index.ts';
import { googleGemini } from './protocols/google-gemini/index.ts';
import { openaiChat } from './protocols/openai-chat/index.ts';
import { openaiResponses } from './protocols/openai-responses/index.ts';
import type { Protocol } from './protocols/protocol.ts';
import { anthropic } from './providers/anthropic/index.ts';
import { codex } from './providers/codex/index.ts';
import { demo } from './providers/demo/index.ts';
import { gitlab } from './providers/gitlab/index.ts';
import { google } from './providers/google/index.ts';
import { openSocket } from './providers/open-socket.ts';
import { openai } from './providers/openai/index.ts';
import type { AnyInspection, AnyProviderKind, Provider, ProviderDeps } from './providers/provider.ts';
import { createAffinity } from './routing/affinity.ts';
import { createCatalog, type CatalogEntry } from './routing/catalog.ts';
import { createChooser } from './routing/choice.ts';
import { discover } from './routing/discovery.ts';
import { openFacts } from './routing/facts.ts';
import type { RefreshOutcome } from './routing/facts-refresh.ts';
import type { ConfigFile } from './server/admin-route.ts';
import { createHandler, type Handler } from './server/app.ts';
import { defaultSocketLimits, type SocketLimits, type Sockets } from './server/sockets.ts';
import { memoryState, type State } from './server/state.ts';
import type { SessionLimits } from './sessions/sessions.ts';
import { recordTo, type Recorder } from './telemetry/record.ts';
import { createTokenizer } from './tokens/tokenizer.ts';
import type { ProtocolId } from './turn/part.ts';

/** The kinds of upstream, by the word that stands in `type`. */
const ownKinds: readonly AnyProviderKind[] = [openai, anthropic, google, codex, gitlab, demo];

/** The wire protocols that are served and spoken. */
const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, openaiResponses, anthropicMessages, googleGemini].map((protocol) => [protocol.id, protocol]),
);

/** The configuration schema of each provider kind, and of `more` that a program brings, for loading a `dragoman.yaml`. */
export const schemasWith = (more: readonly AnyProviderKind[]): ProviderSchemas =>
  Object.fromEntries([...ownKinds, ...more].map((kind) => [kind.type, kind.configSchema]));

export const providerSchemas: ProviderSchemas = schemasWith([]);

/** What each kind of upstream tells people of itself, by its type. */
export const inspections: Readonly<Record<string, readonly AnyInspection[]>> = Object.fromEntries(
  ownKinds.flatMap(({ type, inspections: own }) => (own === undefined ? [] : [[type, own]])),
);

export interface GatewayOptions {
  readonly config: Config;
  /** What upstreams and `/healthz` are told; this program's own unless given. */
  readonly version?: string;
  /** Where the record of every request goes; nowhere unless given. */
  readonly recorder?: Recorder;
  /** The text of `/metrics`, which is empty unless given. */
  readonly metrics?: () => string;
  /**
   * What is kept beyond one request: accounts and their health, keys, usage. The caller opens and closes it; without
   * it there is nothing but the configuration.
   */
  readonly state?: State;
  /** The file that the configuration came from, for `/admin` to change it. */
  readonly configFile?: ConfigFile;
  /** Further kinds of upstream, beside the house's own. The configuration must have been read by {@link schemasWith}. */
  readonly kinds?: readonly AnyProviderKind[];
  /** Replaces the network, for tests and embedding programs. */
  readonly fetch?: typeof fetch;
  /** The directory of the gateway's state: a model catalog that was fetched is kept there. */
  readonly home?: string;
  /** The environment, for providers that look for files of other programs; there is none unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Hears how it went to ask for a newer model catalog. */
  readonly catalogAsked?: (outcome: RefreshOutcome) => void;
  /** Limits of WebSocket connections other than the gateway's own. */
  readonly socketLimits?: Partial<SocketLimits>;
}

export interface GatewayFetch {
  (request: Request): Response | Promise<Response>;
  (...asked: Parameters<Handler['fetch']>): ReturnType<Handler['fetch']>;
}

/** A running or embeddable gateway. */
export interface Gateway {
  /**
   * Answers one request; what `listen` serves. A program that serves it by itself passes Bun's server, which a
   * WebSocket needs; a request that has become one is answered with nothing.
   */
  readonly fetch: GatewayFetch;
  /**
   * Bun's `websocket` option beside {@link fetch}, for a program that serves by itself.
   *
   * @example
   * Bun.serve({ fetch: gateway.fetch, websocket: gateway.websocket });
   */
  readonly websocket: Sockets['websocket'];
  /** Starts to listen; port 0 takes any free one. */
  listen(at: { host: string; port: number }): { url: string };
  /**
   * Takes up another configuration for the requests that come from now on; open ones go on as they began. Returns the
   * settings that need a new start.
   */
  reload(config: Config): readonly string[];
  /** All models, and the names of the providers that could not be asked. */
  models(): Promise<{ models: CatalogEntry[]; failed: string[] }>;
  /** A configured provider, for logging in to it. */
  provider(name: string): Provider | undefined;
  /** Takes no new requests, lets open ones finish for `drainMs`, then cuts them. */
  stop(options: { drainMs: number }): Promise<void>;
}

/** A gateway that others reach must not be open to all of them. */
export class KeyNeeded extends Error {
  override readonly name = 'KeyNeeded';

  constructor() {
    super(
      'a gateway without keys may only listen on loopback, because anyone who reaches it could spend your accounts; make a key with `dragoman keys create NAME`',
    );
  }
}

/** How long the tokenizer's 100 MB are kept after a count. */
const tokenizerIdleMs = 5 * 60_000;
/** Shorter texts would be found in ordinary words. */
const secretCharsMin = 6;
/** How long a connection may be silent while a request arrives, in seconds. */
const requestIdleSeconds = 60;

/**
 * Wires the rooms of the house into a gateway.
 *
 * @example
 * const gateway = createGateway({ config });
 * const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
 */
export function createGateway(options: GatewayOptions): Gateway {
  const {
    state = memoryState(),
    version = manifest.version,
    recorder = recordTo(),
    metrics = () => '',
  } = options;
  const kinds = [...ownKinds, ...(options.kinds ?? [])];
  const deps: ProviderDeps = {
    fetch: options.fetch ?? fetch,
    userAgent: `dragoman/${version}`,
    sawQuota: ({ id }, quota) => state.quotas.saw(id, quota),
    env: options.env,
    openSocket: options.fetch === undefined ? openSocket : undefined,
  };
  const affinity = createAffinity(Date.now);
  const { idle_ms: idleMs, keep_alive_ms: keepAliveMs } = options.config.server;
  const watch = idleWatch(idleMs, keepAliveMs);
  const tokens = tokenEstimator(createTokenizer(tokenizerIdleMs), Date.now);
  let now = wire(options.config);
  let ready = true;
  let server: ReturnType<typeof Bun.serve> | undefined;

  /** Everything that follows from the configuration. */
  function wire(config: Config) {
    const providers = config.providers.map((entry) => createProvider(kinds, entry, deps));
    const before = new Map(state.accounts.list().map(({ id, secret }) => [id, secret.token]));
    const accounts = providers.flatMap(accountsOf);
    state.accounts.configure(accounts);
    // A key that was replaced has not failed yet.
    for (const { id, secret } of accounts)
      if (before.has(id) && before.get(id) !== secret.token) state.health.clear(id);
    state.sessions?.configure(sessionLimits(config));
    const facts = openFacts({
      ...config,
      providers: config.providers.map((entry, i) => ({ ...entry, pricedAs: providers[i]!.pricedAs })),
      home: options.home,
      fetch: deps.fetch,
      nowMs: Date.now,
      report: options.catalogAsked,
    });
    const ask: Parameters<typeof createCatalog>[3] = (provider, signal) =>
      discover(state.accounts, provider, signal);
    return {
      config,
      providers,
      secrets: secretsOf(config).filter((text) => text.length >= secretCharsMin),
      facts,
      catalog: createCatalog(providers, config.models, Date.now, ask, facts.of),
      chooser: createChooser({
        accountsOf: ({ name }) => state.accounts.of(name),
        health: state.health,
        affinity,
        strategy: config.routing.strategy,
      }),
    };
  }

  const handler = createHandler({
    get config() {
      return now.config;
    },
    get catalog() {
      return now.catalog;
    },
    get chooser() {
      return now.chooser;
    },
    get secrets() {
      return now.secrets;
    },
    get strict() {
      return now.config.fidelity === 'strict';
    },
    get firstByteMs() {
      return now.config.server.first_byte_ms;
    },
    get bodyBytesMax() {
      return now.config.server.body_bytes_max;
    },
    get hosts() {
      return now.config.server.hosts;
    },
    state,
    configFile: options.configFile,
    accounts: state.accounts,
    gatekeeper: state.gatekeeper,
    // Without a store the key lasts as long as the process; what it has sealed then counts as another's.
    origins: createOrigins(state.stored?.vault ?? createVault(randomBytes(32))),
    sessions: state.sessions,
    protocols,
    recorder: recordTo(recorder, tokens, state.recorder),
    watch,
    tokens,
    get takesSockets() {
      return now.config.server.websocket === 'on';
    },
    socketLimits: { ...defaultSocketLimits, ...options.socketLimits },
    nowMs: Date.now,
    version,
    onLoopback: isLoopback(options.config.server.host),
    metrics,
    ready: () => ready,
  });

  return {
    // Without a server no request becomes a socket.
    fetch: handler.fetch as GatewayFetch,
    websocket: handler.sockets.websocket,
    listen({ host, port }) {
      if (!isLoopback(host) && !state.keys?.required) throw new KeyNeeded();
      server = Bun.serve({
        hostname: host,
        port,
        idleTimeout: requestIdleSeconds,
        // The handler answers 413 in the caller's protocol; this bound only keeps it from being bypassed.
        maxRequestBodySize: now.config.server.body_bytes_max + 1024 * 1024,
        fetch: handler.fetch,
        websocket: handler.sockets.websocket,
        // Bun's own page for an error shows source and paths.
        development: false,
        // Without that page Bun 1.4 lets several processes share a port, each with its own configuration.
        reusePort: false,
      });
      now.facts.start();
      return { url: `http://${host.includes(':') ? `[${host}]` : host}:${server.port}` };
    },
    reload(config) {
      const before = now;
      now = wire(config);
      before.facts.stop();
      for (const provider of before.providers) provider.close?.();
      if (server) now.facts.start();
      if (config.server.websocket === 'off') handler.sockets.leave('WebSockets are switched off');
      return fixedSettings(before.config, config);
    },
    models: () => now.catalog.list(),
    provider: (name) => now.catalog.provider(name),
    async stop({ drainMs }) {
      ready = false;
      now.facts.stop();
      handler.sockets.leave('the gateway is stopping');
      if (server) {
        const cut = Promise.withResolvers<void>();
        const timer = setTimeout(() => cut.resolve(server?.stop(true)), drainMs);
        await Promise.race([server.stop(), cut.promise]);
        clearTimeout(timer);
      }
      for (const provider of now.providers) provider.close?.();
      watch.close();
      tokens.stop();
    },
  };
}

const dayMs = 24 * 3600_000;

const sessionLimits = ({ conversations }: Config): Partial<SessionLimits> => ({
  isOn: conversations.store,
  retentionMs: conversations.retention_days * dayMs,
  conversationBytesMax: conversations.conversation_bytes_max,
  callerBytesMax: conversations.caller_bytes_max,
  totalBytesMax: conversations.total_bytes_max,
});

/** The accounts that a provider's configuration states, or the one that stands for none. */
const accountsOf = ({ name, accounts, anonymous }: Provider): Account[] =>
  accounts.length === 0 && anonymous
    ? [anonymousAccount(name)]
    : accounts.map((account) => configuredAccount(name, account));

function createProvider(
  kinds: readonly AnyProviderKind[],
  entry: Config['providers'][number],
  deps: ProviderDeps,
): Provider {
  const kind = kinds.find(({ type }) => type === entry.type);
  if (!kind) throw new Error(`there is no provider type ${entry.type}`);
  return kind.create(entry as never, deps);
}
