import { spawn } from 'node:child_process';

/** The command that opens an address in the person's browser; `undefined` where there is none to be seen. */
export function browserCommand(
  url: string,
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): readonly [string, ...string[]] | undefined {
  if (!/^https?:\/\//.test(url)) return undefined;
  if (platform === 'darwin') return ['open', url];
  // `start` of the shell would read the address’s ampersands.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler', url];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open', url] : undefined;
}

/** Opens an address in the browser. Returns whether that was begun; nobody can know whether it is seen. */
export function openBrowser(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const command = browserCommand(url, process.platform, env);
  if (command === undefined) return Promise.resolve(false);
  const [program, ...args] = command;
  return new Promise((done) => {
    const child = spawn(program, args, { stdio: 'ignore', detached: true });
    child.once('error', () => done(false));
    child.once('spawn', () => {
      child.unref();
      done(true);
    });
  });
}
