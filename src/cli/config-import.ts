import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { importConfig, type ImportFormat } from '../config/import/index.ts';
import { checkConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';

/** Larger than anybody's configuration. */
const fileBytesMax = 4 * 1024 * 1024;

/**
 * `dragoman config import FILE`: makes a dragoman.yaml from another gateway's configuration. It goes to stdout, or into
 * a new file that only its owner reads; what could not be taken over goes to stderr.
 */
export async function configImport(
  name: string,
  flags: { from?: ImportFormat; output?: string; json?: boolean },
  host: Host,
): Promise<number> {
  const { providerSchemas } = await host.gateway();
  const complain = async (message: string): Promise<number> => {
    await host.stderr.write(`error: ${escapeControls(message)}\n`);
    return 1;
  };
  const bytes = await Bun.file(resolve(host.cwd, name))
    .slice(0, fileBytesMax + 1)
    .bytes();
  if (bytes.length > fileBytesMax) return complain(`${name} is larger than any configuration`);
  const imported = importConfig(Buffer.from(bytes).toString('utf8'), {
    format: flags.from,
    kinds: Object.keys(providerSchemas),
    languages: [Bun.JSON5.parse, Bun.TOML.parse],
    escape: escapeControls,
  });
  if (!imported.ok) return complain(`${name} cannot be imported: ${imported.problem}`);

  const { yaml, notes, format } = imported;
  const output = flags.output;
  if (output !== undefined && existsSync(resolve(host.cwd, output)))
    return complain(`${output} exists already; choose another name, or move it away first`);
  if (output !== undefined) writeFileSync(resolve(host.cwd, output), yaml, { mode: 0o600, flag: 'wx' });
  if (flags.json)
    await host.stdout.write(`${JSON.stringify({ format, output: output ?? null, yaml, notes })}\n`);
  else {
    if (output === undefined) await host.stdout.write(yaml);
    else await host.stdout.write(`made ${output} from the ${format} configuration ${name}\n`);
    for (const { path, why } of notes)
      await host.stderr.write(escapeControls(`note: ${path}: ${why}`) + '\n');
  }
  // A variable that is not set is told as well: the gateway would not start without it.
  const checked = checkConfig(
    { name: output ?? 'dragoman.yaml', text: yaml },
    { kinds: providerSchemas, env: host.env },
  );
  if (!checked.ok && !flags.json) {
    const problems = checked.problems.map(formatProblem).map(escapeControls);
    await host.stderr.write(`still to be mended:\n${problems.join('\n')}\n`);
  }
  return 0;
}
