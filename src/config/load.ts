import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { readDocument, type ConfigDocument } from './document.ts';
import type { Path, Problem } from './problem.ts';
import { overrideProviders } from './provider-overrides.ts';
import { isRecord } from './record.ts';
import { configSchema, type Config, type ProviderSchemas } from './schema.ts';
import type { Environment } from './substitute.ts';
import { validate } from './validate.ts';

export interface LoadOptions {
  readonly kinds: ProviderSchemas;
  readonly env: Environment;
  readonly flags?: Flags;
  /** Providers that somebody has logged in to: without any file, each whose name is that of its type starts. */
  readonly loggedIn?: readonly string[];
  /** What relative paths are relative to; the working directory unless given. */
  readonly cwd?: string;
}

/** What the command line says; each overrides the file and the environment. */
export interface Flags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number | string;
  readonly logFormat?: string;
}

export type Loaded =
  /** `file` is absent when the gateway starts from the environment alone. */
  | { readonly ok: true; readonly config: Config; readonly file?: string }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly file?: string };

/**
 * Finds, reads and checks the configuration: the file, then what the environment overrides, then the flags.
 *
 * @example
 * const loaded = loadConfig({ kinds, env: process.env, flags: { port: 0 } });
 * if (!loaded.ok) for (const problem of loaded.problems) console.error(formatProblem(problem));
 */
export function loadConfig(options: LoadOptions): Loaded {
  const cwd = options.cwd ?? process.cwd();
  const found = findFile(options.env, options.flags?.config, cwd);
  if (found === undefined) return checkConfig(undefined, options);
  const name = relative(cwd, found.path);
  const file = name === '' || name.startsWith('..') ? found.path : name;
  if (found.text === undefined) {
    return { ok: false, file, problems: [{ source: file, path: [], message: found.message }] };
  }
  return checkConfig({ name: file, text: found.text }, options);
}

/** Checks the text of a configuration file, or without one what the environment offers. Reads no file. */
export function checkConfig(file: { name: string; text: string } | undefined, options: LoadOptions): Loaded {
  const { env, flags = {}, kinds, loggedIn = [] } = options;
  const origins = new Map<string, string>();
  const document = file && readDocument(file.text, env);
  if (document !== undefined && document.problems.length > 0) {
    return { ok: false, file: file?.name, problems: place(document.problems, document, file?.name, origins) };
  }
  const raw =
    document === undefined ? fromEnvironment(env, origins, loggedIn, kinds) : structuredClone(document.value);
  dropEmptySections(raw);
  override(raw, env, flags, origins);
  overrideProviders(raw, env, origins);
  if ('demo' in kinds) addDemo(raw);

  const isText = (path: Path): boolean =>
    origins.has(path.join('.')) || (document?.variables(path).length ?? 0) > 0;
  const result = validate(configSchema(kinds), raw, isText);
  if (result.ok) return { ok: true, config: result.config, file: file?.name };
  return { ok: false, file: file?.name, problems: place(result.problems, document, file?.name, origins) };
}

type Found = { path: string; text: string } | { path: string; text?: undefined; message: string };

/** The first configuration file there is. One that was asked for by name must be there. */
function findFile(env: Environment, flag: string | undefined, cwd: string): Found | undefined {
  const asked = flag ?? (env.DRAGOMAN_CONFIG || undefined);
  if (asked !== undefined)
    return read(resolve(cwd, asked)) ?? { path: resolve(cwd, asked), message: 'no such file' };
  const home = env.XDG_CONFIG_HOME || (env.HOME && join(env.HOME, '.config'));
  return (
    read(resolve(cwd, 'dragoman.yaml')) ??
    (home ? read(resolve(home, 'dragoman', 'dragoman.yaml')) : undefined)
  );
}

function read(path: string): Found | undefined {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return {
      path,
      message: code === 'EISDIR' ? 'is a directory' : `cannot be read (${code ?? 'unknown error'})`,
    };
  }
}

/** The providers whose keys are in the environment or that have a login, for a start without any file. */
function fromEnvironment(
  env: Environment,
  origins: Map<string, string>,
  loggedIn: readonly string[],
  kinds: ProviderSchemas,
): Record<string, unknown> {
  const providers: Record<string, string>[] = [];
  for (const { name, key, url, standard } of vendors) {
    if (!env[key]) continue;
    const at = `providers.${providers.length}`;
    origins.set(`${at}.api_key`, key);
    origins.set(`${at}.base_url`, url);
    providers.push({ name, type: name, api_key: env[key], base_url: env[url] || standard });
  }
  for (const name of new Set(loggedIn)) {
    if (providers.some((entry) => entry.name === name)) continue;
    const entry = startable(name, env, kinds);
    if (entry !== undefined) providers.push(entry);
  }
  return { providers };
}

