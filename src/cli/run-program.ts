import { constants } from 'node:os';

/** What a shell makes of a program that a signal has ended. */
const signalStatus = 128;

/**
 * Runs a program on this process's terminal until it ends; returns its status as a shell would. Signals to this
 * process go on to it, except for those that the terminal has sent to both already.
 */
export async function runProgram(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const isOnTerminal = process.stdin.isTTY;
  const passed = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
  const fromTerminal: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT']);
  let child: Bun.Subprocess | undefined;
  // Before there is a program, so that none is lost in between.
  const early: NodeJS.Signals[] = [];
  const handlers = passed.map((signal) => {
    const handler = (): void => {
      if (isOnTerminal && fromTerminal.has(signal)) return;
      if (child === undefined) early.push(signal);
      else child.kill(signal);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  try {
    child = Bun.spawn([...command], { env: { ...env }, stdio: ['inherit', 'inherit', 'inherit'] });
    for (const signal of early) child.kill(signal);
    await child.exited;
    const { signalCode, exitCode } = child;
    return signalCode === null
      ? (exitCode ?? 1)
      : signalStatus + (constants.signals[signalCode as NodeJS.Signals] ?? 0);
  } finally {
    for (const takeBack of handlers) takeBack();
  }
}
