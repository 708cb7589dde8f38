import { resolve } from 'node:path';
import { changeConfigFile } from '../config/change.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { secretsOf } from '../config/secrets.ts';
import type { Config, ProviderSchemas } from '../config/schema.ts';
import type { Gateway } from '../gateway.ts';
import type { RefreshOutcome } from '../routing/facts-refresh.ts';
import { accountStates } from '../server/account-states.ts';
import type { ConfigFile } from '../server/admin-route.ts';
import { accessLog, type AccessLog } from '../telemetry/access-log.ts';
import { turnMetrics } from '../telemetry/metrics.ts';
import { recordTo } from '../telemetry/record.ts';
import { redactor, type Redactor } from '../telemetry/redact.ts';
import { FailureError } from '../turn/failure.ts';
import type { Host, Output } from './host.ts';
import { loadOrComplain, withLogins } from './load.ts';
import { homeDirectory, openHostState } from './state.ts';
import { watchConfig } from './watch-config.ts';
import type { HostState } from './with-state.ts';
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

  const masks = redactor([host.env.DRAGOMAN_SECRET ?? '']);
  masks.set('configuration', secretsOf(loaded.config));
  const log = openLog(loaded.config, masks, host);
  const metrics = turnMetrics({ version });
  let state: HostState;
  try {
    state = await openHostState(loaded.config, host, { complain: storeLog(log), keepSecret: masks.set });
  } catch (error) {
    await host.stderr.write(`error: the store cannot be opened: ${(error as Error).message}\n`);
    return 1;
  }
  const config = withLogins(loaded, state.accounts, host, providerSchemas, flags);
  const { file } = loaded;
  metrics.accounts(() => accountStates(state));
  const gateway = createGateway({
    config,
    version,
    recorder: recordTo(metrics, log),
    metrics: () => metrics.write(),
    state,
    configFile: file === undefined ? undefined : configFile(file, providerSchemas, host),
    home: homeDirectory(host),
    env: host.env,
    catalogAsked: (outcome) => logCatalog(outcome, log),
  });
  let url: string;
  try {
    ({ url } = gateway.listen(config.server));
  } catch (error) {
    await host.stderr.write(`error: ${listenProblem(error, config.server)}\n`);
    await gateway.stop({ drainMs: 0 });
    await state.close();
    return 1;
  }
  // Whoever reads that it listens may send a signal at once.
  const stopped = untilStopped(gateway, config.server.drain_ms, log, host);
  const unwatch = watchConfig(file && resolve(host.cwd, file), () =>
    reload(gateway, masks, flags, host, log),
  );
  await announce(url, config, state.keys?.required === true, log, host);
  await stopped;
  unwatch();
  await Bun.sleep(settleMs);
  await state.close();
  await log.flush();
  return 0;
}

/** The file for `/admin`; the change is taken up as one by an editor is. */
const configFile = (name: string, kinds: ProviderSchemas, { env, cwd }: Host): ConfigFile => ({
  name,
  change: (path, value) => changeConfigFile(name, path, value, { kinds, env, cwd }),
});

/** Takes up an edited configuration; one that is not valid leaves the old one in force, and says why. */
async function reload(
  gateway: Gateway,
  masks: Redactor,
  flags: ServeFlags,
  host: Host,
  log: AccessLog,
): Promise<void> {
  const refused = (why: string): void =>
    log.event('error', 'config_refused', { why: `${why}; the old configuration stays in force` });
  try {
    const { providerSchemas } = await host.gateway();
    const loaded = loadConfig({ kinds: providerSchemas, env: host.env, flags, cwd: host.cwd });
    if (!loaded.ok) {
      refused(loaded.problems.map(formatProblem).join('; '));
      return;
    }
    masks.set('configuration', secretsOf(loaded.config));
    const fixed = gateway.reload(loaded.config);
    log.event('info', 'config_taken_up', fixed.length > 0 ? { after_restart: fixed.join(', ') } : {});
  } catch (error) {
    refused((error as Error).message);
  }
}

/** How often the same trouble is told: what fails behind the turns is tried again and again. */
const troubleMs = 10_000;

/** Tells that the store is away, or that a login could not be renewed though it is still good. */
function storeLog(log: AccessLog): (error: unknown) => void {
  const saidMs = new Map<string, number>();
  return (error) => {
    const event = error instanceof FailureError ? 'renewal_failed' : 'store_unavailable';
    if (performance.now() - (saidMs.get(event) ?? -Infinity) < troubleMs) return;
    saidMs.set(event, performance.now());
    log.event('warn', event, { why: error instanceof Error ? error.message : String(error) });
  };
}

const isPretty = (config: Config, { terminal }: Output): boolean =>
  config.log.format === 'pretty' || (config.log.format === 'auto' && terminal);

function openLog(config: Config, masks: Redactor, { stdout }: Host): AccessLog {
  return accessLog({
    format: isPretty(config, stdout) ? 'pretty' : 'json',
    level: config.log.level,
    color: stdout.color,
    write: (text) => stdout.write(text),
    redactor: masks,
  });
}

function logCatalog(outcome: RefreshOutcome, log: AccessLog): void {
  if (outcome.kind === 'failed') log.event('warn', 'model_catalog_refused', { why: outcome.why });
  else if (outcome.kind === 'renewed') log.event('info', 'model_catalog_renewed', { models: outcome.models });
  else log.event('debug', 'model_catalog_unchanged');
}

/** A plain line for people, an event for programs. */
async function announce(
  url: string,
  config: Config,
  needsKey: boolean,
  log: AccessLog,
  { stdout }: Host,
): Promise<void> {
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
    if (needsKey) lines.push('callers need a key: `dragoman keys create NAME` makes one');
    if (demo) lines.push('', 'Try it:', `  ${demoCall(url, demo.name, needsKey)}`);
    lines.push('', 'Ctrl-C stops it.', '');
  }
  await stdout.write(`${lines.join('\n')}\n`);
}

const demoCall = (url: string, provider: string, needsKey: boolean): string =>
  [
    `curl -N ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
    ...(needsKey ? ["    -H 'authorization: Bearer KEY' \\"] : []),
    `    -d '{"model":"${provider}/echo","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`,
  ].join('\n');

function listenProblem(error: unknown, { host, port }: { host: string; port: number }): string {
  const code = (error as { code?: unknown } | null)?.code;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  if (error instanceof Error && error.name === 'KeyNeeded') return error.message;
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
