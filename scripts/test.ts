/**
 * The whole check of a checkout: format, lint, types, tests. Ends with one line `N passed, N failed` and the
 * exit status that fits it. Arguments are passed on to `bun test`.
 */
import { join } from 'node:path';

const root = join(import.meta.dir, '..');
const tool = (name: string): string => join(root, 'node_modules', '.bin', name);

async function run(name: string, command: string[]): Promise<{ ok: boolean; output: string }> {
  console.log(`── ${name}`);
  const child = Bun.spawn(command, { cwd: root, stdout: 'pipe', stderr: 'pipe', env: process.env });
  let output = '';
  const show = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      process.stdout.write(text);
    }
  };
  await Promise.all([show(child.stdout), show(child.stderr)]);
  return { ok: (await child.exited) === 0, output };
}

const checks = [
  await run('format', [process.execPath, 'fmt', '--no-script', '--check']),
  await run('lint', [tool('oxlint'), '--deny-warnings']),
  await run('types', [tool('tsc'), '--noEmit']),
];
// It only bounds a hang: on a slow, busy machine a test of an instant takes its seconds.
const hangMs = 120_000;
// Files side by side, each in a world of its own: many wait for something most of their time.
const tests = await run('tests', [
  process.execPath,
  'test',
  `--timeout=${hangMs}`,
  '--parallel=2',
  ...process.argv.slice(2),
]);

const count = (word: string): number =>
  Number(tests.output.match(new RegExp(`^ *(\\d+) ${word}$`, 'm'))?.[1] ?? 0);
const passed = count('pass') + checks.filter((check) => check.ok).length;
const failed = count('fail') + checks.filter((check) => !check.ok).length;
const silent = !tests.ok && count('fail') === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed + silent} failed`);
process.exit(failed + silent === 0 ? 0 : 1);
