import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { output } from './runtimes.ts';
import { executableName, type Target } from './targets.ts';

const root = join(import.meta.dir, '..');
const { name, version, description, license } = manifest;

/** The package that holds one platform's executable; npm installs it where `os`, `cpu` and `libc` fit. */
export function writePlatformPackage(target: Target, executable: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const file = join(folder, 'bin', executableName(target));
  copyFileSync(executable, file);
  chmodSync(file, 0o755);
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  writeJson(join(folder, 'package.json'), {
    name: `${name}-${target.name}`,
    version,
    description: `${description} The executable for ${target.name}.`,
    license,
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc && { libc: [target.libc] }),
    preferUnplugged: true,
  });
}

/** The package that people install: the launcher, and the library for programs that run on Bun. */
export async function writeMainPackage(targets: readonly Target[], folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  copyFileSync(join(root, 'packaging/launcher.js'), join(folder, 'bin', 'dragoman.js'));
  chmodSync(join(folder, 'bin', 'dragoman.js'), 0o755);
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md'])
    copyFileSync(join(root, file), join(folder, file));
  await writeLibrary(join(folder, 'lib'));
  writeJson(join(folder, 'package.json'), {
    name,
    version,
    description,
    license,
    type: 'module',
    bin: { dragoman: 'bin/dragoman.js' },
    exports: {
      '.': { types: './lib/types/src/library.d.ts', bun: './lib/library.js' },
      './package.json': './package.json',
    },
    engines: { node: '>=20', bun: `>=${manifest.dependencies.bun}` },
    optionalDependencies: Object.fromEntries(targets.map((target) => [`${name}-${target.name}`, version])),
    // Types alone: what runs is part of the bundle.
    peerDependencies: { zod: `^${manifest.dependencies.zod}` },
    peerDependenciesMeta: { zod: { optional: true } },
  });
}

/** The library in one file with all that it needs, its worker beside it, and its types. */
async function writeLibrary(folder: string): Promise<void> {
  const result = await Bun.build({
    entrypoints: [join(root, 'src/library.ts'), join(root, 'src/tokens/worker.ts')],
    root: join(root, 'src'),
    outdir: folder,
    naming: { entry: '[name].[ext]' },
    target: 'bun',
    format: 'esm',
  });
  if (!result.success) throw new Error(result.logs.map(String).join('\n'));
  const types = join(folder, 'types');
  const project = join(root, 'packaging/tsconfig.types.json');
  await output([join(root, 'node_modules/.bin/tsc'), '--project', project, '--outDir', types], root);
  cpSync(join(root, 'package.json'), join(types, 'package.json'));
}

const writeJson = (file: string, value: unknown): void =>
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** The packages of a folder as `npm pack` makes them; returns the names of the files. */
export async function pack(folder: string, into: string): Promise<string[]> {
  const packed: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const said = await output(
      ['npm', 'pack', '--silent', '--pack-destination', into, '.'],
      join(folder, entry.name),
    );
    packed.push(said.trim().split('\n').at(-1)!);
  }
  return packed.sort();
}
