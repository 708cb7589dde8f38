import type { Command } from 'commander';
import type { Host } from '../host.ts';
import { budgets, duration, example, retention, wholeNumber, type Done } from './arguments.ts';

export function keysCommands(program: Command, host: Host, done: Done): void {
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
    .action(async (name, flags) => done(await (await import('../keys.ts')).createKey(name, flags, host)));
  keys
    .command('list')
    .description('List the keys')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman keys list'))
    .action(async (flags) => done(await (await import('../keys.ts')).listKeys(flags, host)));
  keys
    .command('revoke')
    .description('Take a key back')
    .argument('<name>', 'its name, the beginning that `keys list` shows, or its id')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman keys revoke laptop'))
    .action(async (name, flags) => done(await (await import('../keys.ts')).revokeKey(name, flags, host)));
}
