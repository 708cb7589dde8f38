import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchdPlist, systemdUnit } from '../../src/cli/service-files.ts';
import { startProgram } from '../support/program.ts';

setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'dragoman-service-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const calls = join(folder, 'calls');
const config = join(folder, 'config');
const unit = join(config, 'systemd/user/dragoman.service');
const bin = join(folder, 'bin');
mkdirSync(bin);

/** A `systemctl` that writes down what it is asked, and refuses what `refused` names. */
function standIn(refused = 'nothing'): void {
  const script = `#!/bin/sh\necho "$@" >> '${calls}'\ncase "$*" in *${refused}*) echo 'no such bus' >&2; exit 1;; *is-active*) echo active;; esac\n`;
  writeFileSync(join(bin, 'systemctl'), script);
  chmodSync(join(bin, 'systemctl'), 0o755);
}

beforeEach(() => {
  rmSync(config, { recursive: true, force: true });
  rmSync(calls, { force: true });
  standIn();
});

async function service(...args: string[]) {
  const program = startProgram({
    args: ['service', ...args],
    config: { server: { port: 4300 } },
    env: { PATH: bin, XDG_CONFIG_HOME: config, OPENAI_API_KEY: 'a-secret-key' },
  });
  const status = await program.ended;
  const told = { status, stdout: program.stdout(), stderr: program.stderr() };
  await program.remove();
  return told;
}

const asked = (): string[] => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);

describe.skipIf(process.platform !== 'linux')('dragoman service, with systemd', () => {
  test('installs a unit of the user’s own, for the configuration of this folder, and starts it', async () => {
    expect(await service('install')).toMatchObject({ status: 0, stderr: '' });
    const text = readFileSync(unit, 'utf8');
    expect(text).toMatch(/^ExecStart=".*bun.*" ".*main\.ts" "serve" "--config" "\/.*dragoman\.yaml"$/m);
    expect(text).toMatch(/^Environment="DRAGOMAN_HOME=\/.+"$/m);
    expect(text).not.toContain('a-secret-key');
    expect(statSync(unit).mode & 0o777).toBe(0o644);
    expect(asked()).toEqual([
      '--user show-environment',
      '--user daemon-reload',
      '--user enable dragoman.service',
      '--user restart dragoman.service',
    ]);
    expect(await service('install')).toMatchObject({ status: 0 });
    expect(await service('status')).toMatchObject({ status: 0, stdout: 'active\n' });
  });

  test('uninstalls without a trace', async () => {
    await service('install');
    expect(await service('uninstall')).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(unit)).toBe(false);
    expect(asked()).toContain('--user disable --now dragoman.service');
    expect(await service('status')).toMatchObject({ status: 1, stdout: 'not installed\n' });
    expect(await service('uninstall')).toMatchObject({ status: 1 });
  });

  test('shows what it would write, and writes nothing', async () => {
    for (const args of [['install', '--print'], ['print']]) {
      const { status, stdout } = await service(...args);
      expect([status, existsSync(unit)]).toEqual([0, false]);
      expect(stdout).toContain('[Service]');
    }
  });

  test('leaves a unit alone that somebody else wrote', async () => {
    mkdirSync(join(unit, '..'), { recursive: true });
    writeFileSync(unit, '[Service]\nExecStart=/bin/true\n');
    for (const command of ['install', 'uninstall']) {
      expect(await service(command)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('stays as it is'),
      });
    }
    expect(readFileSync(unit, 'utf8')).toBe('[Service]\nExecStart=/bin/true\n');
  });

  test('says so where there is no systemd, or it refuses', async () => {
    standIn('show-environment');
    expect(await service('install')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is no systemd for this user here (no such bus)'),
    });
    rmSync(join(bin, 'systemctl'));
    expect((await service('install')).stderr).toContain('there is no systemctl');
    standIn('restart');
    expect((await service('install')).stderr).toContain('restart dragoman.service: no such bus');
  });
});

test('every word of a unit is one word, whatever is in it', () => {
  const odd = `/a b/"c"\\d%n$HOME`;
  const text = systemdUnit({ command: [odd], env: { X: odd }, envFile: '/e%n', logFile: '/l' });
  expect(text).toContain('ExecStart="/a b/\\"c\\"\\\\d%%n$$HOME"\n');
  expect(text).toContain('Environment="X=/a b/\\"c\\"\\\\d%%n$HOME"\n');
  expect(text).toContain('EnvironmentFile=-/e%%n\n');
});

test('an agent of launchd has its words in elements of their own', () => {
  const text = launchdPlist('l', {
    command: ['/a&b', '<c>'],
    env: { X: '1<2' },
    envFile: '',
    logFile: '/log',
  });
  expect(text).toContain('<string>/a&amp;b</string>\n    <string>&lt;c&gt;</string>');
  expect(text).toContain('<key>X</key>\n    <string>1&lt;2</string>');
});

const analyze = Bun.which('systemd-analyze');

test.skipIf(analyze === null)('systemd finds nothing wrong with the unit', async () => {
  const file = join(folder, 'dragoman.service');
  const facts = { command: ['/bin/true', 'serve'], env: { A: 'b c' }, envFile: '/none', logFile: '' };
  writeFileSync(file, systemdUnit(facts));
  const child = Bun.spawn([analyze!, '--user', 'verify', file], { stdout: 'pipe', stderr: 'pipe' });
  const complaint = await new Response(child.stderr).text();
  await child.exited;
  expect(complaint.split('\n').filter((line) => line.includes('dragoman.service'))).toEqual([]);
});
