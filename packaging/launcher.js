#!/usr/bin/env node
// Starts the executable of this platform, which npm has installed beside this package. Plain Node, no dependency.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';

const file = executable();
if (file === undefined) {
  console.error(
    `dragoman: there is no executable for ${process.platform} ${process.arch}. ` +
      'Either it is not built for this platform, or npm was told to leave optional dependencies out.',
  );
  process.exit(1);
}

const child = spawn(file, process.argv.slice(2), { stdio: 'inherit' });
// A terminal sends its Ctrl-C to both; a second one would cut open streams.
const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!(onTerminal && signal === 'SIGINT')) child.kill(signal);
  });
}
child.on('error', (error) => {
  console.error(`dragoman: ${error.message}`);
  process.exit(1);
});
child.on('exit', (status, signal) => {
  process.exit(status ?? 128 + (constants.signals[signal] ?? 0));
});

function executable() {
  const { resolve } = createRequire(import.meta.url);
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const musl = os === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined;
  try {
    const name = `dragoman-${os}-${process.arch}${musl ? '-musl' : ''}`;
    return resolve(`${name}/bin/dragoman${os === 'windows' ? '.exe' : ''}`);
  } catch {
    return undefined;
  }
}
