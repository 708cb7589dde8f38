/** What a release consists of, built once and used as people use it: without a checkout, and without the network. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildExecutable, sourceCommit } from '../../scripts/executable.ts';
import { output } from '../../scripts/runtimes.ts';
import { sbom, type Lock } from '../../scripts/sbom.ts';
import { executableName, hostTarget } from '../../scripts/targets.ts';
import lock from '../../package-lock.json' with { type: 'json' };
import manifest from '../../package.json' with { type: 'json' };
import { projectRoot, startProgram, startServe } from '../support/program.ts';

// A busy machine takes its time to pack 120 MB.
setDefaultTimeout(180_000);

const target = hostTarget();
const folder = mkdtempSync(join(tmpdir(), 'dragoman-release-'));
const release = join(folder, 'release');
/** A folder with the executable and nothing else. */
const alone = join(folder, 'alone');
const executable = join(alone, executableName(target));
const file = (name: string): string => join(release, name);
const packed = [`dragoman-${manifest.version}.tgz`, `dragoman-${target.name}-${manifest.version}.tgz`];

beforeAll(async () => {
  await output(
    [process.execPath, 'scripts/release.ts', '--target', target.name, '--out', release],
    projectRoot,
  );
  mkdirSync(alone);
  copyFileSync(join(release, 'bin', target.name, executableName(target)), executable);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('the executable', () => {
  test('says its version, its commit and its runtime', async () => {
    const program = startProgram({ command: [executable], args: ['version', '--json'], cwd: alone });
    expect(await program.ended).toBe(0);
    expect(JSON.parse(program.stdout())).toMatchObject({
      version: manifest.version,
      commit: (await sourceCommit()) ?? null,
      bun: manifest.dependencies.bun,
    });
    await program.remove();
  });

  test('is the same when it is built again elsewhere', async () => {
    const again = await buildExecutable(target, join(folder, 'again'), await sourceCommit());
    expect(sha256(again)).toBe(sha256(executable));
  });

  test('holds no path of the machine that built it', () => {
    expect(readFileSync(executable).includes(`${projectRoot}/src`)).toBe(false);
  });

  test('serves every surface from a folder with nothing in it', async () => {
    const gateway = await startServe({ command: [executable, 'serve'], cwd: alone, env: { PATH: '' } });
    try {
      expect(readdirSync(alone)).toEqual([executableName(target)]);
      const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
        const reply = await fetch(gateway.url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        });
        expect([path, reply.status]).toEqual([path, 200]);
        return reply.text();
      };
      const messages = [{ role: 'user', content: 'Hello' }];
      const chat = { model: 'demo/echo', stream: true, messages };
      expect(await post('/v1/chat/completions', chat)).toEndWith('data: [DONE]\n\n');
      expect(await post('/v1/responses', { model: 'demo/reason', stream: true, input: 'Hello' })).toContain(
        'event: response.completed',
      );
      const anthropic = { 'anthropic-version': '2023-06-01' };
      expect(await post('/v1/messages', { ...chat, max_tokens: 99 }, anthropic)).toContain(
        'event: message_stop',
      );
      const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];
      expect(await post('/v1beta/models/demo/echo:streamGenerateContent?alt=sse', { contents })).toContain(
        '"finishReason":"STOP"',
      );
      // The tokenizer is a thread of its own, with a file of its own.
      const counted = await post('/v1/messages/count_tokens', { model: 'demo/echo', messages }, anthropic);
      expect(JSON.parse(counted).input_tokens).toBeGreaterThan(0);
      const { data } = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
      expect(data.map(({ id }) => id)).toContain('demo/echo');
      // A response that is stored is found in the database again.
      const stored = JSON.parse(await post('/v1/responses', { model: 'demo/echo', input: 'Keep this' }));
      expect((await fetch(`${gateway.url}/v1/responses/${stored.id}`)).status).toBe(200);
    } finally {
      await gateway.remove();
    }
  });

  test.skipIf(process.platform !== 'linux')(
    'starts itself anew for more than 256 upstream requests',
    async () => {
      const gateway = await startServe({ command: [executable, 'serve'], cwd: alone });
      const environment = readFileSync(`/proc/${gateway.pid}/environ`, 'utf8').split('\0');
      expect(environment).toContain('BUN_CONFIG_MAX_HTTP_REQUESTS=65535');
      await gateway.remove();
    },
  );

  test.skipIf(process.platform !== 'linux')('listens soon, and rests below 80 MB', async () => {
    let soonestMs = Infinity;
    let restsKb = 0;
    for (let i = 0; i < 4; i++) {
      const began = performance.now();
      const gateway = await startServe({ command: [executable, 'serve'], cwd: alone });
      soonestMs = Math.min(soonestMs, performance.now() - began);
      await Bun.sleep(200);
      restsKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))![1]);
      await gateway.remove();
    }
    // 150 ms on a machine with nothing else to do; docs/performance.md has what was measured.
    expect(soonestMs).toBeLessThan(1_500);
    expect(restsKb).toBeLessThan(80_000);
  });

  test('takes no settings from the folder that it is started in', async () => {
    const cwd = join(folder, 'hostile');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'evil.js'), 'console.log("ran evil.js"); process.exit(66);');
    writeFileSync(join(cwd, 'bunfig.toml'), 'preload = ["./evil.js"]\n');
    writeFileSync(join(cwd, '.env'), 'DRAGOMAN_PORT=hostile\nOPENAI_API_KEY=hostile\n');
    const program = startProgram({ command: [executable], args: ['config', 'get', 'server.port'], cwd });
    expect([await program.ended, program.stdout(), program.stderr()]).toEqual([0, '4242\n', '']);
    await program.remove();
  });

  test('keeps keys and accounts, and moves them to another home', async () => {
    const run = async (home: string, ...args: string[]) => {
      const env = { DRAGOMAN_HOME: join(folder, home), DRAGOMAN_SECRET: 'words that move along' };
      const program = startProgram({ command: [executable], args, cwd: alone, env });
      const status = await program.ended;
      const told = { status, stdout: program.stdout(), stderr: program.stderr() };
      await program.remove();
      return told;
    };
    expect((await run('one', 'keys', 'create', 'laptop')).stdout).toMatch(/drg_\w+/);
    const backup = join(folder, 'backup.jsonl');
    writeFileSync(backup, (await run('one', 'export')).stdout);
    expect(await run('two', 'import', backup)).toMatchObject({ status: 0, stderr: '' });
    expect((await run('two', 'keys', 'list')).stdout).toContain('laptop');
  });
});

