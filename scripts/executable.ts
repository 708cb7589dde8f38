import { join } from 'node:path';
import { output, runtimeFor } from './runtimes.ts';
import { executableName, type Target } from './targets.ts';

const root = join(import.meta.dir, '..');

/**
 * Builds one executable into `folder` and returns its path. The same sources, runtime and commit give the same bytes,
 * wherever it is built. Throws when the platform's runtime cannot be had.
 */
export async function buildExecutable(target: Target, folder: string, commit?: string): Promise<string> {
  const outfile = join(folder, executableName(target));
  const result = await Bun.build({
    entrypoints: [join(root, 'src/cli/main.ts'), join(root, 'src/tokens/worker.ts')],
    root: join(root, 'src'),
    // Side by side: the worker is looked for beside the bundle.
    naming: { entry: '[name].[ext]' },
    target: 'bun',
    format: 'esm',
    minify: true,
    // Halves the time from start to listening.
    bytecode: true,
    define: { DRAGOMAN_COMMIT: JSON.stringify(commit ?? '') },
    compile: {
      target: `bun-${target.name}` as Bun.Build.CompileTarget,
      outfile,
      executablePath: await runtimeFor(target),
      // Whatever lies in the folder that it is started in is not its configuration.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
  if (!result.success) throw new Error(result.logs.map(String).join('\n'));
  return outfile;
}

/** The commit that is checked out, `-dirty` where files differ from it; `undefined` outside of a repository. */
export async function sourceCommit(): Promise<string | undefined> {
  try {
    return (
      await output(['git', 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'], root)
    ).trim();
  } catch {
    return undefined;
  }
}
