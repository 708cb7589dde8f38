import { join } from 'node:path';
import { home } from './caller.ts';
import { cpuUs } from './measure.ts';
import { models } from './payload.ts';
import { freePort, inRunDirectory, keep, pin, serverCpu, type Running } from './processes.ts';

export interface Gateway extends Running {
  /** From the start of the process, its start over included, until it answers on /healthz. */
  readonly wallMs: number;
  readonly cpuMs: number;
}

const root = join(import.meta.dir, '..');
const listeningMsMax = 10_000;

/** The names of providers in the config, by the protocol they are asked in. */
export const providers = {
  'openai-chat': 'up',
  'openai-responses': 'upr',
  'anthropic-messages': 'upa',
} as const;

/** Starts the gateway from source as a user does, on all processors; held on that of the servers once it listens. */
export async function startGateway(upstreamPort: number): Promise<Gateway> {
  const port = freePort();
  const config = inRunDirectory(`gateway-${port}.yaml`);
  await Bun.write(config, configuration(upstreamPort));
  const serve = ['src/cli/main.ts', 'serve', '--config', config, '--port', String(port)];
  const command = [process.execPath, ...serve];
  const { BUN_CONFIG_MAX_HTTP_REQUESTS: _, ...inherited } = process.env;
  const env = { ...inherited, DRAGOMAN_HOME: home };
  const startedAt = performance.now();
  const child = Bun.spawn(command, {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const stop = keep(child);
  while (!(await healthy(port))) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
    if (performance.now() - startedAt > listeningMsMax) throw new Error('the gateway does not listen');
    await Bun.sleep(2);
  }
  const listening = { wallMs: performance.now() - startedAt, cpuMs: cpuUs(child.pid) / 1000 };
  await pin(serverCpu, child.pid);
  return { pid: child.pid, port, stop, ...listening };
}

const healthy = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/healthz`).then(
    (reply) => reply.status === 200,
    () => false,
  );

const configuration = (upstreamPort: number): string => {
  const url = `http://127.0.0.1:${upstreamPort}`;
  const names = Object.values(models).join(', ');
  return `
providers:
  - { name: up, type: openai, base_url: "${url}/v1", api_key: test, protocols: [openai-chat], models: [${names}] }
  - { name: upr, type: openai, base_url: "${url}/v1", api_key: test, protocols: [openai-responses], models: [${names}] }
  - { name: upa, type: anthropic, base_url: "${url}", api_key: test, models: [${names}] }
`;
};
