import { isLoopback, type Config, type ProviderSchemas } from './config/schema.ts';
import { idleWatch } from './pipeline/idle-watch.ts';
import { tokenEstimator } from './pipeline/token-estimator.ts';
import { anthropicMessages } from './protocols/anthropic-messages/index.ts';
import { googleGemini } from './protocols/google-gemini/index.ts';
import { openaiChat } from './protocols/openai-chat/index.ts';
import { openaiResponses } from './protocols/openai-responses/index.ts';
import type { Protocol } from './protocols/protocol.ts';
import { anthropic } from './providers/anthropic/index.ts';
import { demo } from './providers/demo/index.ts';
import { google } from './providers/google/index.ts';
import { openai } from './providers/openai/index.ts';
import type { Provider, ProviderDeps, ProviderKind } from './providers/provider.ts';
import { createCatalog, type CatalogEntry } from './routing/catalog.ts';
import { openFacts } from './routing/facts.ts';
import type { RefreshOutcome } from './routing/facts-refresh.ts';
import { createHandler } from './server/app.ts';
import { recordTo, type Recorder } from './telemetry/record.ts';
import { createTokenizer } from './tokens/tokenizer.ts';
import type { ProtocolId } from './turn/part.ts';

/** The kinds of upstream, by the word that stands in `type`. */
const kinds: readonly ProviderKind<never>[] = [
  openai,
  anthropic,
  google,
  demo,
] as unknown as readonly ProviderKind<never>[];

/** The wire protocols that are served and spoken. */
const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, openaiResponses, anthropicMessages, googleGemini].map((protocol) => [protocol.id, protocol]),
);

/** The configuration schema of each provider kind, for loading a `dragoman.yaml`. */
export const providerSchemas: ProviderSchemas = Object.fromEntries(
  kinds.map((kind) => [kind.type, kind.configSchema]),
);

export interface GatewayOptions {
  readonly config: Config;
  readonly version: string;
  /** Where the record of every request goes. */
  readonly recorder: Recorder;
  /** The text of `/metrics`. */
  readonly metrics: () => string;
  /** Replaces the network, for tests and embedding programs. */
  readonly fetch?: typeof fetch;
  /** The directory of the gateway's state: a model catalog that was fetched is kept there. */
  readonly home?: string;
  /** Hears how it went to ask for a newer model catalog. */
  readonly catalogAsked?: (outcome: RefreshOutcome) => void;
}

/** A running or embeddable gateway. */
export interface Gateway {
  /** Answers one request; what `listen` serves. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Starts to listen; port 0 takes any free one. */
  listen(at: { host: string; port: number }): { url: string };
  /** All models, and the names of the providers that could not be asked. */
  models(): Promise<{ models: CatalogEntry[]; failed: string[] }>;
  /** Takes no new requests, lets open ones finish for `drainMs`, then cuts them. */
  stop(options: { drainMs: number }): Promise<void>;
}

/** How long the tokenizer's 100 MB are kept after a count. */
const tokenizerIdleMs = 5 * 60_000;
/** How long a connection may be silent while a request arrives, in seconds. */
const requestIdleSeconds = 60;

/**
 * Wires the rooms of the house into a gateway.
 *
 * @example
 * const gateway = createGateway({ config, version: '0.1.0', recorder, metrics: () => '' });
 * const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
 */
export function createGateway(options: GatewayOptions): Gateway {
  const { config } = options;
  const deps: ProviderDeps = {
    fetch: options.fetch ?? fetch,
    userAgent: `dragoman/${options.version}`,
  };
  const providers = config.providers.map((entry) => createProvider(entry, deps));
  const facts = openFacts({
    ...config,
    home: options.home,
    fetch: deps.fetch,
    nowMs: Date.now,
    report: options.catalogAsked,
  });
  const catalog = createCatalog(providers, config.models, Date.now, facts.of);
  const watch = idleWatch(config.server.idle_ms);
  const tokens = tokenEstimator(createTokenizer(tokenizerIdleMs), Date.now);
  let ready = true;
  let server: ReturnType<typeof Bun.serve> | undefined;

  const handler = createHandler({
    catalog,
    protocols,
    recorder: recordTo(options.recorder, tokens),
    watch,
    tokens,
    firstByteMs: config.server.first_byte_ms,
    nowMs: Date.now,
    strict: config.fidelity === 'strict',
    version: options.version,
    bodyBytesMax: config.server.body_bytes_max,
    onLoopback: isLoopback(config.server.host),
    metrics: options.metrics,
    ready: () => ready,
  });

  return {
    fetch: (request) => handler(request),
    listen({ host, port }) {
      server = Bun.serve({
        hostname: host,
        port,
        idleTimeout: requestIdleSeconds,
        // The handler answers 413 in the caller's protocol; this bound only keeps it from being bypassed.
        maxRequestBodySize: config.server.body_bytes_max + 1024 * 1024,
        fetch: handler,
        // Bun's own page for an error shows source and paths.
        development: false,
      });
      facts.start();
      return { url: `http://${host.includes(':') ? `[${host}]` : host}:${server.port}` };
    },
    models: () => catalog.list(),
    async stop({ drainMs }) {
      ready = false;
      facts.stop();
      if (server) {
        const drained = server.stop();
        const timer = Bun.sleep(drainMs).then(() => server?.stop(true));
        await Promise.race([drained, timer]);
      }
      watch.close();
      tokens.stop();
    },
  };
}

function createProvider(entry: Config['providers'][number], deps: ProviderDeps): Provider {
  const kind = kinds.find(({ type }) => type === entry.type);
  if (!kind) throw new Error(`there is no provider type ${entry.type}`);
  return kind.create(entry as never, deps);
}
