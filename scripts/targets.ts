/** A platform that an executable is built for. */
export interface Target {
  /** As in the name of its npm package: `dragoman-linux-x64`. */
  readonly name: string;
  /** The npm package that holds the runtime. */
  readonly runtime: string;
  /** What npm compares with the machine that it installs on. */
  readonly os: 'linux' | 'darwin' | 'win32';
  readonly cpu: 'x64' | 'arm64';
  readonly libc?: 'glibc' | 'musl';
}

export const targets: readonly Target[] = [
  { name: 'linux-x64', runtime: '@oven/bun-linux-x64', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { name: 'linux-arm64', runtime: '@oven/bun-linux-aarch64', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { name: 'linux-x64-musl', runtime: '@oven/bun-linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  {
    name: 'linux-arm64-musl',
    runtime: '@oven/bun-linux-aarch64-musl',
    os: 'linux',
    cpu: 'arm64',
    libc: 'musl',
  },
  { name: 'darwin-arm64', runtime: '@oven/bun-darwin-aarch64', os: 'darwin', cpu: 'arm64' },
  { name: 'darwin-x64', runtime: '@oven/bun-darwin-x64', os: 'darwin', cpu: 'x64' },
  { name: 'windows-x64', runtime: '@oven/bun-windows-x64', os: 'win32', cpu: 'x64' },
];

/** The file's name; the same on every path, because it becomes part of what is built. */
export const executableName = ({ os }: Pick<Target, 'os'>): string =>
  os === 'win32' ? 'dragoman.exe' : 'dragoman';

/** The platform that this process runs on. */
export function hostTarget(): Target {
  const libc = process.platform === 'linux' ? (isMusl() ? 'musl' : 'glibc') : undefined;
  const found = targets.find(
    (target) => target.os === process.platform && target.cpu === process.arch && target.libc === libc,
  );
  if (found === undefined) throw new Error(`nothing is built for ${process.platform} ${process.arch}`);
  return found;
}

const isMusl = (): boolean => {
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  return header?.glibcVersionRuntime === undefined;
};
