import { configJsonSchema } from '../config/json-schema.ts';
import { loadConfig } from '../config/load.ts';
import { formatPath, formatProblem } from '../config/problem.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';

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

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;
