import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Host } from './host.ts';
import { version } from './version.ts';

/** What the shell gets: everything went well, something failed, or the program was called wrongly. */
export const exitStatus = { ok: 0, failed: 1, misused: 2 } as const;

/**
 * Runs one command and returns its exit status. Help and results go to `stdout`, complaints to `stderr`.
 *
 * @example
 * process.exitCode = await run(['config', 'check'], processHost());
 */
export async function run(args: readonly string[], host: Host): Promise<number> {
  let status: number = exitStatus.ok;
  const written: (void | Promise<void>)[] = [];
  const program = describeProgram(host, (result) => {
    status = result;
  });
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => written.push(host.stdout.write(text)),
      writeErr: (text) => written.push(host.stderr.write(text)),
      getOutHasColors: () => host.stdout.color,
      getErrHasColors: () => host.stderr.color,
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      written.push(host.stderr.write(`error: ${messageOf(error)}\n`));
      status = exitStatus.failed;
    } else {
      status =
        error.code === 'commander.helpDisplayed' || error.code === 'commander.version'
          ? 0
          : exitStatus.misused;
    }
  }
  await Promise.all(written);
  return status;
}

function describeProgram(host: Host, done: (status: number) => void): Command {
  const program = new Command('dragoman')
    .description('A gateway between clients and language models that speak different protocols.')
    .version(version, '-V, --version')
    .helpCommand(false)
    .showSuggestionAfterError()
    .addHelpText('after', example('dragoman serve --port 4300'));

  program
    .command('serve')
    .description('Start the gateway')
    .option('-c, --config <file>', 'configuration file')
    .option('--host <address>', 'address to listen on')
    .option('-p, --port <number>', 'port to listen on; 0 takes any free one', port)
    .addOption(new Option('--log-format <format>', 'form of the log').choices(['auto', 'json', 'pretty']))
    .addHelpText('after', example('dragoman serve --config my.yaml --port 4300'))
    .action(async (flags) => done(await (await import('./serve.ts')).serve(flags, host)));

  program
    .command('models')
    .description('List the models on offer')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman models --json'))
    .action(async (flags) => done(await (await import('./models.ts')).models(flags, host)));

  const config = program
    .command('config')
    .description('Work with the configuration')
    .helpCommand(false)
    .addHelpText('after', example('dragoman config check dragoman.yaml'));
  config
    .command('check')
    .description('Check a configuration and say everything that is wrong with it')
    .argument('[file]', 'configuration file; the one that serve would take unless given')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman config check my.yaml'))
    .action(async (file, flags) => done(await (await import('./config.ts')).configCheck(file, flags, host)));
  config
    .command('schema')
    .description('Print the JSON Schema of dragoman.yaml')
    .addHelpText('after', example('dragoman config schema > dragoman.schema.json'))
    .action(async () => done(await (await import('./config.ts')).configSchemaText(host)));

  program
    .command('version')
    .description('Say which version this is')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman version --json'))
    .action(async (flags) => done(await (await import('./version.ts')).printVersion(flags, host)));

  return program;
}

const example = (line: string): string => `\nExample:\n  $ ${line}\n`;

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return value;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
