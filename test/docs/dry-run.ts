/**
 * Follows the README as a newcomer does, and takes the time: `npm run dry-run`. A clone of the last commit in an empty
 * folder, an empty home, Node, npm and git on the path, and Claude Code and Codex CLI as people have them; every command
 * is taken from the README.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../cli/setup-host.ts';
import { offline } from '../clients/attempt.ts';
import { claudeCode } from '../clients/claude-code.ts';
import { codex } from '../clients/codex.ts';
import { projectRoot } from '../support/program.ts';
import { shellCommands } from './readme.ts';

const agents = [
  {
    name: 'claude-code',
    program: 'claude',
    path: claudeCode.program[0]!,
    settings: '.claude/settings.json',
    before: '{\n  "permissions": { "deny": ["Bash(rm:*)"] }\n}\n',
  },
  {
    name: 'codex',
    program: 'codex',
    path: codex.program[0]!,
    settings: '.codex/config.toml',
    before: '# mine\napproval_policy = "never"\nsandbox_mode = "danger-full-access"\n',
  },
];
const stepMsMax = 300_000;
const root = mkdtempSync(join(tmpdir(), 'dragoman-newcomer-'));
const at = (...names: string[]): string => join(root, ...names);
const checkout = at('dragoman');
const port = String(freePort());
/** Nobody tells it to the model: it comes from the tool. */
const nodeVersion = Bun.spawnSync(['node', '--version']).stdout.toString().trim();
for (const name of ['bin', 'home', 'tmp']) mkdirSync(at(name));
for (const name of ['node', 'npm', 'git', 'sh', 'env', 'curl', 'uname', 'bash', 'cat', 'getconf', 'ldd'])
  link(name, Bun.which(name));
for (const { program, path, settings, before } of agents) {
  if (existsSync(path)) link(program, path);
  mkdirSync(dirname(at('home', settings)), { recursive: true });
  writeFileSync(at('home', settings), before);
}

function link(name: string, path: string | null): void {
  if (path !== null) symlinkSync(path, at('bin', name));
}

const env = {
  PATH: at('bin'),
  HOME: at('home'),
  TMPDIR: at('tmp'),
  TERM: 'xterm',
  // The port of the README may be another's on this machine.
  DRAGOMAN_PORT: port,
  ...(process.env.NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS }),
};

type Install = 'cached' | 'downloads';

interface Typed {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Goes on when this has been written; unless given, when the command has ended well. */
  readonly until?: RegExp;
  readonly install?: Install;
}

const running = new Set<Bun.Subprocess>();
const times: { step: string; seconds: number; install?: Install }[] = [];

/** Types a command at a terminal and agrees to what it asks; returns what was written. */
async function type(step: string, command: string, how: Typed = {}): Promise<string> {
  const started = performance.now();
  const decoder = new TextDecoder();
  let text = '';
  let agreed = false;
  const heard = Promise.withResolvers<void>();
  const child = Bun.spawn(['sh', '-c', command], {
    cwd: how.cwd ?? checkout,
    env: { ...env, ...how.env },
    detached: true,
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, bytes) {
        text += decoder.decode(bytes, { stream: true });
        if (!agreed && /\[y\/n\]\s*$/i.test(text)) {
          agreed = true;
          terminal.write('y\r');
        }
        if (how.until?.test(text)) heard.resolve();
      },
    },
  });
  running.add(child);
  const late = setTimeout(() => end(child), stepMsMax);
  const status = await Promise.race([child.exited, heard.promise]);
  clearTimeout(late);
  const seconds = (performance.now() - started) / 1000;
  times.push({ step, seconds, install: how.install });
  console.log(`${seconds.toFixed(1).padStart(7)} s  ${step}`);
  if (status !== (how.until ? undefined : 0)) throw new Error(`${command} ended with ${status}:\n${text}`);
  return text;
}

function end(child: Bun.Subprocess): void {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** The command of the README that begins so, at the port of this run. */
function written(start: RegExp): string {
  const command = shellCommands.find((each) => start.test(each));
  if (command === undefined) throw new Error(`the README has no command like ${start}`);
  return command.replaceAll('127.0.0.1:4242', `127.0.0.1:${port}`);
}

const state = (path: string): string =>
  existsSync(path)
    ? `${createHash('sha256').update(readFileSync(path)).digest('hex')} ${(statSync(path).mode & 0o777).toString(8)}`
    : 'absent';

const told: string[] = [];
/** What the steps take by themselves, with packages from the cache of npm, and with their downloads in its place. */
function soFar(what: string): void {
  const sum = (...installs: Install[]): string =>
    times
      .filter(({ install }) => install === undefined || installs.includes(install))
      .reduce((all, { seconds }) => all + seconds, 0)
      .toFixed(1);
  told.push(
    `${sum().padStart(7)} s  ${what}, ${sum('cached')} s with npm install, ${sum('downloads')} s with downloads`,
  );
}

try {
  await type('git clone', `git clone -q ${projectRoot} ${checkout}`, { cwd: root });
  await type('npm install, with its downloads', written(/^npm install$/), { install: 'downloads' });
  rmSync(join(checkout, 'node_modules'), { recursive: true });
  await type('npm install, from the cache of npm', `${written(/^npm install$/)} --prefer-offline`, {
    install: 'cached',
  });
  await type('npm start', written(/^npm start$/), { until: /http:\/\/127\S+/ });
  const stream = await type('the first streamed answer', written(/^curl .*chat\/completions/));
  if (!stream.includes('data: [DONE]')) throw new Error(`that is no stream: ${stream}`);
  soFar('from clone to the first streamed answer');
  for (const { name, program, path, settings } of agents) {
    if (!existsSync(path)) {
      console.log(`          ${program} is not installed: npm ci --prefix test/clients`);
      continue;
    }
    const file = at('home', settings);
    const before = state(file);
    await type(`setup ${name}`, written(new RegExp(`^npm run dragoman -- setup ${name} --model`)));
    if (state(file) === before) throw new Error(`the setup has not changed ${settings}`);
    const answer = await type(`a tool task of ${program}`, written(new RegExp(`^${program} `)), {
      env: offline,
    });
    if (!answer.includes(nodeVersion)) throw new Error(`the tool has not run: ${answer}`);
    if (program === 'claude') soFar('from clone to Claude Code having done a tool task');
    await type(`setup ${name} --undo`, written(new RegExp(`^npm run dragoman -- setup ${name} --undo`)));
    if (state(file) !== before) throw new Error(`${settings} is not what it was`);
    console.log(`           ${settings} before and after: ${before}`);
  }
  soFar('all');
  console.log(`\n${told.join('\n')}`);
  console.log(`load ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} processors`);
} finally {
  for (const child of running) end(child);
  rmSync(root, { recursive: true, force: true });
}
