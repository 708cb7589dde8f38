import { Option, type Command } from 'commander';
import type { Host } from '../host.ts';
import { example, type Done } from './arguments.ts';

export function serviceCommands(program: Command, host: Host, done: Done): void {
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
    .action(async (flags) => done(await (await import('../service.ts')).installService(flags, host)));
  service
    .command('uninstall')
    .description('Stop it and take it out again')
    .addHelpText('after', example('dragoman service uninstall'))
    .action(async () => done(await (await import('../service.ts')).uninstallService(host)));
  service
    .command('status')
    .description('Say whether it runs')
    .addHelpText('after', example('dragoman service status'))
    .action(async () => done(await (await import('../service.ts')).serviceStatus(host)));
  service
    .command('print')
    .description('Show the file that install writes')
    .addOption(new Option('--for <supervisor>', 'instead of this machine’s').choices(['systemd', 'launchd']))
    .option('-c, --config <file>', 'configuration file')
    .addHelpText('after', example('dragoman service print --for systemd'))
    .action(async (flags) => done(await (await import('../service.ts')).printService(flags, host)));
}
