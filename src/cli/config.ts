import { changeConfigFile } from '../config/change.ts';
import { getIn } from '../config/edit.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { loadConfig } from '../config/load.ts';
import { formatPath, formatProblem } from '../config/problem.ts';
import { redacted } from '../config/secrets.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';
import { loadOrComplain } from './load.ts';

/** `dragoman config check [file]` */
export async function configCheck(
  file: string | undefined,
  flags: { json?: boolean },
  host: Host,
): Promise<number> {
  const { providerSchemas } = await host.gateway();
  const loaded = loadConfig({
    kinds: providerSchemas,
    env: host.env,
    flags: { config: file },
    cwd: host.cwd,
  });
  const problems = loaded.ok ? [] : loaded.problems;
  if (flags.json) {
    const told = problems.map((problem) => ({ ...problem, path: formatPath(problem.path) }));
    await host.stdout.write(
      `${JSON.stringify({ ok: loaded.ok, file: loaded.file ?? null, problems: told })}\n`,
    );
  } else if (loaded.ok) {
    const { providers, models } = loaded.config;
    const source = loaded.file ?? 'no dragoman.yaml, so the environment alone';
    const counts = [
      count(providers.length, 'provider'),
      count(Object.keys(models).length, 'alias', 'aliases'),
    ];
    await host.stdout.write(`ok: ${source} (${counts.join(', ')})\n`);
  } else {
    await host.stderr.write(`${problems.map(formatProblem).map(escapeControls).join('\n')}\n`);
  }
  return loaded.ok ? 0 : 1;
}

/** `dragoman config schema` */
export async function configSchemaText(host: Host): Promise<number> {
  const { providerSchemas } = await host.gateway();
  await host.stdout.write(`${JSON.stringify(configJsonSchema(providerSchemas), null, 2)}\n`);
  return 0;
}

/** `dragoman config get PATH`: the value in force, defaults and environment included; secrets are masked. */
export async function configGet(
  path: string,
  flags: { config?: string; json?: boolean },
  host: Host,
): Promise<number> {
  const { providerSchemas } = await host.gateway();
  const loaded = await loadOrComplain(host, providerSchemas, { config: flags.config });
  if (loaded === undefined) return 1;
  const value = getIn(redacted(loaded.config), path);
  if (value === undefined) {
    await host.stderr.write(`error: nothing is set at ${path}\n`);
    return 1;
  }
  const plain = typeof value === 'object' || flags.json ? JSON.stringify(value) : String(value);
  await host.stdout.write(`${escapeControls(plain)}\n`);
  return 0;
}

/**
 * `dragoman config set PATH VALUE`: changes the file and keeps its comments; a change that would not be valid is not
 * made. A running gateway takes it up by itself.
 */
export async function configSet(
  path: string,
  value: string | undefined,
  flags: { config?: string },
  host: Host,
): Promise<number> {
  const { providerSchemas } = await host.gateway();
  const loaded = loadConfig({ kinds: providerSchemas, env: host.env, flags, cwd: host.cwd });
  const name = loaded.file ?? 'dragoman.yaml';
  const changed = changeConfigFile(name, path, value, {
    kinds: providerSchemas,
    env: host.env,
    cwd: host.cwd,
  });
  if (!changed.ok) {
    await host.stderr.write(`${changed.problems.map(formatProblem).map(escapeControls).join('\n')}\n`);
    await host.stderr.write(`${name} is as it was\n`);
    return 1;
  }
  await host.stdout.write(`${value === undefined ? 'removed' : 'set'} ${path} in ${name}\n`);
  return 0;
}

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;