describe('the npm packages', () => {
  const project = join(folder, 'project');
  beforeAll(async () => {
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}');
    const files = packed.map(file);
    await output(['npm', 'install', '--offline', '--no-audit', '--no-fund', ...files.toReversed()], project);
  });

  test('put one command there, which plain Node starts', async () => {
    const command = join(project, 'node_modules', '.bin', 'dragoman');
    const program = startProgram({ command: [command], args: ['version'], cwd: project });
    expect(await program.ended).toBe(0);
    expect(program.stdout()).toStartWith(`dragoman ${manifest.version} (`);
    await program.remove();
    const wrong = startProgram({ command: [command], args: ['nonsense'], cwd: project });
    expect(await wrong.ended).toBe(2);
    await wrong.remove();
  });

  test('hand a signal on, so that the gateway drains and ends well', async () => {
    const command = join(project, 'node_modules', '.bin', 'dragoman');
    const gateway = await startServe({ command: [command, 'serve'], cwd: project });
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    gateway.signal('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout()).toContain('"event":"stopping"');
    await gateway.remove();
  });

  test('say what is missing where no executable fits', async () => {
    const bare = join(folder, 'bare');
    mkdirSync(join(bare, 'bin'), { recursive: true });
    writeFileSync(join(bare, 'package.json'), '{"type":"module"}');
    copyFileSync(join(projectRoot, 'packaging/launcher.js'), join(bare, 'bin', 'dragoman.js'));
    const program = startProgram({ command: ['node', join(bare, 'bin', 'dragoman.js')], cwd: bare });
    expect(await program.ended).toBe(1);
    expect(program.stderr()).toContain('optional dependencies');
    await program.remove();
  });

  test('are installed on the platform that they are for only', () => {
    const own = JSON.parse(
      readFileSync(join(project, 'node_modules', `dragoman-${target.name}`, 'package.json'), 'utf8'),
    );
    expect([own.os, own.cpu, own.version]).toEqual([[target.os], [target.cpu], manifest.version]);
    const main = JSON.parse(readFileSync(join(project, 'node_modules/dragoman/package.json'), 'utf8'));
    expect(main.optionalDependencies).toEqual({ [`dragoman-${target.name}`]: manifest.version });
    expect(main.dependencies).toBeUndefined();
  });

  test('bring the library, its worker and its types', async () => {
    for (const name of ['zod', 'bun-types', '@types/bun']) {
      const link = join(project, 'node_modules', name);
      mkdirSync(join(link, '..'), { recursive: true });
      if (!existsSync(link)) symlinkSync(join(projectRoot, 'node_modules', name), link);
    }
    const program = join(project, 'use.ts');
    writeFileSync(
      program,
      `import { checkConfig, createGateway, providerSchemas, type Gateway } from 'dragoman';
const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
if (!loaded.ok) throw new Error('not valid');
const gateway: Gateway = createGateway({ config: loaded.config });
const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
const body = JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] });
const reply = await fetch(\`\${url}/v1/messages/count_tokens\`, { method: 'POST', body });
console.log(reply.status, await reply.text());
await gateway.stop({ drainMs: 0 });
`,
    );
    expect(await output([process.execPath, program], project)).toMatch(/^200 \{"input_tokens":\d+\}\n$/);
    const flags = ['--strict', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'esnext'];
    const compiler = join(projectRoot, 'node_modules/.bin/tsc');
    const checked = [compiler, '--ignoreConfig', '--noEmit', ...flags, '--types', 'bun', program];
    expect(await output(checked, project)).toBe('');
  });
});

