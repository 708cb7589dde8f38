import { chmodSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** A link stays a link: what it leads to is changed. */
export function whereItIs(path: string): { path: string; isNew: boolean } {
  try {
    return { path: realpathSync(path), isNew: false };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
    return { path, isNew: true };
  }
}

/** Whoever watches the file must never see half of it; and it may hold secrets. */
export function replaceFile(path: string, text: string | Uint8Array, mode: number): void {
  const next = `${path}.${process.pid}.new`;
  // What a process that was killed has left there, or somebody else has put there: a link would be followed.
  rmSync(next, { force: true });
  writeFileSync(next, text, { mode, flag: 'wx' });
  // What the process masks off new files is no part of the mode that was asked for.
  chmodSync(next, mode);
  try {
    renameSync(next, path);
  } catch (error) {
    // A file that is mounted by itself, as containers do, cannot be replaced.
    const isMounted = (error as { code?: string }).code === 'EBUSY';
    try {
      if (!isMounted) throw error;
      writeFileSync(path, text);
    } finally {
      rmSync(next, { force: true });
    }
  }
}
