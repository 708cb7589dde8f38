/** What `setup`, `run` and `doctor` do with keys: the files of clients, their command lines, and what is printed. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dotenv } from '../../src/cli/clients/dotenv.ts';
import { change, EditError, read, type Format } from '../../src/cli/clients/format.ts';
import { jsonc } from '../../src/cli/clients/jsonc.ts';
import { toml } from '../../src/cli/clients/toml.ts';
import { clientNames, programs } from '../../src/cli/clients/names.ts';
import { replaceFile } from '../../src/config/replace-file.ts';
import { newPerson, type Person } from '../cli/setup-host.ts';
import { projectRoot, startProgram } from '../support/program.ts';

/** Programs are started, on machines that have other things to do too. */
setDefaultTimeout(60_000);

let person: Person;
beforeEach(() => {
  person = newPerson();
});
afterEach(() => person.remove());

const key = /drg_[a-z0-9]{8}_[A-Za-z0-9]{32}/;

/** Files whose one line holds a stranger's secret beside what is set. */
const crowded: Record<(typeof clientNames)[number], readonly [path: string, text: string]> = {
  'claude-code': [
    '.claude/settings.json',
    '{"env":{"ANTHROPIC_BASE_URL":"https://old.example","JIRA_TOKEN":"strange-secret-1"},"mcp":{"headers":{"Authorization":"Basic strange-secret-2"}}}',
  ],
  codex: [
    '.codex/config.toml',
    'model_provider = "old"\nmodel_providers.dragoman = { base_url = "https://old.example", api_key = "strange-secret-1", tokens = { one = "strange-secret-2" } }\n',
  ],
  opencode: [
    '.config/opencode/opencode.json',
    '{"provider":{"mine":{"options":{"apiKey":"strange-secret-1","password":"strange-secret-2"}}}}',
  ],
  gemini: [
    '.gemini/settings.json',
    '{"model":{"name":"old"},"mcpServers":{"a":{"env":{"A_SECRET":"strange-secret-1"}}}}',
  ],
};

describe.each([...clientNames])('the setup of %s', (client) => {
  const [path, text] = crowded[client];

  test.each([false, true])('prints no key, neither its own nor a stranger’s; as JSON: %p', async (json) => {
    person.write(path, text);
    const told = await person.dragoman(['setup', client, '--yes', ...(json ? ['--json'] : [])]);
    const { stdout, stderr, status } = told;
    const again = await person.dragoman(['setup', client, '--rotate', '--yes', ...(json ? ['--json'] : [])]);
    const undone = await person.dragoman(['setup', client, '--undo', ...(json ? ['--json'] : [])]);
    const all = [stdout, stderr, again.stdout, again.stderr, undone.stdout, undone.stderr].join('\n');
    expect(all).not.toMatch(key);
    expect(all).not.toContain('strange-secret');
    // A form of a file that cannot be changed safely is refused; the others are set up and brought back.
    if (status === 0) expect(person.read(path)).toBe(text);
    expect([0, 1]).toContain(status);
  });

  test('is for its owner only: the settings, and what undoes them', async () => {
    person.write(path, client === 'codex' ? '# mine\n' : '{}', 0o666);
    chmodSync(join(person.home, path), 0o666);
    expect((await person.dragoman(['setup', client, '--yes'])).status).toBe(0);
    const withKey = readdirSync(person.home, { recursive: true, encoding: 'utf8' }).filter((name) => {
      try {
        return key.test(readFileSync(join(person.home, name), 'utf8'));
      } catch {
        return false;
      }
    });
    expect(withKey.length).toBe(1);
    for (const file of [...withKey, `gateway/clients/${client}.json`]) expect(person.mode(file)).toBe('600');
    expect(person.mode('gateway/clients')).toBe('700');
    expect(withKey.filter((file) => file.startsWith('project'))).toEqual([]);
  });

  test('is not told by doctor', async () => {
    await person.dragoman(['setup', client, '--yes']);
    for (const args of [['doctor'], ['doctor', '--json']]) {
      const { stdout, stderr } = await person.dragoman(args);
      expect(stdout).toContain('is pointed here');
      expect(stdout + stderr).not.toMatch(key);
    }
  });
});

