import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import lock from '../package-lock.json' with { type: 'json' };
import { hostTarget, type Target } from './targets.ts';

const kept = join(import.meta.dir, '..', 'dist', 'runtimes');

/**
 * The runtime that an executable for `target` is made of: this process's own where it is of that platform, else
 * fetched from the registry by npm and held against the hash in `package-lock.json`. Throws when it cannot be had.
 */
export async function runtimeFor(target: Target): Promise<string> {
  if (target.name === hostTarget().name) return process.execPath;
  const entry = (lock.packages as Record<string, { version?: string; integrity?: string }>)[
    `node_modules/${target.runtime}`
  ];
  if (entry?.version === undefined || entry.integrity === undefined) {
    throw new Error(`package-lock.json knows no ${target.runtime}`);
  }
  const folder = join(kept, `${target.name}-${entry.version}`);
  const binary = join(folder, 'package', 'bin', target.os === 'win32' ? 'bun.exe' : 'bun');
  if (!existsSync(binary)) await fetchRuntime(`${target.runtime}@${entry.version}`, entry.integrity, folder);
  return binary;
}

async function fetchRuntime(spec: string, integrity: string, folder: string): Promise<void> {
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const name = (await output(['npm', 'pack', '--silent', '--pack-destination', part, spec])).trim();
  const archive = join(part, name.split('\n').at(-1)!);
  const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (hash !== integrity) throw new Error(`${spec} is not what package-lock.json names: ${hash}`);
  await output(['tar', '-xzf', archive, '-C', part]);
  rmSync(archive);
  rmSync(folder, { recursive: true, force: true });
  renameSync(part, folder);
}

/** What a command writes; throws with its complaint when it fails. */
export async function output(command: string[], cwd?: string): Promise<string> {
  const child = Bun.spawn(command, { cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const [out, complaint] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0)
    throw new Error(`${command.join(' ')}: ${(complaint || out).trim().slice(-500)}`);
  return out;
}
