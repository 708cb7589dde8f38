import type { Gateway, GatewayOptions } from '../gateway.ts';
import type { ProviderSchemas } from '../config/schema.ts';

/** One of the program's outputs. */
export interface Output {
  /** Resolves when more may follow. */
  write(text: string): void | Promise<void>;
  readonly terminal: boolean;
  /** Whether colour is welcome. */
  readonly color: boolean;
}

/** What the program gets from outside; a test passes its own. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Calls `handler` on each SIGINT or SIGTERM; returns what takes it back. */
  onSignal(handler: () => void): () => void;
  /** Loaded on demand: the commands that need no gateway start without it. */
  gateway(): Promise<{ createGateway(options: GatewayOptions): Gateway; providerSchemas: ProviderSchemas }>;
}

/** The host of the real program. */
export function processHost(): Host {
  const { env } = process;
  return {
    env,
    cwd: process.cwd(),
    stdout: output(process.stdout, env),
    stderr: output(process.stderr, env),
    onSignal(handler) {
      process.on('SIGINT', handler);
      process.on('SIGTERM', handler);
      return () => {
        process.off('SIGINT', handler);
        process.off('SIGTERM', handler);
      };
    },
    gateway: () => import('../gateway.ts'),
  };
}

function output(stream: NodeJS.WriteStream, env: Host['env']): Output {
  const terminal = stream.isTTY === true;
  // A reader that goes away (`dragoman models | head`) is no fault of the program.
  stream.on('error', () => {});
  return {
    terminal,
    color: terminal && !env.NO_COLOR && env.TERM !== 'dumb',
    write: (text) =>
      new Promise((resolve) => {
        stream.write(text, () => resolve());
      }),
  };
}
