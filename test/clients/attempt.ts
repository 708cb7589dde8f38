import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secondWords, type Client, type Command, type Task } from './client.ts';
import { refusedBy, toolResults, upstreams, type Stage, type UpstreamName } from './upstreams.ts';

/** It only bounds a hang. */
const taskMs = 180_000;
const pipesMs = 1_000;
/** The gateway gathers its lines for a moment. */
export const logFlushMs = 500;

/**
 * Lets a client do its task through the gateway on a model of `upstream`, or on another that is asked in the same
 * protocol; what went wrong, nothing when all is well.
 * Judged by what was done, not by what is claimed: the tool left a file with a random text behind, its result
 * reached the upstream in the upstream's own protocol, and the model's last words about it reached the client.
 */
export async function attempt(
  client: Client,
  upstream: UpstreamName,
  stage: Stage,
  at: Pick<Task, 'provider' | 'model'> = { provider: upstream, model: client.model ?? 'tools' },
): Promise<string | undefined> {
  const program = client.program.at(-1)!;
  if (!existsSync(program)) return `${program} is not installed: npm ci --prefix test/clients`;
  const secret = `sunrise-${crypto.randomUUID()}`;
  const root = mkdtempSync(join(tmpdir(), 'dragoman-client-'));
  const task: Task = {
    folder: join(root, 'work'),
    home: join(root, 'home'),
    gateway: stage.gateway.url,
    ...at,
    secret,
  };
  const result = client.result?.(task) ?? secret;
  for (const folder of [task.folder, join(task.home, 'codex'), join(task.home, 'tmp')]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(join(task.folder, 'hello.txt'), `${secret}\n`);
  client.prepare?.(task);
  stage.forget();
  const begun = new Date().toISOString();
  try {
    const ended = await run(client, task);
    const faults = [
      ...(ended.status === 0 ? [] : [`the client ended with ${ended.status}`]),
      ...arrivalFaults(client, upstream, stage, result),
      ...stage.duo.faults(),
      ...(await transportFaults(client, stage, begun)),
      ...(read(join(task.folder, 'seen.txt')).includes(secret)
        ? []
        : ['the tool left no file with the text behind']),
      ...(ended.out
        .split('The tool answered:')
        .slice(1)
        .some((text) => text.includes(result))
        ? []
        : ['the model’s last words did not reach the client']),
    ];
    if (faults.length === 0) return client.again && (await goOn(client, upstream, stage, task));
    return [...faults, `stdout: ${ended.out.slice(-2_000)}`, `stderr: ${ended.err.slice(-2_000)}`].join('\n');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Lets the client go on with its session, whose model now says again what it is told. */
async function goOn(
  client: Client,
  upstream: UpstreamName,
  stage: Stage,
  task: Task,
): Promise<string | undefined> {
  stage.forget();
  const begun = new Date().toISOString();
  const { command, faults: judge } = client.again!;
  const ended = await run(client, task, taskMs, command(task));
  const faults = [
    ...(ended.status === 0 ? [] : [`the client that went on ended with ${ended.status}`]),
    ...wireFaults(client, upstream, stage),
    ...(await transportFaults(client, stage, begun)),
    ...judge(
      stage.arrivals.map(({ body }) => body),
      task.secret,
    ),
    ...(ended.out.includes(secondWords) ? [] : ['the model’s answer did not reach the client that went on']),
  ];
  if (faults.length === 0) return undefined;
  return [...faults, `stdout: ${ended.out.slice(-2_000)}`, `stderr: ${ended.err.slice(-2_000)}`].join('\n');
}

/** A client that falls back to `POST` does its task all the same, which is not what was to be shown. */
export async function transportFaults(
  { overSocket }: Client,
  stage: Stage,
  begun: string,
): Promise<string[]> {
  if (!overSocket) return [];
  await Bun.sleep(logFlushMs);
  const turns = stage.gateway
    .logs()
    .split('\n')
    // The last line of the run before may have come late.
    .filter((line) => line.includes('"surface":"openai-responses"') && timeOf(line) >= begun);
  const strays = turns.filter((line) => !line.includes('"transport":"websocket"'));
  if (turns.length > 0 && strays.length === 0) return [];
  return [`${strays.length} of ${turns.length} turns did not come over the socket`, ...strays];
}

const timeOf = (line: string): string => /"time":"([^"]+)"/.exec(line)?.[1] ?? '';

/** Requests that are not the upstream's protocol. */
function wireFaults(client: Client, upstream: UpstreamName, stage: Stage): string[] {
  const strays = stage.arrivals.filter(({ path }) => !upstreams[upstream].path.test(path));
  const translated = client.protocol !== upstreams[upstream].protocol;
  return [
    ...stage.arrivals.flatMap((arrival) => (translated ? refusedBy(upstream, arrival) : [])),
    ...strays.map(({ path }) => `the upstream was asked at ${path}`),
  ];
}

function arrivalFaults(client: Client, upstream: UpstreamName, stage: Stage, text: string): string[] {
  const answered = stage.arrivals.some((arrival) =>
    toolResults(upstream, arrival).some((result) => result.includes(text)),
  );
  return [
    ...wireFaults(client, upstream, stage),
    ...(answered ? [] : [`none of ${stage.arrivals.length} requests brought the upstream the tool’s result`]),
  ];
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Whatever a client would ask of other hosts goes to a port where nobody listens. */
export const offline = {
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1,localhost',
};

/** What a program that was run has said, and how it ended. */
export interface Ended {
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

/** Runs the client in a process group of its own, of which nothing is left when it has ended or its time is up. */
export function run(
  client: Pick<Client, 'program' | 'command'>,
  task: Task,
  clientMs = taskMs,
  { args, env }: Command = client.command(task),
): Promise<Ended> {
  const [program, ...first] = client.program;
  const child = spawn(program!, [...first, ...args], {
    cwd: task.folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: task.home,
      TMPDIR: join(task.home, 'tmp'),
      ...offline,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The whole group has ended by itself.
    }
    // Whoever left the group may still hold the pipes; what was in them has been read by then.
    setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
    }, pipesMs);
  };
  const late = setTimeout(killGroup, clientMs);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((done) => {
    let status: number | string = 'no status';
    child.on('error', (error) => done({ status: error.message, out, err }));
    child.on('exit', (code, signal) => {
      status = code ?? signal ?? status;
      killGroup();
    });
    child.on('close', () => {
      clearTimeout(late);
      done({ status, out, err });
    });
  });
}
