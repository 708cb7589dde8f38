import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';

const projectRoot = resolve(import.meta.dir, '../..');

export interface GatewayOptions {
  /** The `providers` list of dragoman.yaml. */
  readonly providers: readonly Record<string, unknown>[];
  /** Further top-level keys of dragoman.yaml, such as `models` or `fidelity`. */
  readonly extra?: Record<string, unknown>;
  /** Added to the otherwise empty environment. */
  readonly env?: Record<string, string>;
  /** Flags after `serve`. */
  readonly args?: readonly string[];
  /** How long the gateway may take to listen. */
  readonly startMs?: number;
}

export interface Gateway {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  readonly pid: number;
  /** `$DRAGOMAN_HOME` of this gateway, an empty directory at its start. */
  readonly home: string;
  readonly configPath: string;
  /** Standard output and error so far. */
  logs(): string;
  /** Asks it to end, and resolves once it has and all its output is read. */
  end(): Promise<void>;
  /** Ends it if it still runs, and removes its files. */
  stop(): Promise<void>;
}

/**
 * Starts the gateway as a user does, from source and with a configuration file, on a free port of loopback.
 *
 * @example
 * const gateway = await startGateway({
 *   providers: [{ name: 'up', type: 'openai', base_url: `${upstream.url}/v1`, api_key: 'k', protocols: ['openai-chat'] }],
 * });
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const home = mkdtempSync(join(tmpdir(), 'dragoman-test-'));
  const configPath = join(home, 'dragoman.yaml');
  writeFileSync(configPath, stringify({ providers: options.providers, ...options.extra }));
  const child = Bun.spawn(
    [
      process.execPath,
      'src/cli/main.ts',
      'serve',
      '--config',
      configPath,
      '--port',
      '0',
      ...(options.args ?? []),
    ],
    {
      cwd: projectRoot,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: home,
        DRAGOMAN_HOME: home,
        NO_COLOR: '1',
        ...options.env,
      },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    },
  );
  let log = '';
  const listening = Promise.withResolvers<string>();
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      log += decoder.decode(chunk, { stream: true });
      const url = listeningUrl(log);
      if (url) listening.resolve(url);
    }
  };
  const read = Promise.all([collect(child.stdout), collect(child.stderr)]);
  void child.exited.then((code) => listening.reject(new Error(`the gateway ended with status ${code}`)));

  const end = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    const stopped = await Promise.race([child.exited.then(() => true), Bun.sleep(10_000).then(() => false)]);
    if (!stopped) child.kill('SIGKILL');
    await read;
    await child.exited;
  };
  const stop = async (): Promise<void> => {
    await end();
    rmSync(home, { recursive: true, force: true });
  };

  const startMs = options.startMs ?? 45_000;
  const late = setTimeout(
    () => listening.reject(new Error(`the gateway did not listen within ${startMs} ms`)),
    startMs,
  );
  try {
    return { url: await listening.promise, pid: child.pid, home, configPath, logs: () => log, end, stop };
  } catch (cause) {
    await stop();
    throw new Error(`${(cause as Error).message}; its output:\n${log}`, { cause });
  } finally {
    clearTimeout(late);
  }
}

/** Reads `listening on http://…` or its JSON form. */
function listeningUrl(log: string): string | undefined {
  return (
    /listening on (http:\/\/[^\s"]+?)\/?\s/.exec(log)?.[1] ??
    /"event":\s*"listening"[^\n]*?"url":\s*"(http:\/\/[^"]+?)\/?"/.exec(log)?.[1]
  );
}
