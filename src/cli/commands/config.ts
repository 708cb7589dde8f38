import { Option, type Command } from 'commander';
import { importFormats } from '../../config/import/formats.ts';
import type { Host } from '../host.ts';
import { example, type Done } from './arguments.ts';

export function configCommands(program: Command, host: Host, done: Done): void {
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
    .action(async (file, flags) => done(await (await import('../config.ts')).configCheck(file, flags, host)));
  config
    .command('get')
    .description('Print a value that is in force')
    .argument('<path>', 'such as server.port or providers.claude.base_url')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman config get server.port'))
    .action(async (path, flags) => done(await (await import('../config.ts')).configGet(path, flags, host)));
  config
    .command('set')
    .description('Change a value in the file and keep its comments; without a value, take it out')
    .argument('<path>', 'such as server.port or providers.claude.base_url')
    .argument('[value]', 'as YAML')
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman config set server.port 4300'))
    .action(async (path, value, flags) =>
      done(await (await import('../config.ts')).configSet(path, value, flags, host)),
    );
  config
    .command('schema')
    .description('Print the JSON Schema of dragoman.yaml')
    .addHelpText('after', example('dragoman config schema > dragoman.schema.json'))
    .action(async () => done(await (await import('../config.ts')).configSchemaText(host)));
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
      done(await (await import('../config-import.ts')).configImport(file, flags, host)),
    );
}