/** An entry that says no more than the type, where its type is content with that. */
function startable(
  name: string,
  env: Environment,
  kinds: ProviderSchemas,
): Record<string, string> | undefined {
  const url = env[vendors.find((vendor) => vendor.name === name)?.url ?? ''];
  const entry = { name, type: name, ...(url ? { base_url: url } : {}) };
  return Object.hasOwn(kinds, name) && kinds[name]!.safeParse(entry).success ? entry : undefined;
}

/** Vendors whose variables start a provider, and the address unless another variable says so. */
export const vendors = [
  { name: 'openai', key: 'OPENAI_API_KEY', url: 'OPENAI_BASE_URL', standard: 'https://api.openai.com/v1' },
  {
    name: 'anthropic',
    key: 'ANTHROPIC_API_KEY',
    url: 'ANTHROPIC_BASE_URL',
    standard: 'https://api.anthropic.com',
  },
  {
    name: 'google',
    key: 'GEMINI_API_KEY',
    url: 'GOOGLE_GEMINI_BASE_URL',
    standard: 'https://generativelanguage.googleapis.com',
  },
] as const;

/** What can be overridden, and by which variable or flag. */
export const overridable: readonly {
  path: readonly [string, ...string[]];
  variable: string;
  flag?: keyof Flags;
  spelled?: string;
}[] = [
  { path: ['server', 'host'], variable: 'DRAGOMAN_HOST', flag: 'host', spelled: '--host' },
  { path: ['server', 'port'], variable: 'DRAGOMAN_PORT', flag: 'port', spelled: '--port' },
  { path: ['store'], variable: 'DRAGOMAN_STORE' },
  { path: ['fidelity'], variable: 'DRAGOMAN_FIDELITY' },
  { path: ['log', 'format'], variable: 'DRAGOMAN_LOG_FORMAT', flag: 'logFormat', spelled: '--log-format' },
];

function override(raw: unknown, env: Environment, flags: Flags, origins: Map<string, string>): void {
  for (const { path, variable, flag, spelled } of overridable) {
    const flagged = flag && flags[flag];
    const value = flagged ?? (env[variable] || undefined);
    if (value === undefined) continue;
    let target = raw;
    for (const step of path.slice(0, -1)) {
      if (isRecord(target)) target = target[step] ??= {};
    }
    if (!isRecord(target)) continue;
    target[path.at(-1)!] = value;
    origins.set(path.join('.'), flagged === undefined ? variable : spelled!);
  }
}

/** A section whose lines are all commented out reads as null; it is as good as absent. */
function dropEmptySections(raw: unknown): void {
  if (!isRecord(raw)) return;
  for (const key of Object.keys(raw)) if (raw[key] === null) delete raw[key];
}

/** The demo models are there without being asked for, so that a client can be tried without any account. */
function addDemo(raw: unknown): void {
  if (!isRecord(raw)) return;
  const providers = (raw.providers ??= []);
  if (!Array.isArray(providers) || providers.some((entry) => isRecord(entry) && entry.name === 'demo'))
    return;
  providers.push({ name: 'demo', type: 'demo' });
}

/** Tells of each problem where it comes from: a flag, a variable, or a line of the file. */
function place(
  problems: readonly (Problem & { readonly atKey?: boolean })[],
  document: ConfigDocument | undefined,
  file: string | undefined,
  origins: ReadonlyMap<string, string>,
): Problem[] {
  const placed = problems.map(({ atKey, ...problem }): Problem => {
    const origin = origins.get(problem.path.join('.'));
    if (origin !== undefined) return { ...problem, source: origin };
    if (document === undefined) return { ...problem, source: 'environment' };
    const variables = document.variables(problem.path);
    const position =
      problem.line === undefined
        ? atKey
          ? document.keyPosition(problem.path)
          : document.position(problem.path)
        : {};
    const named = variables.length > 0 && problem.line === undefined;
    const message = named
      ? `${problem.message} (from ${variables.map((name) => `\${${name}}`).join(', ')})`
      : problem.message;
    return { ...problem, ...position, message, source: file };
  });
  return placed
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
    .filter(
      (problem, index) =>
        problem.line === undefined ||
        !placed
          .slice(0, index)
          .some(({ line, message }) => line === problem.line && message === problem.message),
    );
}
