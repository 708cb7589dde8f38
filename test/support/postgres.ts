import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian's package puts the server; `undefined` when it is not installed. */
function binaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return versions
    .map((version) => join(root, version, 'bin'))
    .find((path) => existsSync(join(path, 'initdb')));
}

export const hasPostgres = binaries() !== undefined;

export interface Postgres {
  /** Of an empty database; each call makes another. */
  database(): Promise<string>;
  /** Stops answering without ending connections, and goes on. */
  pause(): void;
  resume(): void;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server of its own in a temporary directory, on loopback only. */
export async function startPostgres(): Promise<Postgres> {
  const bin = binaries()!;
  const dir = mkdtempSync(join(tmpdir(), 'dragoman-postgres-'));
  const port = await freePort();
  // The server refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
  if (user) chownSync(dir, user.uid, user.gid);
  const asUser = (command: string[]): string[] =>
    user ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', ...command] : command;
  const options = {
    cwd: dir,
    stdout: 'ignore',
    stderr: 'ignore',
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  } as const;

  const data = join(dir, 'data');
  const init = Bun.spawn(
    asUser([join(bin, 'initdb'), '-D', data, '-U', 'dragoman', '-A', 'trust', '-E', 'UTF8', '--no-sync']),
    options,
  );
  if ((await init.exited) !== 0) throw new Error('initdb failed');
  const settings = [
    '-c',
    'fsync=off',
    '-c',
    `port=${port}`,
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    `unix_socket_directories=${dir}`,
  ];
  const start = () => Bun.spawn(asUser([join(bin, 'postgres'), '-D', data, ...settings]), options);
  let server = start();
  const address = (name: string) => `postgres://dragoman@127.0.0.1:${port}/${name}`;
  await answering(address('postgres'));
  let made = 0;

  return {
    async database() {
      const name = `test_${++made}`;
      const sql = new Bun.SQL(address('postgres'));
      await sql.unsafe(`CREATE DATABASE ${name}`);
      await sql.close();
      return address(name);
    },
    pause: () => signalAll(server.pid, 'SIGSTOP'),
    resume: () => signalAll(server.pid, 'SIGCONT'),
    async restart() {
      server.kill('SIGINT');
      await server.exited;
      server = start();
      await answering(address('postgres'));
    },
    async stop() {
      signalAll(server.pid, 'SIGCONT');
      server.kill('SIGINT');
      await server.exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The server and the process of each of its connections. */
function signalAll(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const children = Bun.spawnSync(['pgrep', '-P', String(pid)])
    .stdout.toString()
    .split('\n')
    .filter(Boolean);
  for (const each of [String(pid), ...children]) {
    try {
      process.kill(Number(each), signal);
    } catch {
      // Its connection has just ended.
    }
  }
}

async function answering(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const sql = new Bun.SQL({ url, max: 1 } as never);
    try {
      await sql.unsafe('SELECT 1');
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await Bun.sleep(100);
    } finally {
      await sql.close().catch(() => undefined);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => found(port));
    });
  });
}
