import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { argvOfSelf } from './fetch-limit.ts';
import type { Host } from './host.ts';
import { loadOrComplain } from './load.ts';
import { launchdPlist, systemdUnit, writtenBy, type ServiceFacts } from './service-files.ts';
import { homeDirectory } from './state.ts';

export interface ServiceFlags {
  readonly config?: string;
  /** Show the file and write nothing. */
  readonly print?: boolean;
  /** `systemd` or `launchd`; that of this machine unless given. */
  readonly for?: string;
}

type Supervisor = 'systemd' | 'launchd';

/** `dragoman service print`, and `install --print` */
export async function printService(flags: ServiceFlags, host: Host): Promise<number> {
  const supervisor = (flags.for as Supervisor | undefined) ?? (await supervisorOrComplain(host));
  if (supervisor === undefined) return 1;
  const file = await serviceFile(supervisor, flags, host);
  if (file === undefined) return 1;
  const { path, text } = file;
  await host.stdout.write(text);
  if (host.stdout.terminal) await host.stderr.write(`It belongs into ${path}\n`);
  return 0;
}

/** `dragoman service install`: writes the file, and has the gateway run now and at every login. Never as root. */
export async function installService(flags: ServiceFlags, host: Host): Promise<number> {
  if (flags.print) return printService(flags, host);
  const supervisor = await supervisorOrComplain(host);
  if (supervisor === undefined) return 1;
  const file = await serviceFile(supervisor, flags, host);
  if (file === undefined) return 1;
  const { path, text } = file;
  if (existsSync(path) && !readFileSync(path, 'utf8').includes(writtenBy)) {
    return complain(host, `${path} is there and was not written by this program; it stays as it is`);
  }
  mkdirSync(dirname(path), { recursive: true });
  // launchd opens its log itself, with the permissions of the folder.
  mkdirSync(homeDirectory(host), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}.new`;
  writeFileSync(next, text);
  chmodSync(next, 0o644);
  renameSync(next, path);
  const steps =
    supervisor === 'systemd'
      ? [
          ['systemctl', '--user', 'daemon-reload'],
          ['systemctl', '--user', 'enable', unitName],
          ['systemctl', '--user', 'restart', unitName],
        ]
      : [['launchctl', 'bootstrap', domain(), path]];
  // A service that is loaded already would keep its old file.
  if (supervisor === 'launchd') await run(['launchctl', 'bootout', `${domain()}/${label}`], host);
  for (const step of steps) {
    const { status, complaint } = await run(step, host);
    if (status !== 0) return complain(host, `${step.join(' ')}: ${complaint || `status ${status}`}`);
  }
  await host.stdout.write(`installed as ${path}; it runs now and at every login\n`);
  if (supervisor === 'systemd') {
    await host.stdout.write('`loginctl enable-linger` has it run while nobody is logged in, too.\n');
  }
  return 0;
}

/** `dragoman service uninstall` */
export async function uninstallService(host: Host): Promise<number> {
  const supervisor = await supervisorOrComplain(host);
  if (supervisor === undefined) return 1;
  const path = placeOf(supervisor, host);
  if (!existsSync(path)) return complain(host, `no service is installed: there is no ${path}`);
  if (!readFileSync(path, 'utf8').includes(writtenBy)) {
    return complain(host, `${path} was not written by this program; it stays as it is`);
  }
  const stop =
    supervisor === 'systemd'
      ? ['systemctl', '--user', 'disable', '--now', unitName]
      : ['launchctl', 'bootout', `${domain()}/${label}`];
  const { status, complaint } = await run(stop, host);
  if (status !== 0) await host.stderr.write(`${stop.join(' ')}: ${complaint || `status ${status}`}\n`);
  rmSync(path);
  if (supervisor === 'systemd') await run(['systemctl', '--user', 'daemon-reload'], host);
  await host.stdout.write(`removed ${path}; accounts, keys and configuration stay\n`);
  return 0;
}

/** `dragoman service status`: status 0 when it runs. */
export async function serviceStatus(host: Host): Promise<number> {
  const supervisor = await supervisorOrComplain(host);
  if (supervisor === undefined) return 1;
  const path = placeOf(supervisor, host);
  const ask =
    supervisor === 'systemd'
      ? ['systemctl', '--user', 'is-active', unitName]
      : ['launchctl', 'print', `${domain()}/${label}`];
  const { status, text } = await run(ask, host);
  const word = supervisor === 'systemd' ? text.trim() : /^[ \t]*state = (.*)$/m.exec(text)?.[1];
  const installed = existsSync(path);
  await host.stdout.write(
    `${installed ? (word ?? (status === 0 ? 'running' : 'not running')) : 'not installed'}\n`,
  );
  return installed && status === 0 ? 0 : 1;
}

const unitName = 'dragoman.service';
const label = 'dragoman.gateway';
const domain = (): string => `gui/${process.getuid?.() ?? 0}`;

/** What starts things for this user on this machine, or a word on why nothing does. */
async function supervisorOrComplain(host: Host): Promise<Supervisor | undefined> {
  if (process.platform === 'darwin') return 'launchd';
  if (process.platform !== 'linux') {
    await complain(
      host,
      'services are for systemd and launchd; start `dragoman serve` by what this system has',
    );
    return undefined;
  }
  const { status, complaint } = await run(['systemctl', '--user', 'show-environment'], host);
  if (status === 0) return 'systemd';
  const why = complaint.split('\n')[0] || 'there is no systemctl';
  await complain(
    host,
    `there is no systemd for this user here (${why}); start \`dragoman serve\` by what supervises this machine, or see \`dragoman service print --for systemd\``,
  );
  return undefined;
}

