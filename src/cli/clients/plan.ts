import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { replaceFile, whereItIs } from '../../config/replace-file.ts';
import type { Setting, SettingsFile } from './client.ts';
import { change, EditError, prune, read, valueAt, type Format } from './format.ts';
import { foundBefore, type JournalFile } from './journal.ts';

/** A file as it is found. */
export interface Found {
  readonly text: string;
  /** Its permission bits. */
  readonly mode: number;
}

/** What becomes of one file. */
export interface Plan extends SettingsFile {
  /** What is there; `undefined` where there is no file. */
  readonly now: Found | undefined;
  /** What undoing it brings back: what is there, without what an earlier setup has put into it. */
  readonly before: Found | undefined;
  readonly after: Found;
  /** Folders that have to be made, outermost first. */
  readonly folders: readonly string[];
}

/** Settings files are small; what is larger is no such file. */
const fileBytesMax = 4 * 1024 * 1024;

export function findFile(path: string): Found | undefined {
  if (!existsSync(path)) return undefined;
  const { size, mode } = statSync(path);
  if (size > fileBytesMax) throw new EditError(`it is larger than ${fileBytesMax} bytes`);
  const bytes = readFileSync(path);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new EditError('it is not UTF-8');
  return { text, mode: mode & 0o777 };
}

/** What the settings make of a file; throws an `EditError` where it cannot be changed safely. */
export function plan(file: SettingsFile, earlier: JournalFile | undefined): Plan {
  const { path, format, settings } = file;
  try {
    const now = findFile(path);
    const before = now && earlier ? withoutSetup(format, now, earlier).found : now;
    let text = before?.text ?? '';
    const known = read(format, text);
    const set = settings.filter(
      ({ path: at, unlessThere }) => !unlessThere || valueAt(known, at) === undefined,
    );
    for (const { path: at, value } of set) text = change(format, text, at, value);
    // A key is for its owner only.
    const hasKey = settings.some(({ role }) => role === 'key');
    const mode = before === undefined ? 0o600 : hasKey ? before.mode & 0o700 : before.mode;
    const folders = now && earlier ? earlier.folders : missingFolders(path);
    return { path, format, settings: set, now, before, after: { text, mode }, folders };
  } catch (error) {
    if (error instanceof EditError) throw new EditError(`${path}: ${error.message}`);
    throw error;
  }
}

/**
 * What a file was without its setup: to the byte where nobody has changed it since, else with the changes. Names the
 * settings that somebody has changed, which therefore stay.
 */
export function withoutSetup(
  format: Format,
  now: Found,
  earlier: JournalFile,
): { found: Found | undefined; edited: boolean; kept: readonly string[] } {
  const before = foundBefore(earlier);
  if (hashOf(now.text) === earlier.hash) return { found: before, edited: false, kept: [] };
  if (now.text === before?.text) return { found: now, edited: false, kept: [] };
  const { text, kept } = withoutSettings(format, now.text, before?.text ?? '', earlier.settings);
  const isNothing = before === undefined && /^[\s{}]*$/.test(text);
  return { found: isNothing ? undefined : { text, mode: before?.mode ?? now.mode }, edited: true, kept };
}

/** Each setting that still is as it was left gets its old value back, or goes. */
function withoutSettings(
  format: Format,
  text: string,
  before: string,
  settings: JournalFile['settings'],
): { text: string; kept: string[] } {
  const old = read(format, before);
  const kept: string[] = [];
  for (const { path, hash } of settings) {
    const at = path as unknown as Setting['path'];
    const now = valueAt(read(format, text), at);
    if (now === undefined) continue;
    if (hashOf(now) !== hash) {
      kept.push(path.join('.'));
      continue;
    }
    const value = valueAt(old, at) as Setting['value'] | undefined;
    text = change(format, text, at, value);
    if (value === undefined) text = prune(format, text, at, old);
  }
  return { text, kept };
}

/** SHA-256, in hex; of JSON where it is no text. */
export const hashOf = (value: unknown): string =>
  createHash('sha256')
    .update(typeof value === 'string' ? value : JSON.stringify(value))
    .digest('hex');

/** Writes a file in one step, and the folders that it needs. */
export function write(path: string, { text, mode }: Found): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(whereItIs(path).path, text, mode);
}

/** Takes away a file, and the folders that were made for it as far as nothing else has come into them. */
export function takeAway(path: string, folders: readonly string[]): void {
  rmSync(path, { force: true });
  for (const folder of folders.toReversed()) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}

function missingFolders(path: string): string[] {
  const missing: string[] = [];
  for (let folder = dirname(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  return missing;
}
