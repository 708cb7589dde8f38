import type { Host } from '../../src/cli/host.ts';

/** A host of the command line with the real gateway, whose outputs are kept. */
export function testHost({ env, cwd }: Pick<Host, 'env' | 'cwd'>): Host & {
  readonly told: { stdout: string; stderr: string };
} {
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Host['stdout'] => ({
    write: (text) => void (told[name] += text),
    terminal: false,
    color: false,
  });
  return {
    told,
    env,
    cwd,
    stdout: output('stdout'),
    stderr: output('stderr'),
    stdin: { terminal: false, text: async () => '', ask: async () => '' },
    openBrowser: async () => false,
    onSignal: () => () => {},
    gateway: () => import('../../src/gateway.ts'),
  };
}
