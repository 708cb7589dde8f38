import { secretsOf } from '../config/secrets.ts';
import type { Config } from '../config/schema.ts';
import type { Gateway } from '../gateway.ts';
import type { RefreshOutcome } from '../routing/facts-refresh.ts';
import { accessLog, type AccessLog } from '../telemetry/access-log.ts';
import { turnMetrics } from '../telemetry/metrics.ts';
import { recordTo } from '../telemetry/record.ts';
import { redactor } from '../telemetry/redact.ts';
import type { Host, Output } from './host.ts';
import { loadOrComplain } from './load.ts';
import { homeDirectory } from './state.ts';
import { version } from './version.ts';

export interface ServeFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly logFormat?: string;
}

/** A request that was cut at the end is recorded a few turns of the event loop later. */
const settleMs = 25;

/** `dragoman serve`: listens until it is told to stop, then lets open streams end. */
export async function serve(flags: ServeFlags, host: Host): Promise<number> {
  const { createGateway, providerSchemas } = await host.gateway();
  const loaded = await loadOrComplain(host, providerSchemas, flags);
  if (loaded === undefined) return 1;
  const { config } = loaded;

  const log = openLog(config, host);
  const metrics = turnMetrics({ version });
  const gateway = createGateway({
    config,
    version,
    recorder: recordTo(metrics, log),
    metrics: () => metrics.write(),
    home: homeDirectory(host),
    catalogAsked: (outcome) => logCatalog(outcome, log),
  });
  let url: string;
  try {
    ({ url } = gateway.listen(config.server));
  } catch (error) {
    await host.stderr.write(`error: ${listenProblem(error, config.server)}\n`);
    await gateway.stop({ drainMs: 0 });
    return 1;
  }
  // Whoever reads that it listens may send a signal at once.
  const stopped = untilStopped(gateway, config.server.drain_ms, log, host);
  await announce(url, config, log, host);
  await stopped;
  await Bun.sleep(settleMs);
  await log.flush();
  return 0;
}

const isPretty = (config: Config, { terminal }: Output): boolean =>
  config.log.format === 'pretty' || (config.log.format === 'auto' && terminal);

function openLog(config: Config, { stdout }: Host): AccessLog {
  return accessLog({
    format: isPretty(config, stdout) ? 'pretty' : 'json',
    level: config.log.level,
    color: stdout.color,
    write: (text) => stdout.write(text),
    redactor: redactor(secretsOf(config)),
  });
}

function logCatalog(outcome: RefreshOutcome, log: AccessLog): void {
  if (outcome.kind === 'failed') log.event('warn', 'model_catalog_refused', { why: outcome.why });
  else if (outcome.kind === 'renewed') log.event('info', 'model_catalog_renewed', { models: outcome.models });
  else log.event('debug', 'model_catalog_unchanged');
}

/** A plain line for people, an event for programs. */
async function announce(url: string, config: Config, log: AccessLog, { stdout }: Host): Promise<void> {
  if (!isPretty(config, stdout)) {
    log.announce('listening', { url, version });
    await log.flush();
    return;
  }
  const demo = config.providers.find(({ type }) => type === 'demo');
  const lines = [`listening on ${url}`];
  if (stdout.terminal) {
    lines.unshift(`dragoman ${version}`);
    lines.push(`providers: ${config.providers.map(({ name }) => name).join(', ')}`);
    if (demo) lines.push('', 'Try it:', `  ${demoCall(url, demo.name)}`);
    lines.push('', 'Ctrl-C stops it.', '');
  }
  await stdout.write(`${lines.join('\n')}\n`);
}

const demoCall = (url: string, provider: string): string =>
  [
    `curl -N ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
    `    -d '{"model":"${provider}/echo","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`,
  ].join('\n');

function listenProblem(error: unknown, { host, port }: { host: string; port: number }): string {
  const code = (error as { code?: unknown } | null)?.code;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  if (code === 'EADDRINUSE')
    return `${address} is in use; stop what listens there or choose another with --port`;
  if (code === 'EACCES') return `not allowed to listen on ${address}; ports below 1024 need privileges`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${host}`;
  return `cannot listen on ${address}: ${error instanceof Error ? error.message : String(error)}`;
}

/** The first signal drains; the second one cuts what is still open. */
function untilStopped(gateway: Gateway, drainMs: number, log: AccessLog, host: Host): Promise<void> {
  return new Promise((resolve, reject) => {
    let signals = 0;
    const takeBack = host.onSignal(() => {
      signals++;
      if (signals > 2) return;
      log.event(
        'info',
        signals === 1 ? 'stopping' : 'stopping_now',
        signals === 1 ? { drain_ms: drainMs } : {},
      );
      gateway.stop({ drainMs: signals === 1 ? drainMs : 0 }).then(() => {
        takeBack();
        resolve();
      }, reject);
    });
  });
}
