import manifest from '../../package.json' with { type: 'json' };
import type { Host } from './host.ts';

/** Put in by the build of an executable. */
declare const DRAGOMAN_COMMIT: string | undefined;

/** The version of this program. */
export const version: string = manifest.version;

/** The commit that it was built from; `null` when it runs from source, or was not built in a repository. */
export const commit: string | null = (typeof DRAGOMAN_COMMIT === 'string' && DRAGOMAN_COMMIT) || null;

/** `dragoman version` */
export async function printVersion(flags: { json?: boolean }, { stdout }: Host): Promise<number> {
  const runtime = process.versions.bun ?? process.versions.node;
  const facts = { version, commit, bun: runtime, platform: process.platform, arch: process.arch };
  const built = commit === null ? '' : `commit ${commit}, `;
  await stdout.write(
    flags.json
      ? `${JSON.stringify(facts)}\n`
      : `dragoman ${version} (${built}bun ${runtime}, ${process.platform} ${process.arch})\n`,
  );
  return 0;
}
