/**
 * Builds what a release consists of, into `dist/release`: `npm run release`. npm packages (`npm/`, packed beside it),
 * a bill of materials, a statement of provenance and `SHA256SUMS`. Platforms whose runtime cannot be had are told and
 * left out; `--target linux-x64,…` builds those only and fails without them. Publishing is the caller's:
 * `npm publish --provenance FILE.tgz`, platforms first.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import lock from '../package-lock.json' with { type: 'json' };
import { buildExecutable, sourceCommit } from './executable.ts';
import { pack, writeMainPackage, writePlatformPackage } from './npm-packages.ts';
import { output } from './runtimes.ts';
import { sbom } from './sbom.ts';
import { targets, type Target } from './targets.ts';

const root = join(import.meta.dir, '..');
const { values } = parseArgs({
  options: { target: { type: 'string' }, out: { type: 'string', default: join(root, 'dist/release') } },
});
const out = resolve(values.out);
const wanted = values.target?.split(',');
const strange = wanted?.filter((name) => !targets.some((target) => target.name === name)) ?? [];
if (strange.length > 0) {
  console.error(`there is no platform ${strange.join(', ')}`);
  process.exit(2);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'npm'), { recursive: true });
const commit = await sourceCommit();
const built = await executables();
await writeMainPackage(built, join(out, 'npm', manifest.name));
const packed = await pack(join(out, 'npm'), out);

const timestamp = (
  await output(['git', 'log', '-1', '--format=%cI'], root).catch(() => new Date().toISOString())
).trim();
write('sbom.cdx.json', sbom({ lock, name: manifest.name, version: manifest.version, timestamp }));
write('provenance.intoto.json', provenance([...packed, 'sbom.cdx.json']));
const files = [...packed, 'provenance.intoto.json', 'sbom.cdx.json'];
writeFileSync(join(out, 'SHA256SUMS'), files.map((file) => `${digest(file)}  ${file}\n`).join(''));
console.log(`${out}: ${files.length} files, ${built.map(({ name }) => name).join(', ')}`);

/** Builds the packages of all platforms and returns those that could be. */
async function executables(): Promise<Target[]> {
  const done: Target[] = [];
  for (const target of targets) {
    if (wanted !== undefined && !wanted.includes(target.name)) continue;
    try {
      const executable = await buildExecutable(target, join(out, 'bin', target.name), commit);
      writePlatformPackage(target, executable, join(out, 'npm', `${manifest.name}-${target.name}`));
      done.push(target);
    } catch (error) {
      if (wanted !== undefined) throw error;
      console.error(`${target.name}: left out: ${(error as Error).message}`);
    }
  }
  return done;
}

/** An in-toto statement (SLSA 1.0) of what was built from which sources. It is not signed: whoever publishes signs. */
function provenance(subjects: readonly string[]) {
  const runtime = lock.packages['node_modules/bun'];
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects.map((name) => ({ name, digest: { sha256: digest(name) } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:dragoman:npm-run-release',
        externalParameters: { targets: built.map(({ name }) => name), version: manifest.version },
        resolvedDependencies: [
          ...(commit === undefined ? [] : [{ name: 'source', digest: { gitCommit: commit } }]),
          {
            name: 'package-lock.json',
            digest: { sha256: sha256(readFileSync(join(root, 'package-lock.json'))) },
          },
          { uri: `pkg:npm/bun@${runtime.version}`, annotations: { integrity: runtime.integrity } },
        ],
      },
      runDetails: { builder: { id: process.env.GITHUB_WORKFLOW_REF ?? 'local' } },
    },
  };
}

function write(name: string, value: unknown): void {
  writeFileSync(join(out, name), `${JSON.stringify(value, null, 2)}\n`);
}

function digest(name: string): string {
  return sha256(readFileSync(join(out, name)));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
