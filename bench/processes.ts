import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Answers, Ask } from './load-messages.ts';

/** Servers under test share one processor; the upstream and the load generator have the other. */
export const serverCpu = 0;
export const loadCpu = 1;

const taskset = Bun.which('taskset');
/** Whether processes can be held on one processor. */
export const canPin = taskset !== null;

export interface Running {
  readonly pid: number;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** The command held on a processor, where the system can do that. */
export const pinned = (cpu: number, command: readonly string[]): string[] =>
  taskset === null ? [...command] : [taskset, '-c', String(cpu), ...command];

/** Holds a running process, all its threads, on a processor, where the system can do that. */
export async function pin(cpu: number, pid: number): Promise<void> {
  if (taskset === null) return;
  const command = [taskset, '-a', '-p', '-c', String(cpu), String(pid)];
  await Bun.spawn(command, { stdio: ['ignore', 'ignore', 'inherit'] }).exited;
}

const children = new Map<Bun.Subprocess, NodeJS.Signals>();
const directory = mkdtempSync(join(tmpdir(), 'dragoman-bench-'));

/** A directory of this run; it goes when the process does. */
export const inRunDirectory = (name: string): string => join(directory, name);

process.on('exit', () => {
  for (const [child, signal] of children) child.kill(signal);
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Remembers a child, so that it never outlives the run; what it returns ends the child by the signal. */
export function keep(child: Bun.Subprocess, signal: NodeJS.Signals = 'SIGKILL'): () => Promise<void> {
  children.set(child, signal);
  return async () => {
    child.kill(signal);
    await child.exited;
    children.delete(child);
  };
}

/** Starts a script of this folder, which tells its port in its first message. */
async function startScript(
  cpu: number,
  script: string,
  args: readonly string[],
  onMessage: (message: unknown) => void = () => {},
): Promise<Running & { send: (message: Ask) => void }> {
  const first = Promise.withResolvers<{ port: number }>();
  let started = false;
  const child = Bun.spawn(pinned(cpu, [process.execPath, join(import.meta.dir, script), ...args]), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' },
    ipc(message) {
      if (started) return onMessage(message);
      started = true;
      first.resolve(message as { port: number });
    },
  });
  const stop = keep(child);
  void child.exited.then((code) => first.reject(new Error(`${script} ended with ${code}`)));
  const { port } = await first.promise;
  return { pid: child.pid, port, stop, send: (message) => child.send(message) };
}

export const startUpstream = (): Promise<Running> => startScript(loadCpu, 'upstream.ts', []);

export const startRelay = (upstreamPort: number): Promise<Running> =>
  startScript(serverCpu, 'relay.ts', [`http://127.0.0.1:${upstreamPort}`]);

export interface Load {
  readonly ask: <A extends Ask>(ask: A) => Promise<Answers[A['kind']]>;
}

export async function startLoad(): Promise<Load> {
  const waiting: ((answer: unknown) => void)[] = [];
  const { send } = await startScript(loadCpu, 'load.ts', [], (message) => waiting.shift()?.(message));
  return {
    ask: (ask) =>
      new Promise((resolve) => {
        waiting.push(resolve as (answer: unknown) => void);
        send(ask);
      }),
  };
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** How many streams the upstream holds open. */
export async function openUpstream(port: number): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${port}/open`);
  return ((await reply.json()) as { open: number }).open;
}
