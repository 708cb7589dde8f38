import { Option, type Command } from 'commander';
import type { Host } from '../host.ts';
import { example, word, type Done } from './arguments.ts';

export function loginCommand(program: Command, host: Host, done: Done): void {
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
    .action(async (provider, flags) =>
      done(await (await import('../login.ts')).login(provider, flags, host)),
    );
}

export function accountsCommands(program: Command, host: Host, done: Done): void {
  program
    .command('accounts')
    .description('List the accounts, how they are, and what is used of their quotas')
    .option('--ask', 'ask the upstreams for their quotas, where they can be asked')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman accounts --json'))
    .action(async (flags) => done(await (await import('../accounts.ts')).listAccounts(flags, host)));
  program
    .command('logout')
    .description('Forget the login of an account')
    .argument('<provider>', 'the provider’s name')
    .argument('[name]', 'the account’s name, where there are several')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'print JSON')
    .addHelpText('after', example('dragoman logout claude me@example.com'))
    .action(async (provider, name, flags) =>
      done(await (await import('../accounts.ts')).logout(provider, name, flags, host)),
    );
}

/** The flags that a way to log in excludes. */
const otherWays = (own: string): string[] =>
  ['device', 'browser', 'import', 'tokenStdin'].filter((way) => way !== own);
