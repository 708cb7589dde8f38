import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Host } from '../../src/cli/host.ts';
import { run } from '../../src/cli/program.ts';

/** A person with a home of their own, and a project in which they stand. */
export interface Person {
  readonly home: string;
  readonly project: string;
  readonly env: Record<string, string>;
  /** Runs a command; `types` are the lines that are typed at a terminal, one a question. */
  dragoman(
    args: string[],
    types?: readonly string[],
  ): Promise<{ status: number; stdout: string; stderr: string }>;
  write(path: string, text: string, mode?: number): string;
  read(path: string): string;
  mode(path: string): string;
  /** Every file and folder but the gateway's own, with its hash and mode. */
  snapshot(): Record<string, string>;
  remove(): void;
}

/** A port of loopback at which nobody listens. */
export function freePort(): number {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return port!;
}

export function newPerson(more: Record<string, string> = {}): Person {
  const home = mkdtempSync(join(tmpdir(), 'dragoman-person-'));
  const project = join(home, 'project');
  mkdirSync(project);
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    DRAGOMAN_HOME: join(home, 'gateway'),
    DRAGOMAN_PORT: String(freePort()),
    ...more,
  };
  const at = (path: string): string => join(home, path);

  return {
    home,
    project,
    env,
    async dragoman(args, types) {
      const told = { stdout: '', stderr: '' };
      const lines = [...(types ?? [])];
      const output = (name: keyof typeof told): Host['stdout'] => ({
        write: (text) => void (told[name] += text),
        terminal: false,
        color: false,
      });
      const host: Host = {
        env,
        cwd: project,
        stdout: output('stdout'),
        stderr: output('stderr'),
        stdin: {
          terminal: types !== undefined,
          text: async () => lines.join('\n'),
          async ask(question) {
            told.stderr += question;
            return lines.shift() ?? '';
          },
        },
        openBrowser: async () => false,
        onSignal: () => () => {},
        gateway: () => import('../../src/gateway.ts'),
      };
      const status = await run(args, host);
      return { status, ...told };
    },
    write(path, text, mode = 0o644) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), text, { mode });
      return at(path);
    },
    read: (path) => readFileSync(at(path), 'utf8'),
    mode: (path) => (statSync(at(path)).mode & 0o777).toString(8),
    snapshot() {
      const found: Record<string, string> = {};
      for (const path of readdirSync(home, { recursive: true, encoding: 'utf8' })) {
        if (/^(?:gateway|\.bun)(?:$|\/)/.test(path)) continue;
        const stat = lstatSync(at(path));
        const hash = stat.isFile()
          ? createHash('sha256')
              .update(readFileSync(at(path)))
              .digest('hex')
          : 'no file';
        found[path] = `${(stat.mode & 0o777).toString(8)} ${hash}`;
      }
      return found;
    },
    remove() {
      if (existsSync(home)) rmSync(home, { recursive: true });
    },
  };
}
