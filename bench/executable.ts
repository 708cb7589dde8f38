/**
 * How soon `dist/dragoman` listens and what it holds at rest: `npm run build && bun bench/executable.ts [STARTS]`. It is
 * copied alone into an empty folder, each start has a home of its own, and listening is an answer on /healthz.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { cpuUs, median, rssBytes } from './measure.ts';
import { freePort } from './processes.ts';

const startCount = Number(process.argv[2] ?? 20);
const restMs = 2_000;
const folder = mkdtempSync(join(tmpdir(), 'dragoman-alone-'));
const program = join(folder, 'dragoman');
copyFileSync(resolve(import.meta.dir, '../dist/dragoman'), program);

const starts: { wallMs: number; cpuMs: number; mib: number }[] = [];
for (let i = 0; i < startCount; i++) starts.push(await start(join(folder, `home-${i}`)));
rmSync(folder, { recursive: true });

for (const [name, key, unit] of [
  ['start to listening, wall', 'wallMs', 'ms'],
  ['start to rest, CPU', 'cpuMs', 'ms'],
  ['resident at rest', 'mib', 'MiB'],
] as const) {
  const values = starts.map((each) => each[key]);
  console.log(`${name}: best ${Math.min(...values).toFixed(0)}, median ${median(values).toFixed(0)} ${unit}`);
}
console.log(`${startCount} starts; load ${loadavg()[0]!.toFixed(1)}`);

async function start(home: string): Promise<{ wallMs: number; cpuMs: number; mib: number }> {
  const port = freePort();
  mkdirSync(home);
  const startedAt = performance.now();
  const child = Bun.spawn([program, 'serve', '--port', String(port)], {
    cwd: folder,
    env: { PATH: '', HOME: home, DRAGOMAN_HOME: home },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (answer?.ok) break;
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    await Bun.sleep(2);
  }
  const wallMs = performance.now() - startedAt;
  await Bun.sleep(restMs);
  const held = { wallMs, cpuMs: cpuUs(child.pid) / 1000, mib: rssBytes(child.pid) / 1024 / 1024 };
  child.kill();
  await child.exited;
  return held;
}
