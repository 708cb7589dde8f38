import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClientName } from '../../src/cli/clients/names.ts';
import { startServe } from '../support/program.ts';
import { newPerson, type Person } from '../cli/setup-host.ts';
import { run, type Ended } from './attempt.ts';
import { claudeCode } from './claude-code.ts';
import { shellPrompt, type Client, type Task } from './client.ts';
import { codex } from './codex.ts';
import { geminiCli } from './gemini-cli.ts';
import { opencodeChat } from './opencode.ts';

/** A client that finds the gateway by `dragoman setup`, or is started by `dragoman run`. */
export interface Way {
  readonly name: string;
  /** What is set up before; nothing where `dragoman run` starts it. */
  readonly setUp?: ClientName;
  readonly client: Pick<Client, 'program' | 'command'>;
}

const quietOpencode = {
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
};

const codexArgs = (folder: string): string[] => [
  'exec',
  '--skip-git-repo-check',
  '-C',
  folder,
  '--dangerously-bypass-approvals-and-sandbox',
  shellPrompt('exec_command'),
];
const claudeArgs = ['-p', shellPrompt('Bash'), '--max-turns', '4', '--allowedTools', 'Bash'];

const setUp = (
  name: ClientName,
  { program }: Client,
  args: (task: Task) => string[],
  env: Record<string, string> = {},
): Way => ({
  name: `dragoman setup ${name}: the client completes a tool task, and undoing it leaves no trace`,
  setUp: name,
  client: { program, command: (task) => ({ args: args(task), env }) },
});

/** Nothing is told of the gateway but what the setup has left in the files. */
export const setUps: readonly Way[] = [
  setUp('claude-code', claudeCode, () => claudeArgs, { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' }),
  setUp('codex', codex, ({ folder }) => codexArgs(folder)),
  setUp(
    'opencode',
    opencodeChat,
    () => ['run', '--pure', '--title', 'a task', shellPrompt('bash', 'Reads a file')],
    quietOpencode,
  ),
  setUp('gemini', geminiCli, () => [
    '--skip-trust',
    '--approval-mode',
    'yolo',
    '-p',
    shellPrompt('run_shell_command'),
  ]),
];

const started = (program: string, { program: installed }: Client, args: (task: Task) => string[]): Way => ({
  name: `dragoman run ${program}: the client completes a tool task without any setup`,
  client: {
    program: [process.execPath, resolve(import.meta.dir, '../../src/cli/main.ts')],
    command(task) {
      const bin = join(task.home, 'bin');
      mkdirSync(bin, { recursive: true });
      symlinkSync(installed.at(-1)!, join(bin, program));
      return {
        args: ['run', program, '--model', 'demo/tools', '--', ...args(task)],
        env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
      };
    },
  },
});

export const runs: readonly Way[] = [
  started('claude', claudeCode, () => claudeArgs),
  started('codex', codex, ({ folder }) => codexArgs(folder)),
];

/** A person's own settings, with remarks where the form has them. */
const own: Readonly<Record<string, string>> = {
  '.claude/settings.json': '{\n  "permissions": { "allow": ["Bash(ls:*)"] }\n}\n',
  'codex/config.toml': '# mine\napproval_policy = "never"\n\n[features]\nplugins = false\n',
  '.config/opencode/opencode.jsonc':
    '{\n  // mine\n  "permission": { "bash": "allow", "read": "allow" },\n}\n',
  '.gemini/settings.json': '{\n  // mine\n  "privacy": { "usageStatisticsEnabled": false }\n}\n',
};

/** What went wrong, nothing when all is well. */
export async function tryOut(way: Way): Promise<string | undefined> {
  const missing = way.client.program.find((path) => path.startsWith('/') && !existsSync(path));
  if (missing !== undefined) return `${missing} is not installed: npm ci --prefix test/clients`;
  const person = newPerson();
  person.env['CODEX_HOME'] = join(person.home, 'codex');
  const secret = `sunrise-${crypto.randomUUID()}`;
  writeFileSync(join(person.project, 'hello.txt'), `${secret}\n`);
  for (const folder of ['tmp', 'codex']) mkdirSync(join(person.home, folder), { recursive: true });
  for (const [path, text] of Object.entries(own)) person.write(path, text);
  const gateway = way.setUp && (await startServe({ env: { DRAGOMAN_HOME: person.env['DRAGOMAN_HOME']! } }));
  try {
    if (gateway) person.env['DRAGOMAN_PORT'] = new URL(gateway.url).port;
    const before = settingsOf(person);
    if (way.setUp) {
      const { status, stderr } = await person.dragoman(['setup', way.setUp, '--yes']);
      if (status !== 0) return `the setup ended with ${status}: ${stderr}`;
      if (same(before, settingsOf(person))) return 'the setup changed nothing';
    }
    const { home, project: folder } = person;
    const task = { folder, home, gateway: '', provider: 'demo', model: 'tools', secret };
    const ended = await run(inShell(way.client, person), task);
    const faults = [
      ...(ended.status === 0 ? [] : [`the client ended with ${ended.status}`]),
      ...(read(join(person.project, 'seen.txt')).includes(secret)
        ? []
        : ['the tool left no file with the text']),
      ...(ended.out.includes('The tool answered:')
        ? []
        : ['the model’s last words did not reach the client']),
    ];
    if (way.setUp) await person.dragoman(['setup', way.setUp, '--undo']);
    if (!same(before, settingsOf(person)))
      faults.push(`the settings are not as before: ${differing(before, settingsOf(person))}`);
    return faults.length === 0 ? undefined : told(faults, ended, gateway?.stdout());
  } finally {
    await gateway?.remove();
    person.remove();
  }
}

/** The client with what the person's shell says beside what it is told. */
const inShell = ({ program, command }: Way['client'], { env: shell }: Person): Way['client'] => ({
  program,
  command(task) {
    const { args, env } = command(task);
    const { DRAGOMAN_HOME = '', DRAGOMAN_PORT = '', CODEX_HOME = '' } = shell;
    return { args, env: { DRAGOMAN_HOME, DRAGOMAN_PORT, CODEX_HOME, ...env } };
  },
});

/** The files that a setup may touch, with hash and mode; clients leave files of their own beside them. */
function settingsOf(person: Person): Record<string, string | undefined> {
  const snapshot = person.snapshot();
  const paths = [...Object.keys(own), '.gemini/.env'];
  return Object.fromEntries(paths.map((path) => [path, snapshot[path]]));
}

const same = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other);

const differing = (one: Record<string, unknown>, other: Record<string, unknown>): string =>
  Object.keys(one)
    .filter((path) => one[path] !== other[path])
    .join(', ');

const told = (faults: readonly string[], { out, err }: Ended, log = ''): string =>
  [
    ...faults,
    `stdout: ${out.slice(-1_500)}`,
    `stderr: ${err.slice(-1_500)}`,
    `gateway: ${log.slice(-1_500)}`,
  ].join('\n');

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
