import { openBrowser } from './browser.ts';
import { processInput, type Input } from './input.ts';
import type { Gateway, GatewayOptions } from '../gateway.ts';
import type { ProviderSchemas } from '../config/schema.ts';
import type { AnyInspection } from '../providers/provider.ts';

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
  readonly stdin: Input;
  /** Opens an address in the person's browser, if there is one to be seen; returns whether. */
  openBrowser(url: string): Promise<boolean>;
  /** Calls `handler` on each SIGINT or SIGTERM; returns what takes it back. */
  onSignal(handler: () => void): () => void;
  /** Loaded on demand: the commands that need no gateway start without it. */
  gateway(): Promise<{
    createGateway(options: GatewayOptions): Gateway;
    providerSchemas: ProviderSchemas;
    /** What kinds of upstream tell of themselves, by their types. */
    inspections?: Readonly<Record<string, readonly AnyInspection[]>>;
  }>;
}

/** The host of the real program. */
export function processHost(): Host {
  const { env } = process;
  const stderr = output(process.stderr, env);
  return {
    env,
    cwd: process.cwd(),
    stdout: output(process.stdout, env),
    stderr,
    get stdin() {
      return processInput(process.stdin, stderr);
    },
    openBrowser: (url) => openBrowser(url, env),
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
