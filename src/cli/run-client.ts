import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { trimSlashes } from '../config/address.ts';
import type { Config } from '../config/schema.ts';
import { replaceFile } from '../config/replace-file.ts';
import type { Gateway } from '../gateway.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Client, OfferedModel } from './clients/client.ts';
import { clients } from './clients/index.ts';
import { programs } from './clients/names.ts';
import { placesOf } from './clients/places.ts';
import type { Host } from './host.ts';
import {
  chosenModel,
  innerGateway,
  isKnown,
  listenerAt,
  NothingOffered,
  offeredAt,
  offeredBy,
  ownUrl,
} from './reach.ts';
import { runProgram } from './run-program.ts';
import { homeDirectory } from './state.ts';
import { withState, type HostState, type StateFlags } from './with-state.ts';

export interface RunFlags extends StateFlags {
  readonly url?: string;
  readonly model?: string;
  readonly smallModel?: string;
}

/** Why a client cannot be started, in words for the person. */
class RunFailed extends Error {
  override readonly name = 'RunFailed';
}

/** `dragoman run PROGRAM -- …`: the status is the program's own. */
export async function runClient(
  program: string,
  args: readonly string[],
  flags: RunFlags,
  host: Host,
): Promise<number> {
  try {
    return await withState(flags, host, (state, config) =>
      start(clients[programs[program]!], args, flags, host, state, config),
    );
  } catch (error) {
    if (!(error instanceof RunFailed || error instanceof NothingOffered)) throw error;
    await host.stderr.write(`error: ${escapeControls(error.message)}\n`);
    return 1;
  }
}

async function start(
  client: Client,
  args: readonly string[],
  flags: RunFlags,
  host: Host,
  state: HostState,
  config: Config,
): Promise<number> {
  const program = Bun.which(client.program, { PATH: host.env.PATH ?? '' });
  if (program === null)
    throw new RunFailed(`there is no program ${client.program}; \`${client.install}\` brings it`);
  const obstacle = client.obstacle?.(placesOf(host));
  if (obstacle !== undefined) throw new RunFailed(obstacle);
  const inner = await innerGateway(config, state, host);
  try {
    const { url, models, key } = await gatewayFor(flags, host, state, config, inner);
    const model = flags.model ?? chosenModel(client, models);
    const launch = client.launch({ url, key, model, smallModel: flags.smallModel, models });
    const folder = join(homeDirectory(host), 'clients', `run-${process.pid}`);
    try {
      const told = launch.file && launch.file.use(written(folder, launch.file.text));
      const env = { ...host.env, ...launch.env, ...told?.env };
      return await runProgram([program, ...launch.args, ...(told?.args ?? []), ...args], env);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    await inner.stop({ drainMs: 0 });
  }
}

function written(folder: string, text: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'settings.json');
  replaceFile(path, text, 0o600);
  return path;
}

interface Reached {
  readonly url: string;
  readonly key: string | undefined;
  readonly models: readonly OfferedModel[];
}

/** The gateway that listens, or one for this run in this process, on a port of its own. */
async function gatewayFor(
  { url: asked }: RunFlags,
  host: Host,
  state: HostState,
  config: Config,
  inner: Gateway,
): Promise<Reached> {
  const own = ownUrl(config);
  const url = trimSlashes(asked ?? own);
  const { kind } = await listenerAt(url);
  const brought = host.env.DRAGOMAN_KEY || undefined;
  if (kind === 'gateway') {
    const key = brought ?? (await runKey(host, state));
    if (key !== undefined && !(await isKnown(url, key)))
      throw new RunFailed(
        `the gateway at ${url} does not know the key; put one of its own into DRAGOMAN_KEY`,
      );
    const models = url === own ? await offeredBy(inner) : await offeredAt(url, key ?? '');
    return { url, key, models };
  }
  if (kind === 'stranger')
    throw new RunFailed(`what listens at ${url} is no Dragoman; say where it is with --url`);
  if (asked !== undefined && url !== own) throw new RunFailed(`nobody answers at ${url}`);
  await host.stderr.write(`note: no gateway listens at ${url}; one runs as long as this client does\n`);
  const models = await offeredBy(inner);
  const started = inner.listen({ host: '127.0.0.1', port: 0 });
  return { url: started.url, key: await runKey(host, state), models };
}

/** The key of all runs, sealed in the home directory; made anew when it is no longer good, and none where none is needed. */
async function runKey(host: Host, { keys, vault }: HostState): Promise<string | undefined> {
  if (!keys?.required) return undefined;
  const path = join(homeDirectory(host), 'clients', 'run.key');
  const about = 'the key of dragoman run';
  if (existsSync(path)) {
    const known = opened(() => vault.open(readFileSync(path, 'utf8').trim(), about));
    if (known !== undefined && keys.check(known).ok) return known;
  }
  const { secret } = await keys.create({ name: 'run' });
  mkdirSync(join(homeDirectory(host), 'clients'), { recursive: true, mode: 0o700 });
  replaceFile(path, `${vault.seal(secret, about)}\n`, 0o600);
  return secret;
}

/** What was sealed with another key, or damaged, is as good as not there. */
function opened(open: () => string): string | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}
