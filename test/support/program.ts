import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';

export const projectRoot = resolve(import.meta.dir, '../..');

export interface ProgramOptions {
  /** What is started; from source unless given. Arguments follow it. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** Written to `dragoman.yaml` in the working directory. */
  readonly config?: Record<string, unknown>;
  /** Added to an environment that holds next to nothing. */
  readonly env?: Record<string, string>;
  /** The working directory; an empty one of its own unless given. */
  readonly cwd?: string;
  /** Runs it on a pseudo-terminal; all its output is then in `stdout`. */
  readonly terminal?: boolean;
}

export interface Program {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Sends a signal, or on a terminal the key that stands for it. */
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  /** Resolves with the exit status once all output is read. */
  readonly ended: Promise<number>;
  /** Types on the pseudo-terminal. */
  type(keys: string): void;
  /** Resolves when `stdout` matches; rejects when the program ends before. */
  until(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Ends it if it still runs, and removes its files. */
  remove(): Promise<void>;
}

/** Starts the program as a process of its own, in an empty directory and with a home of its own. */
export function startProgram(options: ProgramOptions = {}): Program {
  const home = mkdtempSync(join(tmpdir(), 'dragoman-program-'));
  const cwd = options.cwd ?? join(home, 'work');
  mkdirSync(cwd, { recursive: true });
  if (options.config) writeFileSync(join(cwd, 'dragoman.yaml'), stringify(options.config));
  const command = options.command ?? [process.execPath, join(projectRoot, 'src/cli/main.ts')];
  const texts = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  const take = (name: keyof typeof texts, text: string): void => {
    texts[name] += text;
    for (const look of waiting) look();
  };
  const decoder = new TextDecoder();
  const child = Bun.spawn([...command, ...(options.args ?? [])], {
    cwd,
    // A group of its own, so that what npm has started ends with it.
    detached: true,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      DRAGOMAN_HOME: home,
      ...(options.terminal ? { TERM: 'xterm' } : {}),
      ...options.env,
    },
    ...(options.terminal
      ? {
          terminal: {
            cols: 160,
            rows: 40,
            data: (_: unknown, bytes: Uint8Array) => take('stdout', decoder.decode(bytes, { stream: true })),
          },
        }
      : { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' }),
  });
  const read = async (name: keyof typeof texts, stream: unknown): Promise<void> => {
    if (!(stream instanceof ReadableStream)) return;
    const own = new TextDecoder();
    for await (const chunk of stream) take(name, own.decode(chunk as Uint8Array, { stream: true }));
  };
  const ended = Promise.all([child.exited, read('stdout', child.stdout), read('stderr', child.stderr)]).then(
    ([status]) => status,
  );

  return {
    pid: child.pid,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    signal(name) {
      if (options.terminal && name === 'SIGINT') child.terminal?.write('\u0003');
      else child.kill(name);
    },
    ended,
    type: (keys) => void child.terminal?.write(keys),
    until(pattern) {
      return new Promise((found, lost) => {
        const look = (): void => {
          const match = texts.stdout.match(pattern);
          if (match === null) return;
          waiting.delete(look);
          found(match);
        };
        waiting.add(look);
        look();
        void ended.then((status) =>
          lost(new Error(`it ended with status ${status}: ${texts.stdout}${texts.stderr}`)),
        );
      });
    },
    async remove() {
      if (killGroup(child.pid, 'SIGTERM')) {
        await Promise.race([child.exited, Bun.sleep(10_000)]);
        const deadlineMs = performance.now() + 5_000;
        while (killGroup(child.pid, 0) && performance.now() < deadlineMs) await Bun.sleep(10);
        killGroup(child.pid, 'SIGKILL');
      }
      await child.exited;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Whether any process of the group was there to take the signal. */
function killGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Starts `serve` on a free port of loopback and waits until it listens. */
export async function startServe(options: ProgramOptions = {}): Promise<Program & { readonly url: string }> {
  const args = options.command ? ['--port', '0'] : ['serve', '--port', '0'];
  const program = startProgram({ ...options, args: [...args, ...(options.args ?? [])] });
  try {
    const [, url] = await program.until(/(http:\/\/127\.0\.0\.1:\d+)/);
    return { ...program, url: url! };
  } catch (error) {
    await program.remove();
    throw error;
  }
}

/** The JSON lines that a program has written so far. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