describe.skipIf(process.platform === 'win32')('dragoman run', () => {
  test.each(Object.keys(programs))(
    '%s gets its key by no argument, which all users can see',
    async (name) => {
      await person.dragoman(['keys', 'create', 'somebody']);
      const bin = join(person.home, 'bin');
      const script = [
        'for each in "$@"; do echo "arg $each"; done',
        'for each in "$@"; do test -f "$each" && stat -c "file %a" "$each" && stat -c "folder %a" "$(dirname "$each")"; done',
        `env | grep -c '${'drg_[a-z0-9]*_'}' | sed 's/^/keys /'`,
      ].join('\n');
      chmodSync(person.write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
      person.env.PATH = `${bin}:${process.env.PATH}`;
      if (name === 'gemini')
        person.write(
          '.gemini/settings.json',
          '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }',
        );
      const program = startProgram({ args: ['run', name], env: person.env, cwd: person.project });
      try {
        expect(await program.ended).toBe(0);
        const lines = program.stdout().split('\n');
        expect(lines.filter((line) => line.startsWith('arg ') && key.test(line))).toEqual([]);
        expect(lines.filter((line) => /^file (?!600)|^folder (?!700)/.test(line))).toEqual([]);
        expect(lines).toContain('keys 1');
        expect(program.stderr()).not.toMatch(key);
        const left = readdirSync(join(person.env.DRAGOMAN_HOME!, 'clients'));
        expect(left).toEqual(['run.key']);
        expect(existsSync(join(person.project, '.env'))).toBe(false);
      } finally {
        await program.remove();
      }
    },
  );
});

describe('what a gateway elsewhere calls its models', () => {
  const names = [
    'x"\n[mcp_servers.evil]\ncommand = "evil"',
    "x'\nEVIL=1\n$(evil)`evil`\\",
    '"""\nevil = 1',
    '${EVIL}',
    '"},"mcp":{"evil":{"command":"evil"}},"x":{"y":"',
    '\u0000\u001b[2J',
    '__proto__',
  ];
  const formats: readonly [string, Format][] = [
    ['TOML', toml],
    ['JSON', jsonc],
    ['variables', dotenv],
  ];

  test.each(formats)('becomes a value in %s and nothing else, or is refused', (_, format) => {
    for (const name of names) {
      let text: string;
      try {
        text = change(format, '', ['model'], name);
      } catch (error) {
        expect(error).toBeInstanceOf(EditError);
        continue;
      }
      expect([name, { ...read(format, text) }]).toEqual([name, { model: name }]);
    }
  });
});

describe('a file that is replaced', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dragoman-replaced-'));
  afterEach(() => {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  });

  test('goes through no link that somebody has put where it is written first', () => {
    const [file, elsewhere] = [join(folder, 'settings.json'), join(folder, 'elsewhere')];
    writeFileSync(elsewhere, 'untouched', { mode: 0o644 });
    symlinkSync(elsewhere, `${file}.${process.pid}.new`);
    replaceFile(file, 'drg_secret', 0o600);
    expect([readFileSync(file, 'utf8'), readFileSync(elsewhere, 'utf8')]).toEqual([
      'drg_secret',
      'untouched',
    ]);
    expect(readdirSync(folder).toSorted()).toEqual(['elsewhere', 'settings.json']);
  });

  test('is the old one or the new one, whole, when its writer is killed', async () => {
    const file = join(folder, 'settings.json');
    const source = join(folder, 'writer.ts');
    writeFileSync(
      source,
      `import { replaceFile } from ${JSON.stringify(join(projectRoot, 'src/config/replace-file.ts'))};
console.log('begun');
for (let i = 0; ; i++) replaceFile(${JSON.stringify(file)}, \`\${i} \${'x'.repeat(300_000)} end\`, 0o600);`,
    );
    for (let round = 0; round < 5; round++) {
      const child = Bun.spawn([process.execPath, source], { stdout: 'pipe', stderr: 'inherit' });
      await child.stdout.getReader().read();
      await Bun.sleep(20 + round * 13);
      child.kill('SIGKILL');
      await child.exited;
      if (existsSync(file)) expect(readFileSync(file, 'utf8')).toMatch(/^\d+ x{300000} end$/);
    }
  });
});
