import { readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { asObject, asString, type Json, type JsonObject } from '../../turn/json.ts';

/** The official client of this machine, as far as its files tell. */
export interface InstalledClient {
  readonly version: string;
  /** The file that says so, and when that was written: milliseconds since the epoch. */
  readonly file: string;
  readonly writtenMs: number;
}

export type Env = Readonly<Record<string, string | undefined>>;

const fileBytesMax = 64 * 1024 * 1024;
const versionShape = /^\d+\.\d+\.\d+[\w.-]*$/;

/**
 * Looks for the official client in its files; it is never started. First the package that the program on the path is
 * of, then the path itself, which holds the version where a package manager has put it, then the list of models that
 * the client keeps in its home.
 */
export function installedClient(env: Env): InstalledClient | undefined {
  return ofProgram(env) ?? ofModelsCache(env);
}

/** Where the official client keeps its files; `undefined` where nothing says who is at home. */
export function clientHome(env: Env): string | undefined {
  if (env.CODEX_HOME) return env.CODEX_HOME;
  const home = env.HOME || env.USERPROFILE;
  return home ? join(home, '.codex') : undefined;
}

function ofProgram({ PATH = '' }: Env): InstalledClient | undefined {
  for (const folder of PATH.split(delimiter)) {
    const program = folder === '' ? undefined : realPath(join(folder, 'codex'));
    if (program === undefined) continue;
    return ofPackage(program) ?? ofPath(program);
  }
  return undefined;
}

/** `…/node_modules/@openai/codex/bin/codex.js` has its `package.json` two folders up. */
function ofPackage(program: string): InstalledClient | undefined {
  let folder = dirname(program);
  for (let up = 0; up < 6; up++) {
    const file = join(folder, 'package.json');
    const manifest = jsonIn(file);
    const name = asString(manifest?.name);
    if (name === '@openai/codex') return found(asString(manifest?.version), file);
    if (dirname(folder) === folder) return undefined;
    folder = dirname(folder);
  }
  return undefined;
}

/** `/opt/homebrew/Caskroom/codex/0.169.0/codex-aarch64-apple-darwin` */
const ofPath = (program: string): InstalledClient | undefined =>
  found(
    program.split(/[/\\]/).findLast((part) => versionShape.test(part)),
    program,
  );

function ofModelsCache(env: Env): InstalledClient | undefined {
  const home = clientHome(env);
  if (home === undefined) return undefined;
  const file = join(home, 'models_cache.json');
  return found(asString(jsonIn(file)?.client_version), file);
}

function found(version: string | undefined, file: string): InstalledClient | undefined {
  if (version === undefined || !versionShape.test(version)) return undefined;
  return { version, file, writtenMs: statSync(file).mtimeMs };
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function jsonIn(file: string): JsonObject | undefined {
  try {
    if (statSync(file).size > fileBytesMax) return undefined;
    return asObject(JSON.parse(readFileSync(file, 'utf8')) as Json);
  } catch {
    return undefined;
  }
}
