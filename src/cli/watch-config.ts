import { statSync } from 'node:fs';

const lookMs = 500;

/**
 * Calls `changed` when the file has changed. Looks at it now and then: notices of the file system miss files that
 * editors replace, and mounts of containers send none.
 */
export function watchConfig(file: string | undefined, changed: () => Promise<void>): () => void {
  if (file === undefined) return () => {};
  let seen = stampOf(file);
  let working: Promise<void> | undefined;
  const timer = setInterval(() => {
    const now = stampOf(file);
    // A file that is being replaced is gone for a moment.
    if (now === undefined || now === seen || working) return;
    seen = now;
    working = changed().finally(() => (working = undefined));
  }, lookMs);
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}

function stampOf(file: string): string | undefined {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return undefined;
  }
}
