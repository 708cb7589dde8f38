import { importFormats } from '../config/import/formats.ts';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Host } from './host.ts';
import type { CreateFlags } from './keys.ts';
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
    .command('get')
    .description('Print a value that is in force')
    .argument('<path>', 'such as server.port or providers.claude.base_url')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman config get server.port'))
    .action(async (path, flags) => done(await (await import('./config.ts')).configGet(path, flags, host)));
  config
    .command('set')
    .description('Change a value in the file and keep its comments; without a value, take it out')
    .argument('<path>', 'such as server.port or providers.claude.base_url')
    .argument('[value]', 'as YAML')
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman config set server.port 4300'))
    .action(async (path, value, flags) =>
      done(await (await import('./config.ts')).configSet(path, value, flags, host)),
    );
  config
    .command('schema')
    .description('Print the JSON Schema of dragoman.yaml')
    .addHelpText('after', example('dragoman config schema > dragoman.schema.json'))
    .action(async () => done(await (await import('./config.ts')).configSchemaText(host)));
  config
    .command('import')
    .description('Make a dragoman.yaml from the configuration of another gateway')
    .argument('<file>', 'its configuration file')
    .addOption(
      new Option('--from <program>', 'whose it is; seen from the file unless given').choices(importFormats),
    )
    .option('-o, --output <file>', 'a new file to write; stdout unless given')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman config import ~/litellm/config.yaml -o dragoman.yaml'))
    .action(async (file, flags) =>
      done(await (await import('./config-import.ts')).configImport(file, flags, host)),
    );

  program
    .command('login')
    .description('Log in to a provider, and keep that as an account')
    .argument('<provider>', 'the provider’s name')
    .option('--name <name>', 'what to call the account', word)
    .option('--at <place>', 'where to log in, at a provider that has several places', word)
    .addOption(new Option('--device', 'confirm a code on another device').conflicts(otherWays('device')))
    .addOption(
      new Option('--no-browser', 'the browser is elsewhere; paste what it shows').conflicts(
        otherWays('browser'),
      ),
    )
    .addOption(
      new Option('--import [file]', 'take over the login of another program').conflicts(otherWays('import')),
    )
    .addOption(
      new Option('--token-stdin', 'read an API key or a token from standard input').conflicts(
        otherWays('tokenStdin'),
      ),
    )
    .option('--no-check', 'store a token without trying it')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman login openai --token-stdin < key.txt'))
    .action(async (provider, flags) => done(await (await import('./login.ts')).login(provider, flags, host)));

  keysCommands(program, host, done);

  program
    .command('accounts')
    .description('List the accounts, how they are, and what is used of their quotas')
    .option('--ask', 'ask the upstreams for their quotas, where they can be asked')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman accounts --json'))
    .action(async (flags) => done(await (await import('./accounts.ts')).listAccounts(flags, host)));
  program
    .command('logout')
    .description('Forget the login of an account')
    .argument('<provider>', 'the provider’s name')
    .argument('[name]', 'the account’s name, where there are several')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman logout claude me@example.com'))
    .action(async (provider, name, flags) =>
      done(await (await import('./accounts.ts')).logout(provider, name, flags, host)),
    );
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
    .description('Write accounts, keys and usage to a backup; secrets stay sealed')
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
async function inspectCommands(program: Command, host: Host, done: (status: number) => void): Promise<void> {
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

function keysCommands(program: Command, host: Host, done: (status: number) => void): void {
  const keys = program
    .command('keys')
    .description('Work with the keys that callers of the gateway show')
    .helpCommand(false)
    .addHelpText('after', example('dragoman keys create laptop'));
  keys
    .command('create')
    .description('Make a key and print it, this once')
    .argument('<name>', 'what to call it')
    .option('--admin', 'a key for /admin instead of one for clients')
    .option('--expires <duration>', 'such as 12h or 30d', duration)
    .option('--models <names...>', 'models that it may use; a * at the end stands for any rest')
    .option('--providers <names...>', 'providers that may serve it')
    .option('--rpm <number>', 'requests a minute', wholeNumber)
    .option('--tpm <number>', 'tokens a minute', wholeNumber)
    .option('--concurrent <number>', 'requests at the same time', wholeNumber)
    .option('--retention <duration>', 'how long its conversations are kept, such as 7d, or off', retention)
    .option('--budget <amount/window...>', 'such as 5usd/day or 1000000tokens/month', budgets)
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman keys create laptop --budget 5usd/day --rpm 60'))
    .action(async (name, flags) => done(await (await import('./keys.ts')).createKey(name, flags, host)));
  keys
    .command('list')
    .description('List the keys')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman keys list'))
    .action(async (flags) => done(await (await import('./keys.ts')).listKeys(flags, host)));
  keys
    .command('revoke')
    .description('Take a key back')
    .argument('<name>', 'its name, the beginning that `keys list` shows, or its id')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman keys revoke laptop'))
    .action(async (name, flags) => done(await (await import('./keys.ts')).revokeKey(name, flags, host)));
}

function serviceCommands(program: Command, host: Host, done: (status: number) => void): void {
  const service = program
    .command('service')
    .description('Have systemd or launchd run the gateway for this user')
    .helpCommand(false)
    .addHelpText('after', example('dragoman service install'));
  service
    .command('install')
    .description('Run it now and at every login')
    .option('--print', 'show what would be written, and write nothing')
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman service install --config my.yaml'))
    .action(async (flags) => done(await (await import('./service.ts')).installService(flags, host)));
  service
    .command('uninstall')
    .description('Stop it and take it out again')
    .addHelpText('after', example('dragoman service uninstall'))
    .action(async () => done(await (await import('./service.ts')).uninstallService(host)));
  service
    .command('status')
    .description('Say whether it runs')
    .addHelpText('after', example('dragoman service status'))
    .action(async () => done(await (await import('./service.ts')).serviceStatus(host)));
  service
    .command('print')
    .description('Show the file that install writes')
    .addOption(new Option('--for <supervisor>', 'instead of this machine’s').choices(['systemd', 'launchd']))
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman service print --for systemd'))
    .action(async (flags) => done(await (await import('./service.ts')).printService(flags, host)));
}

/** The flags that a way to log in excludes. */
const otherWays = (own: string): string[] =>
  ['device', 'browser', 'import', 'tokenStdin'].filter((way) => way !== own);

const example = (line: string): string => `\nExample:\n  $ ${line}\n`;

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return value;
}

function word(text: string): string {
  if (!/^\S{1,64}$/.test(text)) throw new InvalidArgumentError('It must be one word of up to 64 characters.');
  return text;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds. */
function duration(text: string): number {
  const [, number, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? [];
  if (number === undefined)
    throw new InvalidArgumentError('It must be a number with m, h or d, such as 30d.');
  return Number(number) * unitsMs[unit!]!;
}

/** The same, where nothing may be kept at all. */
const retention = (text: string): number => (text === 'off' ? 0 : duration(text));

type Budget = NonNullable<CreateFlags['budget']>[number];

function budgets(text: string, before: Budget[] = []): Budget[] {
  const [, amount, unit, per] = /^(\d+(?:\.\d+)?)(usd|tokens)\/(day|week|month)$/.exec(text) ?? [];
  if (amount === undefined)
    throw new InvalidArgumentError('It must be such as 5usd/day or 1000000tokens/month.');
  return [...before, { per: per as Budget['per'], [unit!]: Number(amount) }];
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
