/** Bun reads it once at its start; by itself it lets 256 requests out at a time and holds back the rest in silence. */
const variable = 'BUN_CONFIG_MAX_HTTP_REQUESTS';

/** The part of `process` that starting anew takes. */
export interface Restartable {
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent on Windows. */
  readonly execve?: (file: string, argv: string[], env: Record<string, string>) => void;
}

/**
 * Replaces this process by itself with a limit of open upstream requests that is high enough to serve with.
 * Does nothing when the limit is set or the command is another one.
 */
export function raiseFetchLimit(self: Restartable): void {
  if (self.env[variable] || self.execve === undefined || !serves(self.argv.slice(2))) return;
  const env: Record<string, string> = { [variable]: '65535' };
  for (const [name, value] of Object.entries(self.env)) if (value !== undefined) env[name] ??= value;
  self.execve(self.execPath, argvOfSelf(self), env);
}

/** The arguments that start this program again, its own name first, from source as well as from one executable. */
export function argvOfSelf({ argv, execArgv, execPath }: Restartable): string[] {
  const entry = argv[1] ?? '';
  const compiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/.test(entry);
  return compiled ? [execPath, ...argv.slice(2)] : [execPath, ...execArgv, ...argv.slice(1)];
}

const serves = (args: readonly string[]): boolean =>
  args.find((arg) => !arg.startsWith('-')) === 'serve' && !args.includes('--help') && !args.includes('-h');