function placeOf(supervisor: Supervisor, { env }: Host): string {
  const home = env.HOME || homedir();
  return supervisor === 'systemd'
    ? join(env.XDG_CONFIG_HOME || join(home, '.config'), 'systemd', 'user', unitName)
    : join(home, 'Library', 'LaunchAgents', `${label}.plist`);
}

/** The file for the configuration that `serve` would take here and now; a broken one is not installed. */
async function serviceFile(
  supervisor: Supervisor,
  flags: ServiceFlags,
  host: Host,
): Promise<{ path: string; text: string } | undefined> {
  const loaded = await loadOrComplain(host, (await host.gateway()).providerSchemas, flags);
  if (loaded === undefined) return undefined;
  const { argv, execArgv, execPath } = process;
  const config = loaded.file;
  const facts: ServiceFacts = {
    command: [
      ...argvOfSelf({ argv: argv.slice(0, 2), execArgv, execPath, env: {} }),
      'serve',
      ...(config === undefined ? [] : ['--config', resolve(host.cwd, config)]),
    ],
    // What it starts anew with otherwise, and where this command has its own state.
    env: { BUN_CONFIG_MAX_HTTP_REQUESTS: '65535', DRAGOMAN_HOME: homeDirectory(host) },
    envFile: join(homeDirectory(host), 'environment'),
    logFile: join(homeDirectory(host), 'dragoman.log'),
  };
  const text = supervisor === 'systemd' ? systemdUnit(facts) : launchdPlist(label, facts);
  return { path: placeOf(supervisor, host), text };
}

interface Ran {
  readonly status: number;
  readonly text: string;
  readonly complaint: string;
}

async function run([name, ...args]: readonly string[], { env }: Host): Promise<Ran> {
  const file = Bun.which(name!, { PATH: env.PATH ?? '' });
  if (file === null) return { status: 127, text: '', complaint: '' };
  const child = Bun.spawn([file, ...args], { env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const [text, complaint] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { status: await child.exited, text, complaint: complaint.trim() };
}

async function complain({ stderr }: Host, message: string): Promise<number> {
  await stderr.write(`error: ${message}\n`);
  return 1;
}
