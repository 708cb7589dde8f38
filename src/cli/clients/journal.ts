import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../config/replace-file.ts';
import type { ClientName } from './names.ts';
import type { Found } from './plan.ts';

const journalSchema = z.strictObject({
  client: z.string(),
  url: z.string(),
  model: z.string().optional(),
  /** The gateway key that was made; absent where the person brought one. */
  key: z.strictObject({ id: z.string(), prefix: z.string() }).optional(),
  files: z.array(
    z.strictObject({
      path: z.string(),
      /** The file as it was, in base64; absent where there was none. */
      before: z.strictObject({ bytes: z.string(), mode: z.number() }).optional(),
      /** Folders that were made for it, outermost first. */
      folders: z.array(z.string()),
      /** SHA-256 of the file as it was left. */
      hash: z.string(),
      settings: z.array(z.strictObject({ path: z.array(z.string()), hash: z.string() })),
    }),
  ),
});

/** What a setup has done, so that it can be undone. */
export type Journal = z.infer<typeof journalSchema>;
export type JournalFile = Journal['files'][number];

const journalPath = (home: string, client: ClientName): string => join(home, 'clients', `${client}.json`);

/** What is known of a client's setup; `undefined` where there was none. */
export function readJournal(home: string, client: ClientName): Journal | undefined {
  const path = journalPath(home, client);
  if (!existsSync(path)) return undefined;
  return journalSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** Kept for its owner only: what a file held before may be a secret. */
export function writeJournal(home: string, client: ClientName, journal: Journal): void {
  mkdirSync(join(home, 'clients'), { recursive: true, mode: 0o700 });
  replaceFile(journalPath(home, client), `${JSON.stringify(journal, null, 2)}\n`, 0o600);
}

export const forgetJournal = (home: string, client: ClientName): void =>
  rmSync(journalPath(home, client), { force: true });

/** The file as it was before any setup. */
export const foundBefore = ({ before }: JournalFile): Found | undefined =>
  before && { text: Buffer.from(before.bytes, 'base64').toString('utf8'), mode: before.mode };
