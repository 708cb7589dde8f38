/**
 * Builds `dist/dragoman`, one executable that needs no runtime: `npm run build`. For other platforms
 * `npm run build -- --target linux-arm64,darwin-arm64` or `--target all` (those whose runtime can be had), each as
 * `dist/PLATFORM/dragoman`. `--out FOLDER` stands in for `dist`.
 */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildExecutable, sourceCommit } from './executable.ts';
import { hostTarget, targets, type Target } from './targets.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    out: { type: 'string', default: join(import.meta.dir, '..', 'dist') },
  },
});
const out = resolve(values.out);
const commit = await sourceCommit();

if (values.target === undefined) await build(hostTarget(), out);
else if (values.target !== 'all') {
  for (const name of values.target.split(',')) await build(named(name), join(out, name));
} else {
  for (const target of targets) {
    await build(target, join(out, target.name)).catch((error: Error) =>
      console.error(`${target.name}: left out: ${error.message}`),
    );
  }
}

async function build(target: Target, folder: string): Promise<void> {
  const startedMs = performance.now();
  const file = await buildExecutable(target, folder, commit);
  const megabytes = Math.round(statSync(file).size / 1e6);
  console.log(`${file}: ${target.name}, ${megabytes} MB, ${Math.round(performance.now() - startedMs)} ms`);
}

function named(name: string): Target {
  const found = targets.find((target) => target.name === name);
  if (found !== undefined) return found;
  console.error(`there is no platform ${name}; there are ${targets.map((target) => target.name).join(', ')}`);
  process.exit(2);
}
