/** Who may read what the program writes, and what is left when it is killed in the middle of writing. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkConfig } from '../../src/config/load.ts';
import { providerSchemas } from '../../src/gateway.ts';
import { projectRoot, startServe } from '../support/program.ts';

setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'dragoman-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program under an open umask, as some systems have it. */
async function dragoman(home: string, args: string[], cwd: string, input = ''): Promise<number> {
  const command = [process.execPath, join(projectRoot, 'src/cli/main.ts'), ...args];
  const script = `umask 000; exec ${command.map((word) => `'${word}'`).join(' ')}`;
  const env = { PATH: process.env.PATH ?? '', HOME: folder, DRAGOMAN_HOME: home };
  const child = Bun.spawn(['sh', '-c', script], {
    cwd,
    env,
    stdin: new Blob([input]),
    stdout: 'ignore',
    stderr: 'ignore',
  });
  return child.exited;
}

const modes = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => [
      name,
      (statSync(join(path, name)).mode & 0o777).toString(8),
    ]),
  );

describe.skipIf(process.platform !== 'linux')('with an open umask', () => {
  test('nobody else may read the home, the store, the key of the vault or a configuration that it begins', async () => {
    const cwd = join(folder, 'work');
    const home = join(folder, 'deep', 'home');
    mkdirSync(cwd);
    expect(await dragoman(home, ['keys', 'create', 'laptop'], cwd)).toBe(0);
    expect(
      await dragoman(home, ['login', 'openai', '--token-stdin', '--no-check'], cwd, 'sk-abcdefghijklm\n'),
    ).toBe(0);
    expect(
      await dragoman(home, ['config', 'set', 'server.port', '4300', '--config', 'dragoman.yaml'], cwd),
    ).toBe(0);
    expect((statSync(home).mode & 0o777).toString(8)).toBe('700');
    const found = modes(home);
    expect(Object.keys(found)).toEqual(expect.arrayContaining(['dragoman.db', 'vault.key']));
    expect(Object.entries(found).filter(([, mode]) => mode !== '600')).toEqual([]);
    expect(modes(cwd)).toEqual({ 'dragoman.yaml': '600' });
  });

  test('nor what lies beside the store while a gateway runs', async () => {
    const gateway = await startServe({
      command: [
        'sh',
        '-c',
        `umask 000; exec '${process.execPath}' '${projectRoot}/src/cli/main.ts' serve "$@"`,
        'sh',
      ],
    });
    await fetch(`${gateway.url}/v1/responses`, {
      method: 'POST',
      body: '{"model":"demo/echo","input":"Keep this"}',
    }).then((r) => r.text());
    const environment = readFileSync(`/proc/${gateway.pid}/environ`, 'utf8').split('\0');
    const home = environment
      .find((line) => line.startsWith('DRAGOMAN_HOME='))!
      .slice('DRAGOMAN_HOME='.length);
    const kept = Object.entries(modes(home)).filter(
      // The runtime keeps a cache in what is the user's home here.
      ([name]) => !name.startsWith('work') && !name.startsWith('.bun'),
    );
    expect(kept.map(([name]) => name)).toEqual(expect.arrayContaining(['dragoman.db', 'dragoman.db-wal']));
    expect(kept.filter(([, mode]) => mode !== '600')).toEqual([]);
    // What was said lies there sealed.
    for (const [name] of kept) expect(readFileSync(join(home, name)).includes('Keep this')).toBe(false);
    await gateway.remove();
  });
});

describe('killed in the middle', () => {
  /** Runs a program until it is killed, at a moment that the number decides. */
  async function killed(program: string, ms: number): Promise<void> {
    const file = join(folder, 'writer.ts');
    writeFileSync(file, program);
    const child = Bun.spawn([process.execPath, file], { stdout: 'pipe', stderr: 'inherit' });
    // It says when it has begun.
    await child.stdout.getReader().read();
    await Bun.sleep(ms);
    child.kill('SIGKILL');
    await child.exited;
  }

  test('a change of the configuration has left the old file or the new one, whole', async () => {
    const file = join(folder, 'killed.yaml');
    const filler = Array.from({ length: 400 }, (_, i) => `# line ${i} of many that take their time`).join(
      '\n',
    );
    writeFileSync(file, `server:\n  port: 1000\nproviders: []\n${filler}\n# the end\n`);
    const seen = new Set<number>();
    for (let round = 0; round < 6; round++) {
      await killed(
        `import { changeConfigFile } from ${JSON.stringify(join(projectRoot, 'src/config/change.ts'))};
import { providerSchemas as kinds } from ${JSON.stringify(join(projectRoot, 'src/gateway.ts'))};
console.log('begun');
for (let port = 1001 + ${round} * 1000; ; port++) changeConfigFile(${JSON.stringify(file)}, 'server.port', String(port), { kinds, env: {} });`,
        150 + round * 35,
      );
      const text = readFileSync(file, 'utf8');
      expect(text).toEndWith('# the end\n');
      const loaded = checkConfig({ name: 'x', text }, { kinds: providerSchemas, env: {} });
      if (!loaded.ok) throw new Error('not valid');
      seen.add(loaded.config.server.port);
    }
    // It was being changed when it was killed.
    expect(seen.size).toBeGreaterThan(1);
  });

  test('the making of the vault’s key has left a whole one or none', async () => {
    for (let round = 0; round < 6; round++) {
      const home = join(folder, `vault-${round}`);
      mkdirSync(home);
      await killed(
        `import { keyFromFile } from ${JSON.stringify(join(projectRoot, 'src/accounts/vault.ts'))};
import { rmSync } from 'node:fs';
console.log('begun');
for (;;) { keyFromFile(${JSON.stringify(join(home, 'vault.key'))}); rmSync(${JSON.stringify(join(home, 'vault.key'))}); }`,
        20 + round * 11,
      );
      const key = join(home, 'vault.key');
      if (existsSync(key)) expect(Buffer.from(readFileSync(key, 'utf8'), 'base64')).toHaveLength(32);
      for (const name of readdirSync(home))
        expect((statSync(join(home, name)).mode & 0o077).toString(8)).toBe('0');
    }
  });

  test('a transaction has left all of it or nothing', async () => {
    const path = join(folder, 'killed.db');
    const { openSqlite } = await import('../../src/store/sqlite.ts');
    await (await openSqlite(path)).close();
    let kept = 0;
    for (let round = 0; round < 4; round++) {
      await killed(
        `import { openSqlite } from ${JSON.stringify(join(projectRoot, 'src/store/sqlite.ts'))};
const store = await openSqlite(${JSON.stringify(path)});
console.log('begun');
for (let i = 0; ; i++) await store.transaction(async (queries) => {
  for (const half of ['a', 'b']) await queries.run('INSERT INTO settings (name, value) VALUES (?, ?)', [\`${round}-\${i}-\${half}\`, 'x']);
});`,
        200 + round * 40,
      );
      const store = await openSqlite(path);
      const rows = await store.all("SELECT name FROM settings WHERE name LIKE '%-a' OR name LIKE '%-b'");
      const names = new Set(rows.map(({ name }) => String(name)));
      const halves = [...names].filter(
        (name) => !names.has(name.endsWith('a') ? `${name.slice(0, -1)}b` : `${name.slice(0, -1)}a`),
      );
      expect(halves).toEqual([]);
      kept = rows.length;
      await store.close();
    }
    expect(kept).toBeGreaterThan(0);
  });
});
