import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { argvOfSelf, raiseFetchLimit, type Restartable } from '../../src/cli/fetch-limit.ts';

const module = resolve(import.meta.dir, '../../src/cli/fetch-limit.ts');

/** What the program would be replaced by. */
function replacedBy(args: string[], env: Record<string, string> = {}, more: Partial<Restartable> = {}) {
  let call: { argv: string[]; env: Record<string, string> } | undefined;
  const execve = (_: string, argv: string[], set: Record<string, string>): void =>
    void (call = { argv, env: set });
  raiseFetchLimit({
    argv: ['bun', '/x/main.ts', ...args],
    execArgv: [],
    execPath: '/bin/bun',
    env,
    execve,
    ...more,
  });
  return call;
}

describe('the limit of open upstream requests', () => {
  test('is raised before serving', () => {
    expect(replacedBy(['serve', '--port', '1'], { A: 'b' })).toEqual({
      argv: ['/bin/bun', '/x/main.ts', 'serve', '--port', '1'],
      env: { A: 'b', BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' },
    });
  });

  test('is left alone when it is set, for other commands, and where a process cannot be replaced', () => {
    expect(replacedBy(['serve'], { BUN_CONFIG_MAX_HTTP_REQUESTS: '99' })).toBeUndefined();
    for (const args of [['models'], [], ['config', 'check', 'serve'], ['serve', '--help']]) {
      expect(replacedBy(args)).toBeUndefined();
    }
    expect(replacedBy(['serve'], {}, { execve: undefined })).toBeUndefined();
  });
});

test('a compiled program names no script and no options of the runtime', () => {
  const self = { execArgv: ['--smol'], execPath: '/opt/dragoman', env: {} };
  expect(argvOfSelf({ ...self, argv: ['bun', '/$bunfs/root/dragoman', 'serve'] })).toEqual([
    '/opt/dragoman',
    'serve',
  ]);
  expect(argvOfSelf({ ...self, argv: ['bun', 'B:\\~BUN\\root\\dragoman.exe', 'serve'] })).toEqual([
    '/opt/dragoman',
    'serve',
  ]);
  expect(argvOfSelf({ ...self, argv: ['bun', '/x/main.ts', 'serve'] })).toEqual([
    '/opt/dragoman',
    '--smol',
    '/x/main.ts',
    'serve',
  ]);
});

test('a real process starts anew once, with its arguments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dragoman-exec-'));
  const script = join(folder, 'main.ts');
  writeFileSync(
    script,
    `import { raiseFetchLimit } from ${JSON.stringify(module)};
     raiseFetchLimit(process);
     console.log(JSON.stringify([process.env.BUN_CONFIG_MAX_HTTP_REQUESTS, ...process.argv.slice(2)]));`,
  );
  const child = Bun.spawn([process.execPath, script, 'serve', '--host', 'a b', ''], {
    env: { PATH: process.env.PATH ?? '' },
    stdout: 'pipe',
  });
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual([
    '65535',
    'serve',
    '--host',
    'a b',
    '',
  ]);
  rmSync(folder, { recursive: true });
});
