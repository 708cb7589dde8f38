import { afterAll, beforeAll } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasPostgres, startPostgres, type Postgres } from './postgres.ts';

/** What a store is called in the titles of tests, and the address of a new one. */
export type Engine = [name: string, address: () => Promise<string>];

export interface Engines {
  readonly engines: readonly Engine[];
  /** A directory that goes with the test file. */
  readonly dir: string;
  /** The address of a new database of PostgreSQL, where that is installed. */
  readonly database: () => Promise<string>;
}

/**
 * The engines that a test file holds its stores to: SQLite, and a PostgreSQL of its own where that is installed. Both
 * end with the file.
 */
export function storeEngines({ sqlite = 'sqlite', postgres = 'postgres' } = {}): Engines {
  const dir = mkdtempSync(join(tmpdir(), 'dragoman-engines-'));
  let running: Postgres | undefined;
  let files = 0;
  beforeAll(async () => {
    if (hasPostgres) running = await startPostgres();
  }, 60_000);
  afterAll(async () => {
    await running?.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const engines: Engine[] = [[sqlite, async () => `sqlite:${join(dir, `${++files}.db`)}`]];
  const database = (): Promise<string> => running!.database();
  if (hasPostgres) engines.push([postgres, database]);
  else console.log('skipped: PostgreSQL is not installed');
  return { engines, dir, database };
}
