import manifest from '../../package.json' with { type: 'json' };
import type { Host } from './host.ts';

/** The version of this program. */
export const version: string = manifest.version;

/** `dragoman version` */
export async function printVersion(flags: { json?: boolean }, { stdout }: Host): Promise<number> {
  const runtime = process.versions.bun ?? process.versions.node;
  const facts = { version, bun: runtime, platform: process.platform, arch: process.arch };
  await stdout.write(
    flags.json
      ? `${JSON.stringify(facts)}\n`
      : `dragoman ${version} (bun ${runtime}, ${process.platform} ${process.arch})\n`,
  );
  return 0;
}
