import { Argument, Command, CommanderError, Option } from 'commander';
import { accountsCommands, loginCommand } from './commands/accounts.ts';
import { example, port, wholeNumber, type Done } from './commands/arguments.ts';
import { configCommands } from './commands/config.ts';
import { keysCommands } from './commands/keys.ts';
import { serviceCommands } from './commands/service.ts';
import type { Host } from './host.ts';
import { clientNames, programs } from './clients/names.ts';
import { version } from './version.ts';

/** What the shell gets: everything went well, something failed, or the program was called wrongly. */
const exitStatus = { ok: 0, failed: 1, misused: 2 } as const;

/**
 * Runs one command and returns its exit status. Help and results go to `stdout`, complaints to `stderr`. Without any
 * command a person at a terminal is led from nothing to a gateway that serves.
 *
 * @example
 * process.exitCode = await run(['config', 'check'], processHost());
 */
export async function run(args: readonly string[], host: Host): Promise<number> {
  if (args.length === 0 && host.stdin.terminal && host.stdout.terminal)
    return (await import('./first-run.ts')).firstRun(host);
  let status: number = exitStatus.ok;
  const written: (void | Promise<void>)[] = [];
  const done = (result: number): void => {
    status = result;
  };
  const program = describeProgram(host, done);
  // What providers add is described when it is asked for: the gateway takes its time to load.
  if (!program.commands.some((command) => command.name() === args[0]))
    await inspectCommands(program, host, done);
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

/** All commands, those that providers add among them, for the documents. */
export async function describeCommands(host: Host): Promise<Command> {
  const program = describeProgram(host, () => {});
  await inspectCommands(program, host, () => {});
  return program;
}

function describeProgram(host: Host, done: Done): Command {
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
    .command('setup')
    .description('Point a client at the gateway: shows what changes in its settings, asks, and tries it')
    .addArgument(new Argument('<client>', 'the client').choices(clientNames))
    .option('--url <url>', 'where the gateway is; as configured unless given')
    .option('--model <name>', 'the model that it is to ask for')
    .option('--small-model <name>', 'the model for what it asks aside, where it has such a setting')
    .option('--yes', 'write without asking')
    .addOption(
      new Option('--undo', 'bring back what was there before').conflicts([
        'url',
        'model',
        'smallModel',
        'rotate',
        'keyStdin',
      ]),
    )
    .option('--rotate', 'make a new key even where the one that it has is good')
    .option('--key-stdin', 'read a key from standard input instead of making one')
    .option('--no-check', 'ask no model whether it works')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman setup claude-code --model openai/gpt-5.4-mini'))
    .action(async (name, flags) => done(await (await import('./setup.ts')).setup(name, flags, host)));
  program
    .command('run')
    .description('Start a client that is pointed at the gateway, without touching its settings')
    .addArgument(new Argument('<client>', 'the client’s program').choices(Object.keys(programs)))
    .argument('[arguments...]', 'its own arguments, after --')
    .option('--url <url>', 'where the gateway is; as configured unless given')
    .option('--model <name>', 'the model that it is to ask for')
    .option('--small-model <name>', 'the model for what it asks aside, where it has such a setting')
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman run claude --model openai/gpt-5.4-mini -- --continue'))
    .action(async (name, rest, flags) =>
      done(await (await import('./run-client.ts')).runClient(name, rest, flags, host)),
    );
  program
    .command('doctor')
    .description('Look for what keeps the gateway from working, and say what cures it')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman doctor --json'))
    .action(async (flags) => done(await (await import('./doctor/doctor.ts')).doctor(flags, host)));

  program
    .command('models')
    .description('List the models on offer')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman models --json'))
    .action(async (flags) => done(await (await import('./models.ts')).models(flags, host)));

  configCommands(program, host, done);
  loginCommand(program, host, done);
  keysCommands(program, host, done);
  accountsCommands(program, host, done);

  program
    .command('usage')
    .description('Show what was used, and what it cost')
    .addOption(
      new Option('--by <what>', 'sum up by')
        .choices(['key', 'provider', 'account', 'model', 'day'])
        .default('day'),
    )
    .option('--days <number>', 'how many days back, today included', wholeNumber, 30)
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman usage --by model --days 7'))
    .action(async (flags) => done(await (await import('./usage.ts')).usage(flags, host)));
  program
    .command('export')
    .description('Write accounts, keys, usage and conversations to a backup; secrets stay sealed')
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman export > backup.jsonl'))
    .action(async (flags) => done(await (await import('./backup.ts')).exportState(flags, host)));
  program
    .command('import')
    .description('Read a backup into an empty store, or beside what is there')
    .argument('<file>', 'the backup')
    .option('--merge', 'keep what is there; the backup must be sealed with the same key')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman import backup.jsonl'))
    .action(async (name, flags) => done(await (await import('./backup.ts')).importState(name, flags, host)));

  serviceCommands(program, host, done);

  program
    .command('version')
    .description('Say which version this is')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman version --json'))
    .action(async (flags) => done(await (await import('./version.ts')).printVersion(flags, host)));

  return program;
}

/** Commands by the types of upstreams that tell something of themselves. */
async function inspectCommands(program: Command, host: Host, done: Done): Promise<void> {
  const { inspections = {} } = await host.gateway();
  for (const [type, list] of Object.entries(inspections)) {
    const command = program
      .command(type)
      .description(`Look at what providers of the type ${type} are set to`)
      .helpCommand(false)
      .addHelpText('after', example(`dragoman ${type} ${list[0]!.name}`));
    for (const inspection of list) {
      command
        .command(inspection.name)
        .description(inspection.about)
        .option('-c, --config <file>', 'configuration file')
        .option('--json', 'print JSON')
        .addHelpText('after', example(`dragoman ${type} ${inspection.name} --json`))
        .action(async (flags) =>
          done(await (await import('./inspect.ts')).inspect(type, inspection, flags, host)),
        );
    }
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
