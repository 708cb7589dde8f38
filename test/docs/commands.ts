/** What the command line can do, as commander describes it. */
import type { Command, Help } from 'commander';
import { describeCommands } from '../../src/cli/program.ts';
import { processHost } from '../../src/cli/host.ts';

export interface CommandPage {
  /** `dragoman keys create` */
  readonly path: string;
  /** The whole line with what is to be filled in. */
  readonly usage: string;
  readonly about: string;
  /** Arguments and flags with their meanings. */
  readonly rows: readonly (readonly [term: string, what: string])[];
  readonly flags: readonly string[];
  readonly example: string;
}

const program = await describeCommands(processHost());

/** Those that do something, in the order of `--help`; groups such as `keys` only hold them. */
export const allCommands: readonly CommandPage[] = leaves(program).map(([path, command]) => {
  const help: Help = command.createHelp();
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help');
  return {
    path,
    usage: `${path}${[
      ...(options.length > 0 ? ['[options]'] : []),
      ...help
        .visibleArguments(command)
        .map((argument) => help.argumentTerm(argument))
        .map((term) => argumentOf(command, term)),
    ]
      .map((word) => ` ${word}`)
      .join('')}`,
    about: command.description(),
    rows: [
      ...help
        .visibleArguments(command)
        .map((each) => [help.argumentTerm(each), help.argumentDescription(each)] as const),
      ...options.map((each) => [help.optionTerm(each), help.optionDescription(each)] as const),
    ],
    flags: options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined)),
    example: exampleOf(command),
  };
});

function leaves(command: Command, before = ''): [path: string, command: Command][] {
  const path = `${before}${command.name()}`;
  return command.commands.length === 0
    ? [[path, command]]
    : command.commands.flatMap((each) => leaves(each, `${path} `));
}

/** An argument in the brackets of a usage line. */
function argumentOf(command: Command, name: string): string {
  const argument = command.registeredArguments.find((each) => each.name() === name)!;
  const text = `${name}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${text}>` : `[${text}]`;
}

/** The line behind `Example:` in the help that a person sees. */
function exampleOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (more) => void (text += more) });
  command.outputHelp();
  return /\nExample:\n {2}\$ (.+)\n/.exec(text)![1]!;
}