describe('what goes with a release', () => {
  test('checksums fit the files', async () => {
    const sums = readFileSync(file('SHA256SUMS'), 'utf8').trim().split('\n');
    expect(sums.map((line) => line.split('  ')[1])).toEqual([
      ...packed,
      'provenance.intoto.json',
      'sbom.cdx.json',
    ]);
    for (const line of sums) {
      const [sum, name] = line.split('  ');
      expect(sum).toBe(sha256(file(name!)));
    }
  });

  test('the provenance names the commit, the lock file and every package', async () => {
    const { subject, predicate } = JSON.parse(readFileSync(file('provenance.intoto.json'), 'utf8'));
    expect(subject.map(({ name }: { name: string }) => name)).toEqual([...packed, 'sbom.cdx.json']);
    const { resolvedDependencies } = predicate.buildDefinition;
    const sources = Object.fromEntries(
      resolvedDependencies.map((one: { name?: string; uri?: string; digest?: object }) => [
        one.name ?? one.uri,
        one.digest,
      ]),
    );
    expect(sources['package-lock.json']).toEqual({ sha256: sha256(join(projectRoot, 'package-lock.json')) });
    const commit = await sourceCommit();
    expect(sources.source).toEqual(commit === undefined ? undefined : { gitCommit: commit });
  });

  test('the bill of materials has every runtime dependency, with its hash, and none of the tests', () => {
    const bill = JSON.parse(readFileSync(file('sbom.cdx.json'), 'utf8')) as ReturnType<typeof sbom>;
    expect([bill.bomFormat, bill.specVersion]).toEqual(['CycloneDX', '1.6']);
    const names = bill.components.map(({ group, name }) => (group ? `${group}/${name}` : name));
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(names.filter((name) => name! in manifest.devDependencies)).toEqual([]);
    const refs = new Set(bill.components.map((component) => component['bom-ref']));
    expect(bill.components.filter(({ hashes }) => hashes?.[0]?.content.length !== 128)).toEqual([]);
    expect(bill.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref!))).toEqual(
      [],
    );
    const same = { lock: lock as Lock, name: 'dragoman', version: manifest.version, timestamp: '2026-01-01' };
    expect(sbom(same)).toEqual(sbom(same));
  });
});

describe('the container', () => {
  const text = readFileSync(join(projectRoot, 'Containerfile'), 'utf8');

  test('does not run as root, keeps its state in a volume, and is looked after', () => {
    expect(text).toMatch(/^USER (?!0|root)\d+/m);
    expect(text).toMatch(/^VOLUME \/data$/m);
    expect(text).toMatch(/^ENV DRAGOMAN_HOME=\/data\b/m);
    expect(text).toMatch(/^HEALTHCHECK /m);
    for (const [, source] of text.matchAll(/^COPY (?!--from)([^.\s]\S*) /gm))
      expect(existsSync(join(projectRoot, source!))).toBe(true);
  });

  test.skipIf(Bun.which('bash') === null)('its health check tells a gateway from nothing', async () => {
    const [, line] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(text)!;
    const command = JSON.parse(line!) as string[];
    const gateway = await startServe({ command: [executable, 'serve'], cwd: alone });
    const port = new URL(gateway.url).port;
    const check = async () => {
      const env = { PATH: process.env.PATH ?? '', DRAGOMAN_PORT: port };
      return Bun.spawn(command, { env, stdout: 'ignore', stderr: 'ignore' }).exited;
    };
    expect(await check()).toBe(0);
    await gateway.remove();
    expect(await check()).not.toBe(0);
  });
});
